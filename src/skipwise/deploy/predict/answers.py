"""Answers, and how each is written as a line of a .csv or .jsonl file."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec
import numpy as np

from skipwise.core.escaping import csv_cell, from_csv_cell, json_text
from skipwise.deploy.predict.predictor import Batch

RowFormat = Literal["csv", "jsonl"]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer for an image.

    Args:
        path: the image, as it was named or found.
        classes: the most likely classes, the most likely first; empty where there is an error.
        probabilities: their probabilities, from 0 to 1; None where there is an error.
        error: None, or why there is no answer: the image can't be read, or the network's file is damaged.
    """

    path: str
    classes: tuple[str, ...] = ()
    probabilities: tuple[float, ...] | None = None
    error: str | None = None


def answers_of(batch: Batch, classes: Sequence[str], most: int) -> Iterator[Answer]:
    """The answers of a batch.

    Args:
        classes: those of the network, in its order.
        most: how many of them an answer has, the most likely first.
    """
    order = np.argsort(-batch.probabilities, axis=1, kind="stable")[:, :most]
    best = np.take_along_axis(batch.probabilities, order, axis=1)
    for name, error, numbers, values in zip(batch.names, batch.errors, order.tolist(), best.tolist(), strict=True):
        if error is not None:
            yield Answer(path=name, error=error)
        else:
            yield Answer(path=name, classes=tuple(classes[each] for each in numbers), probabilities=tuple(values))


class Rows(Protocol):
    """A format that writes each answer as a line."""

    @property
    def header(self) -> str:
        """The first line of the file, or ""."""

    def row(self, answer: Answer) -> str:
        """The line of an answer, including its end."""

    def read(self, line: str) -> tuple[str, str]:
        """Reads a line: the image's name, and its error or "". Raises ValueError."""


@dataclass(frozen=True, kw_only=True)
class Csv:
    """Rows of path, class, probability, class_2, probability_2, ..., error, and perhaps p_<class> for each class.

    They may be opened in a spreadsheet: see `csv_cell`. Each row is one line.

    Args:
        classes: the network's classes.
        top: how many classes a row has, the most likely first.
        probabilities: whether the answers have all classes, and each gets a column.
    """

    classes: tuple[str, ...]
    top: int
    probabilities: bool

    @property
    def header(self) -> str:
        ranks = ["", *(f"_{rank}" for rank in range(2, self.top + 1))]
        best = [f"{what}{rank}" for rank in ranks for what in ("class", "probability")]
        return _csv_line(
            ["path", *best, "error", *(csv_cell(f"p_{name}") for name in self.classes if self.probabilities)]
        )

    def row(self, answer: Answer) -> str:
        if answer.probabilities is None:
            rest = len(self.classes) if self.probabilities else 0
            return _csv_line(
                [csv_cell(answer.path), *[""] * (2 * self.top), csv_cell(answer.error or ""), *[""] * rest]
            )
        written = [f"{value:.6f}" for value in answer.probabilities]
        best = itertools.chain.from_iterable(zip(map(csv_cell, answer.classes[: self.top]), written, strict=False))
        of = dict(zip(answer.classes, written, strict=True)) if self.probabilities else {}
        return _csv_line([csv_cell(answer.path), *best, "", *(of[name] for name in self.classes if self.probabilities)])

    def read(self, line: str) -> tuple[str, str]:
        cells = next(csv.reader([line], strict=True))
        if len(cells) != 2 + 2 * self.top + (len(self.classes) if self.probabilities else 0):
            raise ValueError(f"{len(cells)} columns")
        return from_csv_cell(cells[0]), from_csv_cell(cells[1 + 2 * self.top])


@dataclass(frozen=True, kw_only=True)
class JsonLines:
    """Objects, a line for each: path, class, probability, top and perhaps probabilities; or path and error."""

    classes: tuple[str, ...]
    top: int
    probabilities: bool

    @property
    def header(self) -> str:
        return ""

    def row(self, answer: Answer) -> str:
        record: dict[str, object] = {"path": answer.path}
        if answer.probabilities is None:
            record["error"] = answer.error
        else:
            pairs = [(n, round(value, 6)) for n, value in zip(answer.classes, answer.probabilities, strict=True)]
            record |= {"class": pairs[0][0], "probability": pairs[0][1], "top": pairs[: self.top]}
            if self.probabilities:
                of = dict(pairs)
                record["probabilities"] = {name: of[name] for name in self.classes}
        return json_text(msgspec.json.encode(record).decode()) + "\n"

    def read(self, line: str) -> tuple[str, str]:
        record = msgspec.json.decode(line, type=dict[str, object])
        return str(record["path"]), str(record.get("error") or "")


def _csv_line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
