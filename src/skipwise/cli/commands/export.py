"""The verb `export` on the command line."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from skipwise.cli.declared import Line
from skipwise.cli.options import PrintOptions, names, print_json
from skipwise.core.errors import SkipwiseError
from skipwise.core.escaping import say
from skipwise.core.files.atomic import LARGEST_RECORD
from skipwise.core.files.paths import user_path
from skipwise.core.files.regular import read_regular
from skipwise.data.options import asked_reading
from skipwise.deploy.export.options import ExportOptions

Run = Annotated[str, typer.Argument(metavar="RUN", help="The folder of a finished run, or a file of weights.")]
Images = Annotated[
    str | None,
    typer.Argument(metavar="[DATA]", help="The run's images, if they are not any more where they were."),
]


def export(line: Line[ExportOptions], run: Run, data: Images = None, *, shown: PrintOptions) -> None:
    """Make one file of a run that takes pixels of any size and answers as the run does."""
    from skipwise.core.progress import Bar
    from skipwise.deploy.artifact.trained_network import ExternalWeights
    from skipwise.deploy.export.export import export as make

    asked, elsewhere = line.options, None
    weights = asked.weights
    if weights.init_key is not None and weights.model is None:
        raise SkipwiseError("--init-key is for a file of weights, which needs --model and --classes as well.")
    of_run = weights.classes is None and (user_path(run) / "run.json").exists()
    if not of_run and (weights.model is not None or weights.classes is not None):
        if weights.model is None or weights.classes is None:
            raise SkipwiseError("A file of weights needs both --model and --classes.")
        given = {name: value for name, value in vars(weights).items() if value is not None}
        for name in {"mean", "std"} & given.keys():
            given[name] = tuple(given[name])
        elsewhere = ExternalWeights(**given | {"classes": _lines(str(weights.classes))})

    with Bar(sys.stderr) as bar:
        made = make(
            run,
            data,
            format=asked.file.format,
            precision=asked.file.precision,
            max_drop=asked.file.max_drop,
            output=asked.folder.output,
            elsewhere=elsewhere,
            trust=(weights.model if of_run else None) or asked.trust.trust,
            reading=asked_reading(asked.reading),
            sign=asked.file.sign,
            progress=bar.preparing,
            notice=bar.noticed,
        )
        for note in made.notes:
            bar.noticed(note)
    if shown.json:
        print_json({"folder": str(made.folder), "artifact": made.artifact, "bytes": made.size})
        return
    from skipwise.deploy.verify.wording import exported, verify_command

    for sentence in exported(made):
        say(sentence)
    say()
    say(f"Artifact: {made.folder}")
    say(f"Next:     {verify_command(made)}")


def _lines(classes: str) -> tuple[str, ...]:
    """Names that commas separate, or the lines of a file."""
    path = user_path(classes)
    if "," not in classes and path.is_file():
        text = read_regular(path, LARGEST_RECORD).decode("utf-8", "backslashreplace")
        return tuple(line.strip() for line in text.splitlines() if line.strip())
    return tuple(names(classes))
