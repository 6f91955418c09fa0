"""Two counts of the same parts: do they differ by more than chance, and by how much?

Chance is judged by Pearson's chi-square test, and the amount by the population stability index, for which 0.1 is
commonly taken as the least that is worth attention (Siddiqi 2006, Credit Risk Scorecards). Either alone would mislead:
with many images chance is excluded for differences that do not matter, and with few the index is large by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

FEWEST = 50
"""The least number of images that are compared; fewer show too little."""
ALPHA = 0.001
"""The probability of a false alarm, for all that is looked at together. It is low since looks are many."""
MATTERS = 0.1
"""The least population stability index that is reported."""
LEAST_EXPECTED = 5.0
"""The least count that the test may expect in a part (Cochran 1954); smaller parts are taken together."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The difference between two counts of the same parts.

    Args:
        images: the number of images asked about.
        index: the population stability index.
        chance: how often chance alone gives as much.
        differs: whether chance is excluded, and the difference is large enough to matter; None where there are too few
            images to tell.
    """

    images: int
    index: float
    chance: float
    differs: bool | None


def difference(then: Sequence[int], now: Sequence[int], *, looked_at: int = 1) -> Difference:
    """Compares counts of the same parts.

    Args:
        then: of the images that a network was chosen on.
        now: of the images that it is asked about.
        looked_at: how many such comparisons are made together.

    Example:
        >>> difference([50, 50], [52, 48]).differs
        False
        >>> difference([50, 50], [90, 10]).differs
        True
        >>> difference([50, 50], [9, 1]).differs is None
        True
    """
    before, after = np.asarray(then, np.float64), np.asarray(now, np.float64)
    images = int(after.sum())
    index, chance = _index(before, after), _chance(before, after)
    enough = images >= FEWEST and before.sum() >= FEWEST
    differs = bool(chance < ALPHA / looked_at and index >= MATTERS) if enough else None
    return Difference(images=images, index=index, chance=chance, differs=differs)


def _index(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    # Half an image more in each part, or an empty one would make it infinite.
    shares = [(each + 0.5) / (each.sum() + 0.5 * len(each)) for each in (before, after)]
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


def _chance(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    table = np.stack([before, after])
    if not table.sum(axis=1).all():
        return 1.0
    smaller_share = table.sum(axis=1).min() / table.sum()
    small = table.sum(axis=0) * smaller_share < LEAST_EXPECTED
    if small.any():
        table = np.column_stack([table[:, ~small], table[:, small].sum(axis=1)])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return 1.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    return float(chdtrc(table.shape[1] - 1, ((table - expected) ** 2 / expected).sum()))
