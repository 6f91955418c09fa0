"""A file of answers that can be gone on with after any interruption.

answers.csv                   a row per image, in order
.answers.csv.skipwise.json    what these answers are of: the `Terms`
"""

from __future__ import annotations

import csv
import errno
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

import msgspec

from skipwise.deploy.inputs import Found, Named
from skipwise.deploy.rows import Answer, RowFormat, Rows
from skipwise.errors import SkipwiseError
from skipwise.files import explained, make_folder, read_json, write_json

VERSION = 1
"""Of the terms and the rows."""
ELSEWHERE = "choose another file with --output"
SHOWN = 3
"""Unreadable images that are named at the end; the rows name them all."""


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

    version: int = VERSION
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

    Every image has its row. After a kill, or on a full disk, the last row may be incomplete.

    Args:
        path: the file; it is made where there is none.

    Raises:
        SkipwiseError: it can't be written, another process writes it, or it is not ours, or of other terms.
    """

    def __init__(self, path: Path, terms: Terms, rows: Rows) -> None:
        self.path, self.terms, self.rows = path, terms, rows
        self.tally = Tally()
        sidecar = path.with_name(f".{path.name}.skipwise.json")
        with explained(path, mend=ELSEWHERE):
            if path.exists() and not path.is_file():
                raise SkipwiseError(f"{path} is not a file; {ELSEWHERE}.")
        with explained(path, mend=ELSEWHERE):
            self._file = _opened(path)
        try:
            _lock(self._file, path)
            if path.stat().st_size == 0:  # made just now, or by a process that was killed at once
                write_json(sidecar, terms)
                self._write(rows.header)
            elif not sidecar.exists():
                raise SkipwiseError(f"{path} is there already and is no file of these answers; {ELSEWHERE}.")
            else:
                stored = read_json(sidecar, Terms, mend=f"remove it and {path.name} to start again")
                if difference := terms.difference(stored):
                    raise SkipwiseError(
                        f"{path} holds other answers ({difference}); {ELSEWHERE}, or give the command that began it."
                    )
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> RowFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def rest(self, images: Iterable[Found], told: Callable[[int], None]) -> Iterator[Found]:
        """The images that need a row still, from the beginning of a batch on.

        Only the rows of whole batches are kept, so that an image is always computed together with the same others. All
        rows are held against the images before any is removed.

        Args:
            told: of the number of rows looked at, now and then.

        Raises:
            SkipwiseError: the rows are of other images.
        """
        source = iter(images)
        header = self.rows.header.encode()
        images_since: list[Found] = []  # the last whole batch
        errors_since: list[str] = []
        kept = length = len(header)
        with explained(self.path), self.path.open("rb") as lines:
            start = lines.read(len(header))
            if start != header and not header.startswith(start):
                raise self._altered("its first line is another one")
            if start != header:
                self._truncate(0)
                self._write(self.rows.header)
                return source
            for number, line in enumerate(lines, start=1):
                if number % 10_000 == 0:
                    told(number)
                image = next(source, None)
                if image is None:
                    raise self._altered("it has rows of images that are not there any more")
                images_since.append(image)
                if not line.endswith(b"\n"):  # cut off
                    break
                errors_since.append(self._error(line, image))
                length += len(line)
                if len(images_since) == self.terms.batch_size:
                    self._count(images_since, errors_since)
                    kept, images_since, errors_since = length, [], []
            else:
                image = next(source, None)
                if image is None:
                    self._count(images_since, errors_since)
                    return source
                images_since.append(image)
            self._truncate(kept)
        return itertools.chain(images_since, source)

    def add(self, answers: Sequence[Answer]) -> None:
        """Writes the rows of a batch.

        Raises:
            SkipwiseError: the disk is full, ...
        """
        self._write("".join(map(self.rows.row, answers)))
        for answer in answers:
            self.tally.add(answer.path, answer.error or "")

    def finish(self) -> None:
        """Brings all of it to the disk."""
        if not self._file.writable():
            return  # it was finished before
        with explained(self.path):
            os.fsync(self._file.fileno())

    def _truncate(self, length: int) -> None:
        if not self._file.writable():
            raise SkipwiseError(f"{self.path} is unfinished, and can't be written; make it writable, or {ELSEWHERE}.")
        self._file.truncate(length)

    def _write(self, text: str) -> None:
        data = text.encode()
        with explained(self.path, mend=ELSEWHERE):
            while data:
                data = data[os.write(self._file.fileno(), data) :]

    def _error(self, line: bytes, image: Found) -> str:
        try:
            name, error = self.rows.read(line.decode())
        except (ValueError, LookupError, csv.Error, msgspec.MsgspecError, RecursionError) as damage:
            raise self._altered(f"where {image.name} should be is no row of answers") from damage
        if name != image.name:
            raise self._altered(f"it has {name} where {image.name} should be")
        return error

    def _count(self, images: Sequence[Found], errors: Sequence[str]) -> None:
        for image, error in zip(images, errors, strict=True):
            self.tally.add(image.name, error)

    def _altered(self, how: str) -> SkipwiseError:
        return SkipwiseError(
            f"{self.path} was changed, or the images were, since it was begun ({how}); {ELSEWHERE}, or remove it to "
            "start again."
        )


def _opened(path: Path) -> IO[bytes]:
    """The file, made where there is none; one that can't be written may be finished, and is opened to be looked at."""
    if not path.exists():
        make_folder(path.parent, mend=ELSEWHERE)
    try:
        # Unbuffered, so that nothing is left to be written when the disk is full. "a" never empties a file.
        return path.open("ab", buffering=0)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS) or not path.exists():
            raise
        return path.open("rb", buffering=0)


def _lock(file: IO[bytes], path: Path) -> None:
    """Holds the file for this process; the lock goes with the process however it ends."""
    try:
        import fcntl
    except ImportError:  # Windows has no flock; two processes there are not kept apart
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SkipwiseError(f"Another Skipwise is writing {path}; wait for it, or {ELSEWHERE}.") from None
