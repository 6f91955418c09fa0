"""The smallest difference that a number of test images can show at best."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Resolution:
    """The smallest differences that a number of test images can show, with any number of seeds.

    Args:
        images: how many there are.
        least: the fewest of them in which two networks must differ for one to be judged better; None if none will do.
        shows_equivalence: whether networks whose answers are all alike would be judged equivalent.
    """

    images: int
    least: int | None
    shows_equivalence: bool

    @property
    def share(self) -> float:
        """The smallest difference that can be shown, as a share of the images; 1 where none can."""
        return 1.0 if self.least is None else self.least / self.images


def resolution(images: int, *, margin: float, alpha: float) -> Resolution:
    """Returns what a number of test images can show in the clearest case, see `at_best`.

    More seeds can show a little less, where many images are now right and now wrong.

    Args:
        images: how many test images there are.
        margin: as a fraction.
        alpha: the chance that a pair's interval misses.

    Examples:
        >>> resolution(30, margin=0.005, alpha=0.05)
        Resolution(images=30, least=6, shows_equivalence=False)
    """
    least = least_shown(images, margin=margin, alpha=alpha)
    return Resolution(
        images=images,
        least=least if least <= images else None,
        shows_equivalence=at_best(images, 0, margin=margin, alpha=alpha) == "equivalent",
    )
