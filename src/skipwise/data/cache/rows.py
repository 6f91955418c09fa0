"""Files of rows of bytes of equal length, each with a checksum, from which any rows can be read.

    header of a .npy file | rows | checksum of each row | number of rows, start of the rows | hash of all but the rows

The file is read, not mapped into memory, since a mapped file that is cut off crashes every process that reads it. A row
is checked each time it is read. CRC-32 detects every error of a few bits, and all but one in four billion others, and
is as fast as memory.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import shutil
import struct
import threading
import weakref
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.atomic import atomic
from skipwise.core.files.folders import despite_deletion
from skipwise.core.files.locks import hold_together
from skipwise.core.files.os_errors import explained
from skipwise.core.files.regular import open_own
from skipwise.data.cache.files import DIGEST_BYTES, MEND, make_way, open_file, seal

Remake = Callable[[NDArray[np.int64]], NDArray[np.uint8]]
"""Creates rows again by their numbers. Raises SkipwiseError if the files that they came from have changed."""

IN_MEMORY = 32 * 2**20
"""A file of no more bytes is read once and stays in memory."""
_TAIL = struct.Struct("<QQ")
_AT_ONCE = hasattr(os, "preadv")
_SEEK_LOCK = threading.Lock()
"""Held while a file is read at a position by seeking first, since Windows has no `preadv`."""


class RowReader:
    """The rows of a finished file, uint8 [N, ...], indexed by arrays of row numbers.

    The file stays readable after its name is deleted. A damaged row is created again, and written back if possible.
    """

    def __init__(
        self,
        descriptor: int,
        path: Path,
        shape: tuple[int, ...],
        start: int,
        checksums: NDArray[np.uint32],
        remake: Remake,
    ) -> None:
        weakref.finalize(self, os.close, descriptor)
        hold_together(descriptor)  # which says to `clean` that it is in use
        self._descriptor, self._start, self._checksums, self._remake = descriptor, start, checksums, remake
        self.path, self.shape = path, shape
        self._row = math.prod(shape[1:])
        small = len(self) * self._row <= IN_MEMORY
        self._rows = self._read(np.arange(len(self))) if small else None

    @classmethod
    def open(cls, path: Path, remake: Remake) -> RowReader | None:
        """Opens a file in the cache; None if it is missing, or if anything but its rows is damaged."""
        try:
            descriptor = open_file(path)
        except OSError:
            return None
        frame = _frame(path, descriptor)
        if frame is None:
            os.close(descriptor)
            return None
        return cls(descriptor, path, *frame, remake)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        return self._read(numbers) if self._rows is None else self._rows[numbers]

    def _read(self, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        rows = np.empty((len(numbers), *self.shape[1:]), np.uint8)
        flat, size = memoryview(rows.reshape(-1).data), self._row
        places = (self._start + numbers * size).tolist()
        begins = np.flatnonzero(np.diff(numbers, prepend=-2) != 1).tolist()  # of runs of consecutive rows
        for begin, end in zip(begins, [*begins[1:], len(numbers)], strict=False):
            read_at(self._descriptor, flat[begin * size : end * size], places[begin])
        found = [zlib.crc32(flat[at : at + size]) for at in range(0, len(flat), size)]
        wrong = np.flatnonzero(np.array(found, np.uint32) != self._checksums[numbers])
        if len(wrong):
            rows[wrong] = self._mended(numbers[wrong])
        return rows

    def _mended(self, wrong: NDArray[np.int64]) -> NDArray[np.uint8]:
        numbers, places = np.unique(wrong, return_inverse=True)
        rows = self._remake(numbers)
        if [zlib.crc32(row) for row in rows] != self._checksums[numbers].tolist():
            with contextlib.suppress(OSError):
                self.path.unlink()
            raise SkipwiseError(f"{self.path} was damaged and has been removed; give the same command again.")
        with contextlib.suppress(OSError), os.fdopen(open_own(self.path, os.O_RDWR), "rb+", buffering=0) as file:
            if os.path.samestat(os.fstat(file.fileno()), os.fstat(self._descriptor)):
                for number, row in zip(numbers.tolist(), rows, strict=True):
                    file.seek(self._start + number * self._row)
                    file.write(row)
        return rows[places]


class RowWriter:
    """A file of rows that is being written, in any order and without keeping the rows in memory."""

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
        self.path, self.shape, self._header = path, shape, header.getvalue()
        self._row = math.prod(shape[1:])
        self._end = len(self._header) + shape[0] * self._row
        self._checksums = np.zeros(shape[0], np.uint32)
        self._descriptor = -1

    def resume(self) -> bool:
        """Opens a file that was begun before. Returns whether that was possible."""
        with contextlib.suppress(OSError):
            os.close(open_file(self.path))
            self._open(os.O_RDWR)
            start = bytearray(len(self._header))
            read_at(self._descriptor, memoryview(start), 0)
            return start == self._header and os.fstat(self._descriptor).st_size >= self._end
        return False

    def begin(self) -> None:
        """Creates the file. Raises OSError, also if the disk has no room for all rows."""
        self._open(os.O_RDWR | os.O_CREAT)
        os.ftruncate(self._descriptor, 0)
        self._write(0, self._header)
        # Space is reserved now, so that a full disk is noticed before the work is done.
        if hasattr(os, "posix_fallocate"):
            frame = self._checksums.nbytes + _TAIL.size + DIGEST_BYTES
            os.posix_fallocate(self._descriptor, 0, self._end + frame)

    def write(self, numbers: Sequence[int] | NDArray[np.int64], rows: Sequence[bytes]) -> list[int]:
        """Writes rows by their numbers, and returns their checksums. An empty row stands for zeros."""
        numbers = np.asarray(numbers, np.int64).tolist()  # whose arithmetic is faster
        padded = [row or bytes(self._row) for row in rows]
        for row in padded:
            if len(row) != self._row:
                raise ValueError(f"a row of {len(row)} bytes instead of {self._row}")
        begin = 0
        for end in range(1, len(padded) + 1):
            if end == len(padded) or numbers[end] != numbers[end - 1] + 1:
                self._write(len(self._header) + numbers[begin] * self._row, b"".join(padded[begin:end]))
                begin = end
        found = [zlib.crc32(row) for row in padded]
        self._checksums[np.asarray(numbers)] = found
        return found

    def holds(self, number: int, checksum: int) -> bool:
        """Returns whether a row that was written before is undamaged."""
        row = bytearray(self._row)
        read_at(self._descriptor, memoryview(row), len(self._header) + number * self._row)
        self._checksums[number] = checksum
        return zlib.crc32(row) == checksum

    def sync(self) -> None:
        """Flushes the file to the disk."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Closes the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def finish(self, target: Path, remake: Remake) -> RowReader:
        """Finishes the file once all rows are written, moves it to `target`, and opens it for reading.

        Raises:
            SkipwiseError: the disk is full, or the folder cannot be written.
        """
        table = self._checksums.astype("<u4").tobytes() + _TAIL.pack(len(self._checksums), len(self._header))
        with explained(target, mend=MEND):
            self._write(self._end, table + seal(target, self._header + table))
            os.ftruncate(self._descriptor, self._end + len(table) + DIGEST_BYTES)
            self.sync()
            despite_deletion(lambda: self._place(target))
        return RowReader(os.dup(self._descriptor), target, self.shape, len(self._header), self._checksums, remake)

    def _place(self, target: Path) -> None:
        make_way(target)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(self.path.stat(), os.fstat(self._descriptor)):
                self.path.replace(target)
                return
        # The name was deleted or belongs to another process's file now, but the content is still open here.
        with (
            atomic(target, mend=MEND) as copy,
            copy.open("wb") as file,
            os.fdopen(os.dup(self._descriptor), "rb") as content,
        ):
            content.seek(0)
            shutil.copyfileobj(content, file, 2**20)

    def _open(self, flags: int) -> None:
        self.close()
        self._descriptor = open_own(self.path, flags)

    def _write(self, place: int, data: bytes) -> None:
        os.lseek(self._descriptor, place, os.SEEK_SET)
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]


