"""Answers as lines of a .csv or .jsonl file that can be gone on with after any interruption.

    answers.csv                   a line per image, in order
    .answers.csv.skipwise.json    what these answers are of: the `Terms`
"""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Literal, Protocol

import msgspec

from skipwise.deploy.inputs import Found, Named
from skipwise.errors import SkipwiseError
from skipwise.files import explained, make_folder, read_json, write_json

RowFormat = Literal["csv", "jsonl"]
ELSEWHERE = "choose another file with --output"
SHOWN = 3
"""Unreadable files that are named at the end; the rows name them all."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an image was taken for.

    Args:
        path: the image, as it was named or found.
        classes: the most likely ones, the most likely first; none if the image can't be read.
        probabilities: theirs; None if the image can't be read.
        error: why the image can't be read, or None.
    """

    path: str
    classes: tuple[str, ...] = ()
    probabilities: tuple[float, ...] | None = None
    error: str | None = None


class Rows(Protocol):
    """How answers are written, a line each."""

    @property
    def header(self) -> str:
        """The first line, or ""."""

    def row(self, answer: Answer) -> str:
        """An answer's line, its end included."""

    def read(self, line: str) -> tuple[str, str]:
        """Back from a line: the image's name, and what is wrong with it or "". Raises ValueError."""


@dataclass(frozen=True, kw_only=True)
class Csv:
    """The columns path, class, probability, class_2, probability_2, ..., error, and p_<class> of every class if asked.

    Args:
        classes: of the network.
        top: so many of them, the most likely first.
        probabilities: whether the answers have all classes and every one gets a column.
    """

    classes: tuple[str, ...]
    top: int
    probabilities: bool

    @property
    def header(self) -> str:
        ranks = ["", *(f"_{rank}" for rank in range(2, self.top + 1))]
        best = [f"{what}{rank}" for rank in ranks for what in ("class", "probability")]
        return _csv_line(["path", *best, "error", *(f"p_{name}" for name in self.classes if self.probabilities)])

    def row(self, answer: Answer) -> str:
        if answer.probabilities is None:
            rest = len(self.classes) if self.probabilities else 0
            return _csv_line([answer.path, *[""] * (2 * self.top), answer.error or "", *[""] * rest])
        written = [f"{value:.6f}" for value in answer.probabilities]
        best = itertools.chain.from_iterable(zip(answer.classes[: self.top], written, strict=False))
        of = dict(zip(answer.classes, written, strict=True)) if self.probabilities else {}
        return _csv_line([answer.path, *best, "", *(of[name] for name in self.classes if self.probabilities)])

    def read(self, line: str) -> tuple[str, str]:
        cells = next(csv.reader([line], strict=True))
        if len(cells) != 2 + 2 * self.top + (len(self.classes) if self.probabilities else 0):
            raise ValueError(f"{len(cells)} columns")
        return cells[0], cells[1 + 2 * self.top]


@dataclass(frozen=True, kw_only=True)
class JsonLines:
    """An object per line: path, class, probability, top, and probabilities if asked; or path and error."""

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
        return msgspec.json.encode(record).decode() + "\n"

    def read(self, line: str) -> tuple[str, str]:
        record = msgspec.json.decode(line, type=dict[str, object])
        return str(record["path"]), str(record.get("error", ""))


def _csv_line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a file's answers are of. The same terms give the same file.

    Args:
        version: of this record.
        model: the network's identity.
        inputs: what was named.
        format, top, probabilities: of the rows.
        batch_size: of the network; answers may differ in their last digit by what they are computed together with.
    """

    version: int = 1
    model: str
    inputs: tuple[Named, ...]
    format: RowFormat
    top: int
    probabilities: bool
    batch_size: int

    def difference(self, other: Terms) -> str:
        """What differs, for a person; "" if nothing does."""
        if self.version != other.version:
            return "written by another version of Skipwise"
        if self.model != other.model:
            return "of another network"
        if self.inputs != other.inputs:
            return "of other images"
        mine, theirs = asdict(self), asdict(other)
        return ", ".join(
            f"--{name.replace('_', '-')} was {theirs[name]}" for name in mine if mine[name] != theirs[name]
        )


@dataclass
class Tally:
    """Counts answers. `first` has the first images that can't be read, with what is wrong with them."""

    images: int = 0
    unreadable: int = 0
    first: list[tuple[str, str]] = field(default_factory=list)

    def add(self, path: str, error: str) -> None:
        """Counts one; its `error` is "" if it was answered."""
        self.images += 1
        if error:
            self.unreadable += 1
            if len(self.first) < SHOWN:
                self.first.append((path, error))


class RowFile:
    """A file of rows that this process alone writes, begun or gone on with. Use as a context manager.

    Every image has its row. On a disk that is full the last row may be incomplete, as after a kill.

    Args:
        path: the file; it is made where there is none.

    Raises:
        SkipwiseError: it can't be written, another process writes it, or it is not ours, or of other terms.
    """

    def __init__(self, path: Path, terms: Terms, rows: Rows) -> None:
        self.path, self.terms, self.rows = path, terms, rows
        self.tally = Tally()
        sidecar = path.with_name(f".{path.name}.skipwise.json")
        if path.exists() and not path.is_file():
            raise SkipwiseError(f"{path} is not a file; {ELSEWHERE}.")
        make_folder(path.parent, mend=ELSEWHERE)
        with explained(path, mend=ELSEWHERE):
            # Unbuffered, so that nothing waits to be written when a disk is full; "a" makes it, and never empties it.
            self._file: IO[bytes] = path.open("ab", buffering=0)
        try:
            _lock(self._file, path)
            if path.stat().st_size == 0:  # made just now, or by somebody who was killed at once
                write_json(sidecar, terms)
                self._write(rows.header)
            elif not sidecar.exists():
                raise SkipwiseError(f"{path} is there already, and not a file of answers; {ELSEWHERE}, or remove it.")
            else:
                stored = read_json(sidecar, Terms, mend=f"remove it and {path.name} to start again")
                if difference := terms.difference(stored):
                    raise SkipwiseError(
                        f"{path} holds answers under other terms ({difference}); {ELSEWHERE}, or give the command that "
                        "began it."
                    )
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> RowFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def rest(self, images: Iterable[Found]) -> Iterator[Found]:
        """The images that still need a row, from the beginning of a batch on; rows behind that are removed.

        The rows of whole batches are kept, so that every image is computed together with the same others, whenever
        that is. Before anything is removed all rows are held against the images.

        Raises:
            SkipwiseError: the rows are of other images.
        """
        batch: list[tuple[Found, str]] = []
        waiting, line, number = iter(images), "", 0
        with self.path.open(encoding="utf-8", newline="\n", errors="replace") as lines:
            header = lines.readline()
            if header != self.rows.header if self.rows.header else lines.seek(0):
                if header.endswith("\n") or not self.rows.header.startswith(header):
                    raise self._other(1, "the column names")
                header = ""
        del header, line, number, batch
        return waiting
