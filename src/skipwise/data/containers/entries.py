"""The files of a container, with their sizes and stamps, in little memory."""

from __future__ import annotations

import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from skipwise.data.columns.integers import Integers
from skipwise.data.columns.names import Names, NameWriter

LAST = 2**63 - 1
"""The largest stamp that is kept: a time in the year 2262, in nanoseconds. File systems know later ones."""


class Entry(NamedTuple):
    """A file in a container.

    Args:
        name: the path relative to the container, with `/` between folders.
        size: bytes.
        stamp: a number that changes when the file is written again.
    """

    name: str
    size: int
    stamp: int


@dataclass(frozen=True, eq=False)
class Entries(Sequence[Entry]):
    """Files in the order of their names; an entry is made when it is asked for.

    Args:
        names: of the files, ascending.
        sizes, stamps: likewise.
    """

    names: Names
    sizes: Integers
    stamps: Integers

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Entries:
        """These files, in whatever order they come."""
        writer = EntryWriter()
        for entry in entries:
            writer.add(*entry)
        return writer.finish()[0]

    @classmethod
    def named(cls, names: Names, known: Mapping[str, Entry] | Entries) -> Entries:
        """The files with these names, ascending, which are among those that are known.

        Raises:
            KeyError: one of them is not.
        """
        if isinstance(known, Entries):
            if names == known.names:
                return known
            found = _among(names, known)
        else:
            found = (known[name] for name in names)
        sizes, stamps = array.array("q"), array.array("q")
        for entry in found:
            sizes.append(entry.size)
            stamps.append(min(entry.stamp, LAST))
        return cls(names, Integers.of(_numbers(sizes)), Integers.of(_numbers(stamps)))

    def only(self, mask: NDArray[np.bool_]) -> Entries:
        """Those of the files that a mask has, bool [N]."""
        if mask.all():
            return self
        return Entries.of(entry for entry, wanted in zip(self, mask.tolist(), strict=True) if wanted)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Entry]:
        return map(Entry, self.names, self.sizes, self.stamps)

    @overload
    def __getitem__(self, index: int) -> Entry: ...

    @overload
    def __getitem__(self, index: slice) -> Entries: ...

    def __getitem__(self, index: int | slice) -> Entry | Entries:
        if isinstance(index, slice):
            return Entries(self.names[index], self.sizes[index], self.stamps[index])
        return Entry(self.names[index], self.sizes[index], self.stamps[index])


class EntryWriter:
    """Files that are added one after the other, in any order."""

    def __init__(self) -> None:
        self._names = NameWriter()
        self._sizes, self._stamps = array.array("q"), array.array("q")
        self._last, self._ascending = "", True

    def add(self, name: str, size: int, stamp: int) -> None:
        """Adds a file."""
        self._names.add(name)
        self._sizes.append(size)
        self._stamps.append(min(stamp, LAST))
        self._ascending = self._ascending and self._last <= name
        self._last = name

    def __len__(self) -> int:
        return len(self._sizes)

    def finish(self) -> tuple[Entries, NDArray[np.int64]]:
        """The files in the order of their names, and for each the number that it had when it was added."""
        names, sizes, stamps = self._names.finish(), _numbers(self._sizes), _numbers(self._stamps)
        order = np.arange(len(sizes))
        if not self._ascending:
            added = names.tolist()
            order = np.array(sorted(range(len(added)), key=added.__getitem__), np.int64)
            names, sizes, stamps = Names.of(added[number] for number in order.tolist()), sizes[order], stamps[order]
        return Entries(names, Integers.of(sizes), Integers.of(stamps)), order


def _numbers(found: array.array[int]) -> NDArray[Any]:
    return np.frombuffer(found, np.int64) if len(found) else np.empty(0, np.int64)


def _among(names: Iterable[str], known: Entries) -> Iterator[Entry]:
    """The files with these names; both are ascending."""
    left = iter(known)
    entry = next(left, None)
    for name in names:
        while entry is not None and entry.name < name:
            entry = next(left, None)
        if entry is None or entry.name != name:
            raise KeyError(name)
        yield entry
