"""A check before any time is spent: are there enough training images for a learning curve?"""

from __future__ import annotations

import math

import numpy as np

from skipwise.comparison.plan.curve import PARTS
from skipwise.core.errors import SkipwiseError
from skipwise.core.text import count
from skipwise.data.prepare import Prepared
from skipwise.data.subsets import nested_part

FEWEST = round(1 / min(PARTS.values()))
"""The least number of images of a class, and of groups, of which a quarter can be taken."""


def smallest_quarter(prepared: Prepared, folds: int | None) -> tuple[str, int]:
    """The class of which a quarter of the training images has the fewest, and how many these are.

    Args:
        prepared: the images.
        folds: in cross-validation, the number of parts of which all but one are trained on.

    Raises:
        SkipwiseError: a class has too few images, or these are in too few groups, to take a quarter of them.
    """
    source, split = prepared.source, prepared.split[prepared.members]
    trained = split == "train" if folds is None else np.ones(len(split), dtype=bool)
    labels = source.labels[prepared.members][trained]
    sizes = np.bincount(labels, minlength=len(source.classes))
    if folds is not None:
        sizes = sizes * (folds - 1) // folds
    there = np.flatnonzero(sizes)
    smallest = int(there[sizes[there].argmin()])
    name, images = source.classes[smallest], int(sizes[smallest])
    if images < FEWEST:
        raise SkipwiseError(
            f"--learning-curve trains on a quarter of the training images, and the class {name!r} has only "
            f"{count(images, 'image')} there; add images, or leave it out."
        )
    groups = prepared.groups[trained]
    number = len(np.unique(groups))
    parts = [np.bincount(labels[nested_part(labels, share, seed=0, groups=groups)]) for share in PARTS.values()]
    rising = parts[0].sum() < parts[1].sum() < len(labels)
    if number < FEWEST or not rising or np.any(parts[0][there] == 0):
        raise SkipwiseError(
            f"--learning-curve trains on a quarter of the training images, and these are in only "
            f"{count(number, 'group')}, too few to have a quarter of each class; use finer groups, or leave it out."
        )
    return name, math.ceil(images * min(PARTS.values()))
