"""A file of answers that can be gone on with after any interruption.

answers.csv                   a row per image, in order
.answers.csv.skipwise.json    what these answers are of: the `AnswerPlan`
.answers.csv.skipwise.sums    the CRC-32 of the rows of each batch, a line each, written once they are
"""

from __future__ import annotations

import csv
import errno
import itertools
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import msgspec

from skipwise.core.differences import compared, difference
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.atomic import atomic
from skipwise.core.files.checksums import read_sealed, write_sealed
from skipwise.core.files.locks import hold
from skipwise.core.files.os_errors import explained
from skipwise.core.files.regular import open_own, read_regular
from skipwise.core.workspace.workspace import check_same
from skipwise.deploy.predict.answers import Answer, RowFormat, Rows
from skipwise.deploy.predict.decoding import InputImage
from skipwise.deploy.predict.inputs import Named

VERSION = 1
"""The version of the file's format."""
ELSEWHERE = "choose another file with --output"
LARGEST_SUMS = 2**24
"""Bytes of the checksums of two million batches."""
_SUM = re.compile("[0-9a-f]{8}")
SHOWN = 3
"""Unreadable images that are named at the end; the rows name them all."""


@dataclass(frozen=True, kw_only=True)
class AnswerPlan:
    """What a file's answers are of. The same plan gives the same file.

    Args:
        version: of this record.
        model: the network's identity.
        inputs: what was named.
        format, top, probabilities: of the rows.
        batch_size: of the network; answers may differ in their last digit by what they are computed together with.
    """

    version: int = field(default=VERSION, metadata=compared("it was written by another version of Skipwise"))
    model: str = field(metadata=compared("it is of another network"))
    inputs: tuple[Named, ...] = field(metadata=compared("it is of other images"))
    format: RowFormat
    top: int
    probabilities: bool
    batch_size: int

    def same_as(self, other: AnswerPlan) -> bool:
        """Whether both give the same file."""
        return self == other

    def difference(self, other: AnswerPlan) -> str:
        """What differs, named for a person."""
        return difference(self, other)


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
        SkipwiseError: it can't be written, another process writes it, or it is not ours, or of another plan.
    """

    def __init__(self, path: Path, plan: AnswerPlan, rows: Rows) -> None:
        self.path, self.plan, self.rows = path, plan, rows
        self.tally = Tally()
        self._sums = _Sums(path.with_name(f".{path.name}.skipwise.sums"))
        sidecar = path.with_name(f".{path.name}.skipwise.json")
        with explained(path, mend=ELSEWHERE):
            if path.exists() and not path.is_file():
                raise SkipwiseError(f"{path} is not a file; {ELSEWHERE}.")
            if path.is_symlink() and not path.exists():  # whoever put it there would choose what file is made
                raise SkipwiseError(f"{path} is a link to a file that is not there; make that file, or {ELSEWHERE}.")
        with explained(path, mend=ELSEWHERE):
            self._file = _opened(path)
        try:
            _lock(self._file, path)
            if path.stat().st_size == 0:  # made just now, or by a process that was killed at once
                write_sealed(sidecar, plan)
                self._sums.keep([])
                self._write(rows.header)
            elif not sidecar.exists():
                raise SkipwiseError(f"{path} is there already and is no file of these answers; {ELSEWHERE}.")
            else:
                stored = read_sealed(sidecar, AnswerPlan, mend=f"remove it and {path.name} to start again")
                check_same(plan, stored, path, "answers", mend=ELSEWHERE)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> RowFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._sums.close()

    def rest(self, images: Iterable[InputImage], told: Callable[[int], None]) -> Iterator[InputImage]:
        """The images that need a row still, from the beginning of a batch on.

        Only the rows of whole batches whose checksum is known are kept, so that an image is always computed together
        with the same others, and damage is noticed. All rows are held against the images before any is removed.

        Args:
            told: of the number of rows looked at, now and then.

        Raises:
            SkipwiseError: the rows are of other images, or damaged.
        """
        source = iter(images)
        header = self.rows.header.encode()
        images_since: list[InputImage] = []  # the last batch that is kept
        errors_since: list[str] = []
        batch = 0  # the checksum of the rows of this batch
        kept = length = len(header)
        kept_sums: list[int] = []
        known = self._sums.read()
        keeping = True
        with explained(self.path), self.path.open("rb") as lines:
            start = lines.read(len(header))
            if start != header and not header.startswith(start):
                raise self._altered("its first line is another one")
            if start != header:
                self._cut(0, [])
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
                batch = zlib.crc32(line, batch)
                if number % self.plan.batch_size:
                    continue
                keeping = keeping and self._is_whole(batch, len(kept_sums), known)
                if keeping:
                    self._count(images_since, errors_since)
                    kept, images_since, errors_since = length, [], []
                    kept_sums.append(batch)
                batch = 0
            else:
                image = next(source, None)
                if image is None and keeping and (not images_since or self._is_whole(batch, len(kept_sums), known)):
                    self._count(images_since, errors_since)
                    return source
                images_since += [] if image is None else [image]
            self._cut(kept, kept_sums)
        return itertools.chain(images_since, source)

    def _is_whole(self, batch: int, number: int, known: Sequence[int] | None) -> bool:
        """Whether the rows of a batch are those that were written; of an earlier version's nobody knows."""
        if known is None:
            return True
        if number < len(known) and known[number] != batch:
            raise self._altered(f"the rows of its batch {number + 1} are not as they were written")
        return number < len(known)

    def add(self, answers: Sequence[Answer]) -> None:
        """Writes the rows of a batch.

        Raises:
            SkipwiseError: the disk is full, ...
        """
        rows = "".join(map(self.rows.row, answers))
        self._write(rows)
        self._sums.add(zlib.crc32(rows.encode()))
        for answer in answers:
            self.tally.add(answer.path, answer.error or "")

    def finish(self) -> None:
        """Brings all of it to the disk."""
        if not self._file.writable():
            return  # it was finished before
        with explained(self.path):
            os.fsync(self._file.fileno())

    def _cut(self, length: int, sums: Sequence[int]) -> None:
        """Leaves so many bytes, and the checksums of the batches in them."""
        if not self._file.writable():
            raise SkipwiseError(f"{self.path} is unfinished, and can't be written; make it writable, or {ELSEWHERE}.")
        self._file.truncate(length)
        self._sums.keep(sums)

    def _write(self, text: str) -> None:
        with explained(self.path, mend=ELSEWHERE):
            _write_all(self._file, text.encode())

    def _error(self, line: bytes, image: InputImage) -> str:
        try:
            name, error = self.rows.read(line.decode())
        except (ValueError, LookupError, csv.Error, msgspec.MsgspecError, RecursionError) as damage:
            raise self._altered(f"where {image.name} should be is no row of answers") from damage
        if name != image.name:
            raise self._altered(f"it has {name} where {image.name} should be")
        return error

    def _count(self, images: Sequence[InputImage], errors: Sequence[str]) -> None:
        for image, error in zip(images, errors, strict=True):
            self.tally.add(image.name, error)

    def _altered(self, how: str) -> SkipwiseError:
        return SkipwiseError(
            f"{self.path} was changed, or the images were, since it was begun ({how}); {ELSEWHERE}, or remove it to "
            "start again."
        )


