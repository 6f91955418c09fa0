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
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import msgspec

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.checksums import read_sealed, write_sealed
from skipwise.core.files.locks import hold
from skipwise.core.files.os_errors import explained
from skipwise.core.workspace.workspace import check_same
from skipwise.deploy.predict.answer_plan import AnswerPlan
from skipwise.deploy.predict.answers import Answer, Rows
from skipwise.deploy.predict.batch_checksums import ANOTHER_FILE, BatchChecksums, write_all
from skipwise.deploy.predict.decoding import InputImage

SHOWN = 3
"""Unreadable images that are named at the end; the rows name them all."""


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
        SkipwiseError: it can't be written, another process writes it, or it is not ours, or of other plan.
    """

    def __init__(self, path: Path, plan: AnswerPlan, rows: Rows) -> None:
        self.path, self.plan, self.rows = path, plan, rows
        self.tally = Tally()
        self._sums = BatchChecksums(path.with_name(f".{path.name}.skipwise.sums"))
        sidecar = path.with_name(f".{path.name}.skipwise.json")
        with explained(path, mend=ANOTHER_FILE):
            if path.exists() and not path.is_file():
                raise SkipwiseError(f"{path} is not a file; {ANOTHER_FILE}.")
            if path.is_symlink() and not path.exists():  # whoever put it there would choose what file is made
                raise SkipwiseError(f"{path} is a link to a file that is not there; make that file, or {ANOTHER_FILE}.")
        with explained(path, mend=ANOTHER_FILE):
            self._file = _opened(path)
        try:
            _lock(self._file, path)
            if path.stat().st_size == 0:  # made just now, or by a process that was killed at once
                write_sealed(sidecar, plan)
                self._sums.keep([])
                self._write(rows.header)
            elif not sidecar.exists():
                raise SkipwiseError(f"{path} is there already and is no file of these answers; {ANOTHER_FILE}.")
            else:
                stored = read_sealed(sidecar, AnswerPlan, mend=f"remove it and {path.name} to start again")
                check_same(plan, stored, path, "answers", mend=ANOTHER_FILE)
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
            raise SkipwiseError(
                f"{self.path} is unfinished, and can't be written; make it writable, or {ANOTHER_FILE}."
            )
        self._file.truncate(length)
        self._sums.keep(sums)

    def _write(self, text: str) -> None:
        with explained(self.path, mend=ANOTHER_FILE):
            write_all(self._file, text.encode())

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
            f"{self.path} was changed, or the images were, since it was begun ({how}); {ANOTHER_FILE}, or remove it to "
            "start again."
        )


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


def _lock(file: IO[bytes], path: Path) -> None:
    """Holds the file for this process, however it ends. Where files can't be held, as on Windows, nothing is done."""
    try:
        hold(file, at_once=True)
    except BlockingIOError:
        raise SkipwiseError(f"Another Skipwise is writing {path}; wait for it, or {ANOTHER_FILE}.") from None
    except OSError:
        pass
