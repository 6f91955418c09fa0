"""Arrays in one file of the cache, which are read when they are asked for, so that they take no memory meanwhile."""

from __future__ import annotations

import io
import os
import weakref
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.locks import hold_together
from skipwise.data.cache.files import MEND, keep_arrays, kept, open_kept
from skipwise.data.cache.rows import read_at

AT_ONCE = 2**14
"""Rows that are read at a time."""
IN_MEMORY = 2**26
"""Bytes up to which a file is held in memory, where nobody can damage it any more."""
_TRIES = 5
_LOCAL_HEADER = 30  # bytes before the name of a file in an archive


@dataclass(frozen=True)
class _Place:
    """Where an array begins in the file, and what it holds."""

    start: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class KeptArrays:
    """Arrays that `keep_arrays` wrote. They stay readable after the file is deleted, and small ones if it is damaged.

    Args:
        descriptor: of the file.
        places: of the arrays in it.
        data: the file in memory, checked; None for a large one, which is read where it is.
    """

    def __init__(self, descriptor: int, places: dict[str, _Place], data: bytes | None) -> None:
        weakref.finalize(self, os.close, descriptor)
        hold_together(descriptor)  # which says to `clean` that it is in use
        self._descriptor, self._places, self._data = descriptor, places, data

    @classmethod
    def open(cls, path: Path) -> KeptArrays | None:
        """Opens a file in the cache; None if it is missing or damaged. All of it is read once, to be checked."""
        file = open_kept(path)
        if file is None:
            return None
        with file:
            data = kept(path) if os.fstat(file.fileno()).st_size <= IN_MEMORY else None
            places = _places(file if data is None else io.BytesIO(data))
            return cls(os.dup(file.fileno()), places, data)

    @classmethod
    def written(cls, path: Path, arrays: Mapping[str, NDArray[Any]]) -> KeptArrays:
        """Writes arrays into the cache, and opens them.

        Raises:
            SkipwiseError: the cache cannot be written, or is deleted again and again.
        """
        for _ in range(_TRIES):
            keep_arrays(path, arrays)
            if (found := cls.open(path)) is not None:
                return found
        raise SkipwiseError(f"{path} is deleted or changed as soon as it is written; {MEND}.")

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def __getitem__(self, name: str) -> NDArray[Any]:
        """The whole array."""
        place = self._places[name]
        return self._read(place.start, place.shape, place.dtype)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an array."""
        return self._places[name].shape

    def row(self, name: str, number: int) -> NDArray[Any]:
        """A row of an array."""
        place = self._places[name]
        return self._read(place.start + number * self._bytes(place), place.shape[1:], place.dtype)

    def parts(self, name: str) -> Iterator[NDArray[Any]]:
        """The rows of an array, some at a time."""
        place = self._places[name]
        for start in range(0, place.shape[0], AT_ONCE):
            count = min(AT_ONCE, place.shape[0] - start)
            yield self._read(place.start + start * self._bytes(place), (count, *place.shape[1:]), place.dtype)

    def _read(self, start: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        if self._data is not None:
            return np.ndarray(shape, dtype, self._data, start).copy()
        found = np.empty(shape, dtype)
        if found.nbytes:
            count = read_at(self._descriptor, memoryview(found.reshape(-1).view(np.uint8).data), start)
            if count < found.nbytes:
                raise SkipwiseError("A file of the cache can't be read any more; give the same command again.")
        return found

    @staticmethod
    def _bytes(place: _Place) -> int:
        return int(np.prod(place.shape[1:], dtype=np.int64)) * place.dtype.itemsize


def _places(file: BinaryIO) -> dict[str, _Place]:
    """Where the arrays of a .npz file that is not compressed begin."""
    places = {}
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            file.seek(info.header_offset)
            header = file.read(_LOCAL_HEADER)
            # The name and what follows it may have other lengths than in the directory.
            file.seek(int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), 1)
            read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            shape, _, dtype = read[np.lib.format.read_magic(file)](file)
            places[info.filename.removesuffix(".npy")] = _Place(file.tell(), shape, dtype)
    return places