def read_at(descriptor: int, into: memoryview, place: int) -> int:
    """Reads bytes at a position of a file. Returns how many: fewer than asked for where it ends or can't be read."""
    done = 0
    while done < len(into):
        left = into[done:]
        try:
            start = place + done
            count = os.preadv(descriptor, (left,), start) if _AT_ONCE else _seek_and_read(descriptor, left, start)
        except OSError:
            break
        if count == 0:
            break
        done += count
    return done


def _seek_and_read(descriptor: int, into: memoryview, place: int) -> int:
    with _SEEK_LOCK:
        os.lseek(descriptor, place, os.SEEK_SET)
        data = os.read(descriptor, len(into))
    into[: len(data)] = data
    return len(data)


def _frame(path: Path, descriptor: int) -> tuple[tuple[int, ...], int, NDArray[np.uint32]] | None:
    """The shape, the start of the rows, and their checksums; None if their hash is wrong."""
    size = os.fstat(descriptor).st_size

    def part(place: int, length: int) -> bytes:
        found = bytearray(length)
        read_at(descriptor, memoryview(found), place)
        return bytes(found)

    tail = size - DIGEST_BYTES - _TAIL.size
    if tail < 0:
        return None
    count, start = _TAIL.unpack(part(tail, _TAIL.size))
    if start + 4 * count > tail:
        return None
    header, table = part(0, start), part(tail - 4 * count, 4 * count + _TAIL.size)
    if part(size - DIGEST_BYTES, DIGEST_BYTES) != seal(path, header + table):
        return None
    stream = io.BytesIO(header)
    np.lib.format.read_magic(stream)
    shape = np.lib.format.read_array_header_1_0(stream)[0]
    if start + math.prod(shape) != tail - 4 * count:
        return None
    return shape, start, np.frombuffer(table, "<u4", count)
