"""Words that repeat, such as splits, kinds and groups: each is kept once, and its number for each image."""

from __future__ import annotations

import array
import itertools
import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray


class RepeatedWriter:
    """Words that are added one after the other."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._codes = array.array("i")

    def add(self, word: str) -> None:
        """Adds a word."""
        self._codes.append(self._numbers.setdefault(word, len(self._numbers)))

    def finish(self) -> Repeated:
        """The words."""
        return Repeated(tuple(self._numbers), np.frombuffer(self._codes, np.intc))


class Repeated(Sequence[str]):
    """Words of which most repeat.

    Args:
        words: each word; all of them occur.
        codes: for each place the number of its word, [N].

    Example:
        >>> from skipwise.data.columns.repeated import Repeated
        >>> splits = Repeated.of(["train", "train", "test"])
        >>> splits[2], splits.words, splits.codes.tolist()
        ('test', ('train', 'test'), [0, 0, 1])
    """

    def __init__(self, words: tuple[str, ...], codes: NDArray[np.integer[Any]]) -> None:
        self.words, self.codes = words, codes.astype(np.min_scalar_type(max(len(words) - 1, 0)))

    @classmethod
    def of(cls, words: Iterable[str]) -> Repeated:
        """These words; the same object if they are `Repeated` already."""
        if isinstance(words, Repeated):
            return words
        writer = RepeatedWriter()
        for word in words:
            writer.add(word)
        return writer.finish()

    def counts(self) -> dict[str, int]:
        """How often each word occurs."""
        return dict(zip(self.words, np.bincount(self.codes, minlength=len(self.words)).tolist(), strict=True))

    def renamed(self, words: Iterable[str]) -> Repeated:
        """The same places with other words, in the order of `words`. Two may become one."""
        known: dict[str, int] = {}
        numbers = np.array([known.setdefault(word, len(known)) for word in words], np.int64)
        return Repeated(tuple(known), numbers[self.codes] if len(self.codes) else self.codes)

    def taken(self, places: NDArray[np.int64]) -> Repeated:
        """The words at some places, all of which must occur there."""
        return Repeated(self.words, self.codes[places])

    def __len__(self) -> int:
        return len(self.codes)

    def __iter__(self) -> Iterator[str]:
        parts = (self.codes[start : start + 2**16].tolist() for start in range(0, len(self.codes), 2**16))
        return map(self.words.__getitem__, itertools.chain.from_iterable(parts))

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> Repeated: ...

    @overload
    def __getitem__(self, index: NDArray[Any]) -> NDArray[np.str_]: ...

    def __getitem__(self, index: int | slice | NDArray[Any]) -> str | Repeated | NDArray[np.str_]:
        if isinstance(index, slice):
            return Repeated.of(self.words[code] for code in self.codes[index].tolist())
        if isinstance(index, np.ndarray):
            return self._array[self.codes[index]]
        return self.words[self.codes[index]]

    def tolist(self) -> list[str]:
        """The words as a list, as an array would give it."""
        return list(self)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str) or not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(map(operator.eq, self, other))

    __hash__ = None  # type: ignore[assignment]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        found = self._array[self.codes]
        return found if dtype is None else found.astype(dtype)

    @property
    def _array(self) -> NDArray[np.str_]:
        return np.array(self.words, np.str_)
