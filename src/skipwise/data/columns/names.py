"""Many names in little memory.

A string of Python takes 49 bytes and its characters. Names of files are alike, so some of them together are compressed
to a tenth of that: a million take 2 to 10 MB, where they would take 100.
"""

from __future__ import annotations

import bisect
import itertools
import operator
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

BLOCK = 128
"""Names that are compressed together. More of them take less memory, and longer to find one of."""


class NameWriter:
    """Names that are added one after the other."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._some: list[str] = []
        self._longest = 0

    def add(self, name: str) -> None:
        """Adds a name."""
        self._some.append(name)
        if len(self._some) == BLOCK:
            self._pack()

    def __len__(self) -> int:
        return len(self._blocks) * BLOCK + len(self._some)

    def finish(self) -> Names:
        """The names; none can be added afterwards."""
        count = len(self)
        if self._some:
            self._pack()
        return Names(self._blocks, count, self._longest)

    def _pack(self) -> None:
        lengths = np.fromiter(map(len, self._some), "<u4", len(self._some))
        self._longest = max(self._longest, int(lengths.max()))
        text = "".join(self._some).encode("utf-8", "surrogatepass")  # bytes that are no UTF-8 are surrogates
        count = len(self._some).to_bytes(4, "little")
        self._blocks.append(zlib.compress(count + lengths.tobytes() + text, 1))
        self._some = []


class Names(Sequence[str]):
    """Names, some of which are unpacked at a time. Neighbours are found fast.

    Args:
        blocks: the names, compressed.
        count: how many there are.
        longest: the characters of the longest.

    Example:
        >>> from skipwise.data.columns.names import Names
        >>> names = Names.of(f"{number:08d}.jpg" for number in range(1000))
        >>> names[12], len(names), names.find("00000700.jpg")
        ('00000012.jpg', 1000, 700)
    """

    def __init__(self, blocks: list[bytes], count: int, longest: int) -> None:
        self._blocks, self._count, self.longest = blocks, count, longest
        self._unpacked: tuple[int, list[str]] = (-1, [])
        self._firsts: list[str] | None = None

    @classmethod
    def of(cls, names: Iterable[str]) -> Names:
        """These names; the same object if they are `Names` already."""
        if isinstance(names, Names):
            return names
        writer = NameWriter()
        for name in names:
            writer.add(name)
        return writer.finish()

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        return itertools.chain.from_iterable(map(_unpacked, self._blocks))

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> Names: ...

    @overload
    def __getitem__(self, index: NDArray[Any]) -> NDArray[np.str_]: ...

    def __getitem__(self, index: int | slice | NDArray[Any]) -> str | Names | NDArray[np.str_]:
        if index.__class__ is int and 0 <= index < self._count:  # first, since it is frequent
            number, offset = divmod(index, BLOCK)
            known, names = self._unpacked
            return names[offset] if known == number else self._block(number)[offset]
        if isinstance(index, slice):
            return Names.of(map(self._at, range(*index.indices(self._count))))
        if isinstance(index, np.ndarray):
            chosen = np.flatnonzero(index) if index.dtype == np.bool_ else index
            return np.array([self._at(each) for each in chosen.tolist()], self._dtype)
        return self._at(index)

    def _at(self, index: int) -> str:
        place = index + self._count if index < 0 else index
        if not 0 <= place < self._count:
            raise IndexError(index)
        number, offset = divmod(int(place), BLOCK)
        return self._block(number)[offset]

    def find(self, name: str) -> int:
        """The number of a name, the first if there are several. The names must be in ascending order.

        Raises:
            KeyError: there is no such name.
        """
        if self._firsts is None:
            self._firsts = [_unpacked(block)[0] for block in self._blocks]
        number = max(0, bisect.bisect_left(self._firsts, name) - 1)
        for block in range(number, min(number + 2, len(self._blocks))):  # it may be the first name of the next one
            names = self._block(block)
            offset = bisect.bisect_left(names, name)
            if offset < len(names) and names[offset] == name:
                return block * BLOCK + offset
        raise KeyError(name)

    def tolist(self) -> list[str]:
        """The names as a list, as an array would give it."""
        return list(self)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Names) and self._blocks == other._blocks:
            return True
        if isinstance(other, str) or not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(map(operator.eq, self, other))

    __hash__ = None  # type: ignore[assignment]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(list(self), self._dtype if dtype is None else dtype)

    def __repr__(self) -> str:
        shown = ", ".join(map(repr, itertools.islice(self, 3)))
        return f"Names({shown}{', ...' if self._count > 3 else ''}; {self._count:,})"

    @property
    def _dtype(self) -> str:
        return f"<U{max(1, self.longest)}"

    def _block(self, number: int) -> list[str]:
        known, names = self._unpacked
        if known != number:
            names = _unpacked(self._blocks[number])
            self._unpacked = (number, names)
        return names


def _unpacked(block: bytes) -> list[str]:
    data = zlib.decompress(block)
    count = int.from_bytes(data[:4], "little")
    ends = np.cumsum(np.frombuffer(data, "<u4", count, 4)).tolist()
    text = data[4 + 4 * count :].decode("utf-8", "surrogatepass")
    return [text[start:end] for start, end in itertools.pairwise([0, *ends])]
