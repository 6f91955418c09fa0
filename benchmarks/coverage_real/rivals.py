"""Results of other methods for the same answers: an interval of a difference, or a claim alone.

All take bool [seeds, images] of two networks, and give the low and the high end; a claim is an interval without zero.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from skipwise.statistics import mcnemar

Answers = NDArray[np.bool_]
Interval = tuple[float, float]
RESAMPLES = 999
LEAST = 1e-300
"""The end of an interval that leaves out zero and nothing else."""


def seeds_only(a: Answers, b: Answers, alpha: float, _: np.random.Generator) -> Interval:
    """Welch's t-test over the seeds' accuracies, as if the test images were all there are."""
    value = float(a.mean() - b.mean())
    parts = np.array([side.mean(axis=1).var(ddof=1) / len(side) for side in (a, b)])
    if parts.sum() < 1e-12:  # as many right in all runs
        return value, value
    freedom = parts.sum() ** 2 / (np.square(parts) / (np.array([len(a), len(b)]) - 1)).sum()
    arm = float(stats.t.ppf(1 - alpha / 2, freedom) * np.sqrt(parts.sum()))
    return value - arm, value + arm


def images_only(a: Answers, b: Answers, alpha: float, rng: np.random.Generator) -> Interval:
    """A bootstrap over images of the difference of the means over seeds, as if there were no other seeds."""
    values, counts = np.unique(a.mean(axis=0) - b.mean(axis=0), return_counts=True)
    drawn = rng.multinomial(counts.sum(), counts / counts.sum(), size=RESAMPLES)
    low, high = np.quantile(drawn @ values / counts.sum(), [alpha / 2, 1 - alpha / 2])
    return float(low), float(high)


def one_run_mcnemar(a: Answers, b: Answers, alpha: float, _: np.random.Generator) -> Interval:
    """McNemar's exact test of one run each, and the usual interval of paired shares, which has zero where it has."""
    found = mcnemar(a[0], b[0])
    images = a.shape[1]
    value = (found.only_a - found.only_b) / images
    spread = max((found.only_a + found.only_b) / images - value**2, 0.0)
    arm = float(stats.norm.ppf(1 - alpha / 2) * np.sqrt(spread / images))
    low, high = value - arm, value + arm
    if found.p >= alpha:
        return min(low, 0.0), max(high, 0.0)
    return (max(low, LEAST), high) if value > 0 else (low, min(high, -LEAST))


def one_run(a: Answers, b: Answers, _: float, __: np.random.Generator) -> Interval:
    """One run each, and the higher one is better: a claim, and nothing about its size."""
    value = a[0].mean() - b[0].mean()
    return (-inf, inf) if value == 0 else (LEAST, inf) if value > 0 else (-inf, -LEAST)


RIVALS: dict[str, Callable[[Answers, Answers, float, np.random.Generator], Interval]] = {
    "t-test over seeds": seeds_only,
    "bootstrap over images": images_only,
    "McNemar, one run each": one_run_mcnemar,
    "one run each, the higher wins": one_run,
}
