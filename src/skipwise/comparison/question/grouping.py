"""Groups of test images that belong together: those of one patient, and near-duplicates of each other."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skipwise.data.prepare import Prepared
from skipwise.data.sources import ReadingOptions


@dataclass(frozen=True, kw_only=True)
class Grouping:
    """The groups of a comparison's test images.

    Args:
        groups: how many there are; an image that belongs with none is one of its own.
        largest: how many images the largest has.
        by: what says so beside near-duplicates, such as "column patient"; "" where nobody said anything.
        lone: the classes whose test images, several of them, are all of one group.
        digest: the SHA-256 of the groups' numbers, in the images' order.
    """

    groups: int
    largest: int
    by: str
    lone: tuple[str, ...]
    digest: str


def grouping_of(prepared: Prepared, reading: ReadingOptions) -> Grouping | None:
    """The groups of the test images; None where each is by itself."""
    numbers = groups_of_test(prepared)
    _, sizes = np.unique(numbers, return_counts=True)
    if len(sizes) == len(numbers):
        return None
    by = ""
    if reading.group is not None:
        by = "folders" if reading.group == "folder" else f"column {reading.group}"
    elif reading.group_regex is not None:
        by = f"pattern {reading.group_regex}"
    source = prepared.source
    labels = source.labels[prepared.members][prepared.split[prepared.members] == "test"]
    lone = [
        source.classes[label]
        for label in np.unique(labels).tolist()
        if (labels == label).sum() > 1 and len(np.unique(numbers[labels == label])) == 1
    ]
    digest = hashlib.sha256(np.unique(numbers, return_inverse=True)[1].astype("<i8").tobytes()).hexdigest()
    return Grouping(groups=len(sizes), largest=int(sizes.max()), by=by, lone=tuple(lone), digest=digest)


def groups_of_test(prepared: Prepared) -> NDArray[np.int64]:
    """The number of each test image's group."""
    return prepared.groups[prepared.split[prepared.members] == "test"]
