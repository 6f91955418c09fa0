"""What so many test images can show at best."""

from __future__ import annotations

from bisect import bisect_left
from functools import cache

import numpy as np

from skipwise.statistics.groups import Groups
from skipwise.statistics.intervals import Networks, analyse, difference_of
from skipwise.statistics.records import Verdict, verdict_of


@cache
def at_best(images: int, wrong: int, *, margin: float, alpha: float) -> Verdict:
    """The verdict on two candidates whose seeds all agree: one is right on all images, the other on all but `wrong`.

    Nothing can speak for a difference more clearly than seeds that all agree and images that all go one way, nor for
    its absence than answers that are all alike; so what is unresolved even then needs more images, not more seeds.

    Args:
        margin: as a fraction.
        alpha: the chance that this pair's interval misses.
    """
    groups = Groups(images)
    right, other = np.zeros((2, images)), np.zeros((2, images))
    other[:, :wrong] = 1
    tables = [analyse(errors, groups) for errors in (right, other)]
    low, high = difference_of(Networks(tables, groups), 1, 0).interval(alpha)
    # The first has fewer errors: the second's less the first's is above zero where the first is better.
    return verdict_of(low, high, margin)


@cache
def least_shown(images: int, *, margin: float, alpha: float) -> int:
    """The fewest images in which two candidates must differ for one to be judged better; images + 1 if none will do."""

    def better(wrong: int) -> bool:
        return at_best(images, wrong, margin=margin, alpha=alpha) == "better"

    return 1 + bisect_left(range(1, images + 1), True, key=better)
