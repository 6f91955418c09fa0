"""Ratios of errors between two networks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skipwise.statistics import Estimate, judge

ALPHA = 0.05


def ratio(
    a: NDArray[np.float64], b: NDArray[np.float64], *, groups: NDArray[Any] | None = None, alpha: float = ALPHA
) -> Estimate | None:
    """The mean of a over that of b, with its interval for this pair alone; None where one of them has no errors.

    The logarithm of the ratio changes with each image's errors as these do, divided by their mean (the delta method:
    Oehlert 1992, The American Statistician 46:27). So the interval is that which `judge` gives the difference of the
    errors thus divided, of seeds and images at once, put back on the scale of ratios.

    Args:
        a, b: errors or losses [seeds, images], the same images in the same order; at least two seeds each.
        groups: an id for each image, of those that belong together.
        alpha: how often the interval may miss.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> few, many = (rng.random((5, 4000)) < share for share in (0.05, 0.1))
        >>> found = ratio(few * 1.0, many * 1.0)
        >>> 0.4 < found.low < 0.5 < found.high < 0.6
        True
    """
    means = float(a.mean()), float(b.mean())
    if min(means) <= 0:
        return None
    # Where one has fewer runs, it is filled up with some that did not learn, which are left out. The margin has no part
    # in an interval.
    runs = max(len(a), len(b))
    sides = {"a": a / means[0], "b": b / means[1]}
    judged = judge(
        {name: np.pad(side, ((0, runs - len(side)), (0, 0))) for name, side in sides.items()},
        learned={name: [row < len(side) for row in range(runs)] for name, side in sides.items()},
        margin=1.0,
        alpha=alpha,
        groups=groups,
        higher_is_better=False,
    )
    pair, value = judged.pairs[0], means[0] / means[1]
    # Of few errors little is known, and what is far away is as good as boundless.
    return Estimate(value, value * math.exp(max(pair.low, -50.0)), value * math.exp(min(pair.high, 50.0)))
