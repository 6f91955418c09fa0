"""The verb `predict` on the command line."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from skipwise.cli.declared import Line
from skipwise.cli.options import OwnModelOptions
from skipwise.cli.program import as_typed
from skipwise.core.errors import SkipwiseError
from skipwise.core.escaping import say
from skipwise.core.files.paths import output_path
from skipwise.core.machine.streams import need_output
from skipwise.core.text import command, count, printable, shortened
from skipwise.deploy.predict.options import PredictOptions
from skipwise.nets.options import TrustOptions

if TYPE_CHECKING:
    from skipwise.core.progress import Bar
    from skipwise.deploy.predict.answer_file import Tally
    from skipwise.deploy.predict.answers import Answer, RowFormat
    from skipwise.deploy.predict.predict import PredictionJob

MOST_REPEATED = 8
"""The next command repeats the images only if there are at most this many."""


Model = Annotated[str, typer.Argument(metavar="ARTIFACT|RUN", help="What 'skipwise export' or 'skipwise train' made.")]
Images = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGES",
        help="Image files, folders with images at any depth, a .zip or .tar of them, or - for one image on standard "
        "input.",
    ),
]


def predict(line: Line[PredictOptions], model: Model, images: Images, own: OwnModelOptions) -> int:
    """Classify images with a trained network. A million of them need no more memory than a few."""
    from skipwise.core.progress import Bar
    from skipwise.deploy.predict.answer_file import Tally
    from skipwise.deploy.predict.predict import format_of, prepare

    asked = line.options
    if own.own_model is not None:
        asked = replace(asked, trust=TrustOptions(trust=own.own_model))
    answers, trust = asked.answers, asked.trust.trust
    file = None if answers.output is None else output_path(answers.output)
    kind = format_of(file, answers.format)
    if answers.probabilities and kind == "table":
        raise SkipwiseError("--probabilities is for files and programs; give --output, or --format csv or jsonl.")
    if file is None:
        need_output("give --output FILE")
    warnings.filterwarnings("ignore", module="PIL")  # about odd metadata
    with Bar(sys.stderr) as bar:
        work = prepare(model, images, asked, bar.preparing)
        if left_out := work.inputs.left_out:
            unlike = "are left out: they are not named like images"
            unlike = unlike if left_out > 1 else "is left out: it is not named like an image"
            bar.noticed(f"{count(left_out, 'file')} {unlike}.")
        for note in work.inputs.notes:
            bar.noticed(note)
        if file is not None and kind != "table":
            done = work.into(file, kind, bar.preparing)
            tally = Tally(images=done.images, unreadable=done.unreadable, first=list(done.first))
        else:
            tally = _print(work, kind, bar)
    _check(tally)
    trusted = ["--model", own.own_model] if own.own_model else ["--trust"] if trust else []
    if file is not None:
        say(f"{file} is finished already; nothing was left to do." if done.repeated else "")
        say(f"Answers: {file} ({count(tally.images, 'image')})")
        say(f"Next:    {as_typed(_used_further(model, trusted))}")
    elif kind == "table":
        words = line.words(without={"model", "images", "own_model", "trust", "format"})
        say(f"\nNext:   {as_typed(_kept_next(model, images, trusted, words))}", file=sys.stderr)
    return 0


def _used_further(model: str, trusted: Sequence[str]) -> str:
    """The command after answers were kept: a run is exported, and what was exported is served."""
    from skipwise.core.remote.copies import local_path

    if (local_path(model) / "run.json").exists():
        return command("skipwise", "export", Path(model), *trusted)
    return command("skipwise", "serve", Path(model))


def _kept_next(model: str, images: Sequence[str], trusted: Sequence[str], words: Sequence[str | Path]) -> str:
    """The command that keeps the answers that were printed; of an image that was read as it came, there is none.

    Args:
        words: the options that were given.
    """
    if "-" in images:
        return _used_further(model, trusted)
    if len(images) > MOST_REPEATED:
        return "the same command with --output predictions.csv"
    named = map(Path, images)
    return command("skipwise", "predict", Path(model), *named, *words, *trusted, "--output", "predictions.csv")


def _print(work: PredictionJob, kind: RowFormat | Literal["table"], bar: Bar) -> Tally:
    """Answers on standard output, as they come."""
    from skipwise.deploy.predict.answer_file import Tally

    tally = Tally()
    rows = None if kind == "table" else work.rows(kind)
    # Rows that run through a terminal are their own progress, and a bar would be in their way.
    batches = work.batches(None if sys.stdout.isatty() else bar.preparing)
    output = sys.stdout.buffer
    # Files and programs get UTF-8, whatever a terminal takes.
    encoding = (sys.stdout.encoding, "backslashreplace") if kind == "table" else ("utf-8",)
    output.write(b"" if rows is None else rows.header.encode())
    table = _Table(work.predictor.classes, work.top)
    for batch in batches:
        lines = table.lines(batch) if rows is None else map(rows.row, batch)
        output.write("".join(lines).encode(*encoding))
        output.flush()
        for answer in batch:
            tally.add(answer.path, answer.error or "")
    return tally


class _Table:
    """Lines for people; the column of names grows when a longer one comes, since not all are known at first."""

    def __init__(self, classes: Sequence[str], top: int) -> None:
        self.width, self.top = len("image"), top
        self.classes = {name: shortened(printable(name)) for name in classes}
        self.column = max(map(len, (*self.classes.values(), "class")))
        self.begun = False

    def lines(self, batch: Sequence[Answer]) -> Iterator[str]:
        """A batch's lines, below the headings if it is the first."""
        self.width = max(self.width, *(len(answer.path) for answer in batch))
        if not self.begun:
            self.begun = True
            yield self._line("image", [("class", "probability")] * self.top)
        for answer in batch:
            if answer.probabilities is None:
                yield f"{answer.path:<{self.width}}  can't be answered: {printable(answer.error or '')}\n"
            else:
                names = [self.classes[name] for name in answer.classes]
                yield self._line(answer.path, zip(names, map("{:.1%}".format, answer.probabilities), strict=True))

    def _line(self, name: str, pairs: Iterable[tuple[str, str]]) -> str:
        return "  ".join((f"{name:<{self.width}}", *(f"{n:<{self.column}}  {p:>11}" for n, p in pairs))) + "\n"


def _check(tally: Tally) -> None:
    """Says which images can't be answered; raises SkipwiseError if none could."""
    if not tally.unreadable:
        return
    named = ", ".join(f"{name} ({error})" for name, error in tally.first)
    more = f" and {tally.unreadable - len(tally.first):,} more" if tally.unreadable > len(tally.first) else ""
    if tally.unreadable == tally.images:
        what = "The image" if tally.images == 1 else f"None of the {tally.images:,} images"
        can = "can't" if tally.images == 1 else "can"
        raise SkipwiseError(f"{what} {can} be answered: {named}{more}; is that what you meant?")
    say(f"{tally.unreadable:,} of {tally.images:,} images can't be answered: {named}{more}.", file=sys.stderr)