class _Sums:
    """The checksums of batches, in a file of lines of nine bytes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None

    def read(self) -> list[int] | None:
        """Those that are there; None where there is no such file, as with files of earlier versions."""
        try:
            lines = read_regular(self.path, LARGEST_SUMS).decode("ascii", "replace").split("\n")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SkipwiseError(f"Can't read {self.path}: {error.strerror}.") from error
        # What follows the last line's end was cut off.
        return [int(line, 16) if _SUM.fullmatch(line) else -1 for line in lines[:-1]]

    def keep(self, sums: Sequence[int]) -> None:
        """From now on there are these, and what is added."""
        self.close()
        with atomic(self.path, mend=ELSEWHERE) as temporary:
            temporary.write_text("".join(map(_sum_line, sums)))
        with explained(self.path, mend=ELSEWHERE):
            self._file = os.fdopen(open_own(self.path, os.O_WRONLY | os.O_APPEND), "ab", buffering=0)

    def add(self, batch: int) -> None:
        """One more, once its rows are written."""
        if self._file is None:
            raise ValueError("what is there is to be kept before more is added")
        with explained(self.path, mend=ELSEWHERE):
            _write_all(self._file, _sum_line(batch).encode())

    def close(self) -> None:
        """Lets go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _sum_line(batch: int) -> str:
    return f"{batch:08x}\n"


def _opened(path: Path) -> IO[bytes]:
    """The file, made where there is none; one that can't be written may be finished, and is opened to be looked at."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # Unbuffered, so that nothing is left to be written when the disk is full. "a" never empties a file.
        return path.open("ab", buffering=0)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS) or not path.exists():
            raise
        return path.open("rb", buffering=0)


def _write_all(file: IO[bytes], data: bytes) -> None:
    while data:
        data = data[os.write(file.fileno(), data) :]


def _lock(file: IO[bytes], path: Path) -> None:
    """Holds the file for this process; the lock goes with the process however it ends."""
    try:
        hold(file, at_once=True)
    except BlockingIOError:
        raise SkipwiseError(f"Another Skipwise is writing {path}; wait for it, or {ELSEWHERE}.") from None
    except OSError:  # where files can't be held, two processes are not kept apart
        pass
