"""A file of answers that can be continued after any interruption.

answers.csv                   a row for each image, in order
.answers.csv.skipwise.json    the `AnswerPlan`: which network, images and options the answers are for
.answers.csv.skipwise.sums    a line for each batch with the CRC-32 of its rows, written after them
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
"""The number of unreadable images that are named at the end. The rows name all of them."""


@dataclass
class Tally:
    """Counts answers.

    Args:
        images: number of images.
        unreadable: how many of them have an error.
        first: the first few of these, each with its error.
    """

    images: int = 0
    unreadable: int = 0
    first: list[tuple[str, str]] = field(default_factory=list)

    def add(self, path: str, error: str) -> None:
        """Counts an image. Its `error` is "" if it was answered."""
        self.images += 1
        if error:
            self.unreadable += 1
            if len(self.first) < SHOWN:
                self.first.append((path, error))


class RowFile:
    """A file of rows that only this process writes, new or continued. Use it as a context manager.

    Every image has a row. After a kill, or on a full disk, the last row may be incomplete.

    Args:
        path: the file; it is made if it does not exist.
        plan: what the answers are for.
        rows: how they are written.

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
                raise SkipwiseError(f"{path} exists already and is not a file of answers; {ANOTHER_FILE}.")
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
        """The images that have no row yet, from the beginning of a batch on.

        Only rows of whole batches with a known checksum are kept. So an image is always answered in a batch with the
        same other images, and damage is noticed. All rows are checked against the images before any is removed.

        Args:
            images: all images, in order.
            told: called with the number of rows that were checked, now and then.

        Raises:
            SkipwiseError: the rows are for other images, or damaged.
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
                raise self._altered("its first line differs")
            if start != header:
                self._cut(0, [])
                self._write(self.rows.header)
                return source
            for number, line in enumerate(lines, start=1):
                if number % 10_000 == 0:
                    told(number)
                image = next(source, None)
                if image is None:
                    raise self._altered("it has rows for images that are not there any more")
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
        """Returns whether the rows of a batch are as they were written. Files of earlier versions have no checksums."""
        if known is None:
            return True
        if number < len(known) and known[number] != batch:
            raise self._altered(f"the rows of batch {number + 1} are not as they were written")
        return number < len(known)

    def add(self, answers: Sequence[Answer]) -> None:
        """Writes the rows of a batch.

        Raises:
            SkipwiseError: they can't be written, because the disk is full for instance.
        """
        rows = "".join(map(self.rows.row, answers))
        self._write(rows)
        self._sums.add(zlib.crc32(rows.encode()))
        for answer in answers:
            self.tally.add(answer.path, answer.error or "")

    def finish(self) -> None:
        """Makes sure that everything is on the disk."""
        if not self._file.writable():
            return  # it was finished before
        with explained(self.path):
            os.fsync(self._file.fileno())

    def _cut(self, length: int, sums: Sequence[int]) -> None:
        """Shortens the file to this many bytes, with the checksums of the batches in them."""
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
            raise self._altered(f"it has no valid row for {image.name}") from damage
        if name != image.name:
            raise self._altered(f"it has {name} in place of {image.name}")
        return error

    def _count(self, images: Sequence[InputImage], errors: Sequence[str]) -> None:
        for image, error in zip(images, errors, strict=True):
            self.tally.add(image.name, error)

    def _altered(self, how: str) -> SkipwiseError:
        return SkipwiseError(
            f"{self.path} or the images were changed since it was started ({how}); {ANOTHER_FILE}, or remove "
            "it to start again."
        )


def _opened(path: Path) -> IO[bytes]:
    """Opens the file for appending, or for reading where it can't be written; then it may be finished."""
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
