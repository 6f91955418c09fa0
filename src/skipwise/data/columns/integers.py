"""Many whole numbers in little memory: sizes, times and places of files.

Numbers that follow each other are alike, so it is their differences that are compressed, the first bytes of all of them
before the second ones.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

BLOCK = 1024
"""Numbers that are compressed together."""
_WIDTH = 8  # bytes of a number


class Integers(Sequence[int]):
    """Whole numbers of 64 bits, some of which are unpacked at a time.

    Example:
        >>> from skipwise.data.columns.integers import Integers
        >>> numbers = Integers.of(range(5_000, 10_000))
        >>> numbers[12], len(numbers), sum(numbers)
        (5012, 5000, 37497500)
    """

    def __init__(self, blocks: list[bytes], count: int) -> None:
        self._blocks, self._count = blocks, count
        self._unpacked: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, np.int64))

    @classmethod
    def of(cls, numbers: Iterable[int] | NDArray[np.int64]) -> Integers:
        """These numbers."""
        whole = numbers if isinstance(numbers, np.ndarray) else np.fromiter(numbers, np.int64)
        blocks = [_packed(whole[start : start + BLOCK]) for start in range(0, len(whole), BLOCK)]
        return cls(blocks, len(whole))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        return itertools.chain.from_iterable(_unpacked(block).tolist() for block in self._blocks)

    @overload
    def __getitem__(self, index: int) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> Integers: ...

    def __getitem__(self, index: int | slice) -> int | Integers:
        if isinstance(index, slice):
            return Integers.of(self._at(each) for each in range(*index.indices(self._count)))
        return self._at(index)

    def _at(self, index: int) -> int:
        place = index + self._count if index < 0 else index
        if not 0 <= place < self._count:
            raise IndexError(index)
        number, offset = divmod(int(place), BLOCK)
        known, numbers = self._unpacked
        if known != number:
            numbers = _unpacked(self._blocks[number])
            self._unpacked = (number, numbers)
        return int(numbers[offset])


def _packed(numbers: NDArray[np.int64]) -> bytes:
    steps = np.diff(numbers, prepend=np.int64(0))
    folded = (steps << 1) ^ (steps >> 63)  # small steps down become small numbers, too
    return zlib.compress(folded.view(np.uint8).reshape(-1, _WIDTH).T.tobytes(), 1)


def _unpacked(block: bytes) -> NDArray[np.int64]:
    planes = np.frombuffer(zlib.decompress(block), np.uint8).reshape(_WIDTH, -1)
    folded = np.ascontiguousarray(planes.T).view(np.uint64).ravel()
    steps = (folded >> np.uint64(1)).view(np.int64) ^ -(folded & np.uint64(1)).view(np.int64)
    return np.cumsum(steps, dtype=np.int64)
