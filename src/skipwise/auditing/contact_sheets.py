"""Contact sheets: which images stand for each class on the page."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skipwise.data.sources import Source
from skipwise.data.splits import SPLITS

MOST_CLASSES = 2_000
"""The largest number of classes that are shown; of more, a random sample of this size is."""
PICTURES = ((100, 12), (200, 6), (400, 4), (1_000, 2), (MOST_CLASSES, 1))
"""Pictures of each class, by the largest number of classes that have so many."""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A class, how many images it has and in which splits, and some of them drawn at random, split by split."""

    name: str
    images: int
    splits: dict[str, int]
    shown: tuple[int, ...]


def contact_sheets(
    source: Source, used: NDArray[np.bool_], readable: NDArray[np.bool_], fingerprint: str
) -> list[Sheet]:
    """A sheet for each class, by name; the same images always give the same ones.

    Args:
        used: the images that count, bool [N].
        readable: the images that can be shown, bool [N].
        fingerprint: of the images. What is drawn is a function of it and the class's name.
    """
    numbers = list(range(len(source.classes)))
    if len(numbers) > MOST_CLASSES:
        numbers = sorted(_generator(fingerprint, "").permutation(numbers)[:MOST_CLASSES].tolist())
    count = pictures_each(len(numbers))
    splits = np.array(source.splits or [""] * len(source.ids))
    names = [name for name in (*SPLITS, "") if (splits[used] == name).any()]
    members = np.flatnonzero(used)
    members = members[np.argsort(source.labels[members], kind="stable")]
    bounds = np.searchsorted(source.labels[members], np.arange(len(source.classes) + 1))
    sheets = []
    for number in numbers:
        mine = members[bounds[number] : bounds[number + 1]]
        rng = _generator(fingerprint, source.classes[number])
        parts = [mine[(splits[mine] == name) & readable[mine]] for name in names]
        sheets.append(
            Sheet(
                name=source.classes[number],
                images=len(mine),
                splits={name: int((splits[mine] == name).sum()) for name in names if name},
                shown=tuple(_draw(parts, count, rng)),
            )
        )
    return sheets


def pictures_each(classes: int) -> int:
    """Returns the largest number of pictures for a class where so many classes are shown."""
    return next(count for most, count in PICTURES if classes <= most)


def _generator(*words: str) -> np.random.Generator:
    return np.random.default_rng(list(hashlib.sha256("\0".join(words).encode()).digest()))


def _draw(parts: Sequence[NDArray[np.int64]], count: int, rng: np.random.Generator) -> list[int]:
    """At most `count` images: a quarter of them from each part but the largest, which gives the rest."""
    drawn = [rng.permutation(part) for part in parts]
    largest = max(range(len(parts)), key=lambda index: len(parts[index]))
    some = [part if index == largest else part[: count // 4] for index, part in enumerate(drawn)]
    rest = count - sum(len(part) for index, part in enumerate(some) if index != largest)
    some[largest] = some[largest][:rest]
    return [index for part in some for index in sorted(part.tolist())]
