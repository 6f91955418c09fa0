"""The verb `predict`: answers for images, in the memory of a few batches however many images there are."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, cast, overload

from skipwise.core.errors import SkipwiseError, unknown_name
from skipwise.core.files.paths import output_path
from skipwise.core.options import flag
from skipwise.core.reporting import Progress
from skipwise.core.shown import Shown
from skipwise.core.signatures import takes
from skipwise.deploy.predict.answer_file import RowFile
from skipwise.deploy.predict.answer_plan import AnswerPlan
from skipwise.deploy.predict.answers import Answer, Csv, JsonLines, RowFormat, Rows, answers_of
from skipwise.deploy.predict.decoding import InputImage
from skipwise.deploy.predict.inputs import Inputs
from skipwise.deploy.predict.options import PredictOptions
from skipwise.deploy.predict.predictor import Predictor

Images = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


@dataclass(frozen=True, kw_only=True)
class Predicted(Shown):
    """A finished file of answers.

    Args:
        file: where it is.
        images: number of images, which is the number of its rows.
        unreadable: how many of them have an error instead of a class.
        first: the first few of these, each with its error.
        left_out: number of files in folders and archives that are not images by their names.
        repeated: whether the file was finished before.
    """

    file: Path
    images: int
    unreadable: int
    first: tuple[tuple[str, str], ...]
    left_out: int
    repeated: bool


@dataclass(frozen=True, kw_only=True)
class PredictionJob:
    """An open network and the images that were found; nothing is answered yet.

    Args:
        predictor: answers the images.
        inputs: the images.
        top: how many classes an answer has, the most likely first; all of them with `probabilities`.
        probabilities: whether answers have all classes.
    """

    predictor: Predictor
    inputs: Inputs
    top: int
    probabilities: bool

    def batches(self, progress: Progress | None = None) -> Iterator[list[Answer]]:
        """The answers, in order, a batch at a time.

        Raises:
            SkipwiseError: a folder or an archive can't be read any more.
        """
        return self._answers(self.inputs.images(), 0, progress)

    def into(self, output: Path, format: RowFormat, progress: Progress | None = None) -> Predicted:
        """Writes the answers into a file, or those that it still lacks.

        Raises:
            SkipwiseError: as `RowFile` and `batches`.
        """
        total = self.inputs.count
        plan = AnswerPlan(
            model=self.predictor.identity,
            inputs=self.inputs.named,
            format=format,
            top=self.top,
            probabilities=self.probabilities,
            batch_size=self.predictor.batch_size,
        )

        def told(rows: int) -> None:
            if progress is not None:
                progress("Checking the rows so far", rows, total)

        with RowFile(output, plan, self.rows(format)) as file:
            images = file.rest(self.inputs.images(), told)
            repeated = True
            for batch in self._answers(images, file.tally.images, progress):
                repeated = False
                file.add(batch)
            file.finish()
        return Predicted(
            file=output,
            images=file.tally.images,
            unreadable=file.tally.unreadable,
            first=tuple(file.tally.first),
            left_out=self.inputs.left_out,
            repeated=repeated,
        )

    def rows(self, format: RowFormat) -> Rows:
        """Returns the format of the answers, by its name."""
        kind: type[Csv] | type[JsonLines] = Csv if format == "csv" else JsonLines
        return kind(classes=self.predictor.classes, top=self.top, probabilities=self.probabilities)

    def _answers(self, images: Iterable[InputImage], done: int, progress: Progress | None) -> Iterator[list[Answer]]:
        most = len(self.predictor.classes) if self.probabilities else self.top
        for batch in self.predictor.batches(images, answered=done):
            yield list(answers_of(batch, self.predictor.classes, most))
            done += len(batch.names)
            if progress is not None:
                progress("Predicting", done, max(done, self.inputs.count))


def prepare(
    model: str | os.PathLike[str], inputs: Images, options: PredictOptions, progress: Progress | None = None
) -> PredictionJob:
    """Opens the network and finds the images; the arguments are those of `predict`."""
    top, compute = options.answers.top, options.compute
    for name, value in {"top": top, **vars(compute)}.items():
        if value is not None and value < 1:
            raise SkipwiseError(f"{flag(name)} must be at least 1, not {value}.")
    predictor = Predictor(model, **vars(compute), trust=options.trust.trust)
    if top > len(predictor.classes):
        raise SkipwiseError(f"This network knows {len(predictor.classes)} classes; --top can't be {top}.")
    given = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    found = Inputs(given, progress)
    return PredictionJob(predictor=predictor, inputs=found, top=top, probabilities=options.answers.probabilities)


def format_of(output: Path | None, format: str | None) -> RowFormat | Literal["table"]:
    """Chooses the format: the one that was asked for, else by the file's suffix, else a table where there is no file.

    Raises:
        SkipwiseError: there is no such format, or none for this file.
    """
    formats: dict[str, RowFormat] = {"csv": "csv", "jsonl": "jsonl"}
    if format is not None and format not in (*formats, "table"):
        raise unknown_name("format", format, (*formats, "table"))
    if output is None:
        return formats.get(format or "", "table")
    if format == "table":
        raise SkipwiseError("A table is for the terminal; leave --output out, or choose --format csv or jsonl.")
    chosen = formats.get(format or output.suffix.lower()[1:])
    if chosen is None:
        raise SkipwiseError(f"{output} does not say what to write; let it end in .csv or .jsonl, or give --format.")
    return chosen


class Predict(Protocol):
    """The function `predict`: it gives an iterator, or with `output` what was written."""

    @overload
    def __call__(
        self, model: str | os.PathLike[str], inputs: Images, *, output: None = None, **options: Any
    ) -> Iterator[Answer]: ...

    @overload
    def __call__(
        self, model: str | os.PathLike[str], inputs: Images, *, output: str | os.PathLike[str], **options: Any
    ) -> Predicted: ...


def _typed(function: Callable[..., Iterator[Answer] | Predicted]) -> Predict:
    """The function, with what it returns by `output` told to type checkers."""
    return cast(Predict, function)


@_typed
@takes(PredictOptions)
def predict(
    model: str | os.PathLike[str],
    inputs: Images,
    *,
    options: PredictOptions,
    progress: Progress | None = None,
) -> Iterator[Answer] | Predicted:
    """Answers images: as an iterator that computes answers while they are asked for, or written into a file.

    Args:
        model (str | Path): the folder of an exported network, or of a finished run.
        inputs (str | Path | Iterable[str | Path]): image files, folders (with everything below them), archives, or "-"
            for one image on standard input.
        progress (Callable[[str, int, int], None] | None): called as progress(what, done, total); None by default.

    Returns:
        Iterator[Answer] | Predicted: the answers in order; or, with `output`, the finished file. An image that can't
        be read raises nothing: its answer has an `error`.

    Raises:
        SkipwiseError: there is no such network or image, an argument is out of range, the file belongs to another call,
            or it can't be written.

    Example:
        >>> import skipwise
        >>> for answer in skipwise.predict("runs/export/images-onnx-fp32", "photos/"):
        ...     print(answer.path, answer.classes, answer.error)  # doctest: +ELLIPSIS
        photos/a.png ('...',) None
        >>> skipwise.predict("runs/export/images-onnx-fp32", "photos/", output="answers.csv").images
        1
    """
    file = None if options.answers.output is None else output_path(options.answers.output)
    kind = format_of(file, options.answers.format)
    work = prepare(model, inputs, options, progress)
    if file is None or kind == "table":
        return itertools.chain.from_iterable(work.batches(progress))
    return work.into(file, kind, progress)
