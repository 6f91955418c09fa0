"""The interval of one mean over images that may belong together in groups."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from skipwise.statistics.groups import Groups
from skipwise.statistics.runs.shares import exact


def share_interval(
    scores: NDArray[np.float64],
    groups: Groups,
    *,
    expected: NDArray[np.float64] | float,
    alike: float,
    alpha: float = 0.05,
) -> tuple[float, float]:
    """The interval of a mean of scores that are right or wrong, exact (Clopper and Pearson 1934, Biometrika 26:404).

    It is for as many images as would show as much if each were by itself: fewer where images belong together (Kish
    1965, Survey Sampling).

    Args:
        scores: of the images [N], 1 where right, or what that weighs.
        groups: which images belong together.
        expected: what the variance is measured from: the mean, or the mean of each image's class [N].
        alike: as many images as weigh as much when all weigh the same.
        alpha: how often the interval may miss, half of it on each side.

    Example:
        >>> scores = np.repeat([1.0, 0.0], [90, 10])
        >>> low, high = share_interval(scores, Groups(100), expected=0.9, alike=100)
        >>> f"{low:.3f} to {high:.3f}"
        '0.823 to 0.951'
    """
    value, variance = float(scores.mean()), groups.variance(groups.sums(scores - expected))
    independent = float(np.square(scores - expected).sum()) / max(len(scores), 1) ** 2
    effect = max(1.0, variance / independent) if independent else 1.0
    return exact(min(value, 1.0) * alike / effect, alike / effect, alpha)


def mean_interval(
    scores: NDArray[np.float64],
    groups: Groups,
    *,
    expected: NDArray[np.float64] | float | None = None,
    alpha: float = 0.05,
) -> tuple[float, float]:
    """Student's interval of the mean of any scores [N].

    Args:
        scores: of the images [N].
        groups: which images belong together.
        expected: what the variance is measured from; None is the mean.
        alpha: how often the interval may miss, half of it on each side.

    Example:
        >>> low, high = mean_interval(np.arange(10.0), Groups(10))
        >>> f"{low:.2f} to {high:.2f}"
        '2.33 to 6.67'
    """
    value = float(scores.mean())
    variance = groups.variance(groups.sums(scores - (value if expected is None else expected)))
    half = float(special.stdtrit(groups.freedom, 1 - alpha / 2)) * float(np.sqrt(variance))
    return value - half, value + half


def bounded_mean_interval(
    scores: NDArray[np.float64], groups: Groups, *, least: float, most: float, alpha: float = 0.05
) -> tuple[float, float]:
    """Student's interval of the mean of scores [N] that lie between two bounds.

    Where all scores are the same, their spread says nothing. Then the interval allows for as large a share of images
    with any other score as so many images may have missed.

    Args:
        scores: of the images [N].
        groups: which images belong together.
        least, most: the bounds.
        alpha: how often the interval may miss, half of it on each side.

    Example:
        >>> low, high = bounded_mean_interval(np.ones(100), Groups(100), least=0.0, most=1.0)
        >>> f"{low:.3f} to {high:.3f}"
        '0.964 to 1.000'
    """
    value = float(scores.mean())
    if np.ptp(scores) > 0:
        low, high = mean_interval(scores, groups, alpha=alpha)
    else:
        other = exact(0, groups.count, alpha)[1]
        low, high = value - other * (value - least), value + other * (most - value)
    return max(low, least), min(high, most)
