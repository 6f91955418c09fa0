"""The spread of a network's score from seed to seed, and the ratio of two networks' spreads.

The ratio of two standard deviations over seeds has Bonett's interval (2006, Applied Psychological Measurement 30:432):
the logarithm of a variance is known the worse, the heavier the tails, and the kurtosis is estimated from the deviations
of both networks from their medians. Two changes make it hold for 5 seeds: the kurtosis is taken to be at least a
normal's, since so few seeds hide their tails, and the quantile is Student's. The F test, Pitman and Morgan's test of
paired seeds, the jackknife and the bootstrap miss up to three times as often as they say where seed effects are skewed
or heavy tailed (benchmarks/spread.py).

The test images are the same for all seeds, so this is the spread on these images. Part of it is due to them: each run
gets other borderline images right, which would average out over many more images. `Spread.beyond` is what is left
without that part. A verdict says that a network is more sensitive to its seed whichever images it is tested on. If the
two networks' variances without that part were alike, the ratio of their variances on these images could not be beyond
both 1 and the ratio of these parts; so a verdict needs an interval beyond both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from skipwise.statistics.groups import Groups, groups_of
from skipwise.statistics.intervals import analyse

FEWEST_RUNS = 5
"""The least number of runs for an interval: fewer say nothing about the tails of the distribution."""
NORMAL_KURTOSIS = 3.0

SpreadVerdict = Literal["larger", "smaller", "unresolved", "too few seeds"]


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The spread of one network's mean score over seeds.

    Args:
        seeds: how many runs there are.
        deviation: the standard deviation over seeds, on these images.
        beyond: the same without what is due to the images, as it would be on very many; 0 where these explain it all.
    """

    seeds: int
    deviation: float
    beyond: float


@dataclass(frozen=True, kw_only=True)
class SpreadPair:
    """The spread of network `a` compared with that of `b`.

    Args:
        a, b: the networks.
        ratio: a's standard deviation over b's, on these images; None where all runs of b have the same score.
        low, high: the interval of the ratio, simultaneous over all pairs; None without a ratio above 0, or with fewer
            than `FEWEST_RUNS` runs of either.
        verdict: whether a's spread is shown to be larger or smaller than b's on whichever images. "unresolved" also
            where the interval excludes 1 and the images may be the reason.
    """

    a: str
    b: str
    ratio: float | None
    low: float | None
    high: float | None
    verdict: SpreadVerdict


@dataclass(frozen=True, kw_only=True)
class Spreads:
    """The spreads of all networks, and all pairs, whose intervals hold together at `1 - alpha`."""

    networks: dict[str, Spread]
    pairs: tuple[SpreadPair, ...]
    alpha: float


def spreads(
    scores: Mapping[str, NDArray[Any]],
    *,
    groups: NDArray[Any] | Sequence[Any] | None = None,
    alpha: float = 0.05,
) -> Spreads:
    """The spread of every network over its seeds, and the ratio of each pair's.

    Runs of two networks with the same seed are taken for independent. If they are correlated, their variances are
    correlated less, in the direction that makes the intervals wider than they need be.

    Args:
        scores: per network, a score for each image of each run that learned, [runs, images], the same images for all;
            networks with fewer than two runs are left out.
        groups: an id for each image, of those that belong together. None: each is by itself.
        alpha: how often any of the intervals may miss; shared among the pairs (Bonferroni).

    Raises:
        ValueError: the images differ, or alpha is out of range.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> calm, wild = (rng.random((12, 4000)) < 0.9 + rng.normal(0, sd, (12, 1)) for sd in (0.005, 0.05))
        >>> found = spreads({"calm": calm, "wild": wild})
        >>> found.networks["wild"].deviation > found.networks["calm"].deviation
        True
        >>> found.pairs[0].verdict
        'smaller'
    """
    tables = {name: np.asarray(rows, np.float64) for name, rows in scores.items() if len(rows) >= 2}
    if not 0 < alpha < 1:
        raise ValueError("alpha must lie between 0 and 1.")
    if len({table.shape[1] for table in tables.values()}) > 1:
        raise ValueError("All networks must have been tested on the same images.")
    if not tables:
        return Spreads(networks={}, pairs=(), alpha=alpha)
    images = next(iter(tables.values())).shape[1]
    together = Groups(images) if groups is None else groups_of(groups)
    found = {name: _analysed(table, together) for name, table in tables.items()}
    level = alpha / max(math.comb(len(found), 2), 1)
    return Spreads(
        networks={name: each.spread for name, each in found.items()},
        pairs=tuple(_pair(a, b, found[a], found[b], level) for a, b in combinations(found, 2)),
        alpha=alpha,
    )


@dataclass(frozen=True, eq=False)
class _Runs:
    """The mean scores of a network's runs, their variance, and the part of it that is due to the images."""

    means: NDArray[np.float64]
    variance: float
    of_images: float

    @property
    def spread(self) -> Spread:
        beyond = max(self.variance - self.of_images, 0.0)
        return Spread(seeds=len(self.means), deviation=math.sqrt(self.variance), beyond=math.sqrt(beyond))


def _analysed(scores: NDArray[np.float64], groups: Groups) -> _Runs:
    table = analyse(scores, groups, most=None)
    return _Runs(scores.mean(axis=1), table.run_variance, table.residual_variance)


def _pair(a: str, b: str, first: _Runs, second: _Runs, level: float) -> SpreadPair:
    ratio = math.sqrt(first.variance / second.variance) if second.variance > 0 else None
    if min(len(first.means), len(second.means)) < FEWEST_RUNS:
        return SpreadPair(a=a, b=b, ratio=ratio, low=None, high=None, verdict="too few seeds")
    if not ratio:
        return SpreadPair(a=a, b=b, ratio=ratio, low=None, high=None, verdict="unresolved")
    low, high = ratio_interval(first.means, second.means, level)
    return SpreadPair(a=a, b=b, ratio=ratio, low=low, high=high, verdict=_verdict(low, high, first, second))


def ratio_interval(a: NDArray[np.float64], b: NDArray[np.float64], level: float) -> tuple[float, float]:
    """The interval of the ratio of two standard deviations, which misses with probability `level`.

    Args:
        a, b: what varies, one number for each run, from the two networks; neither all alike.

    Examples:
        >>> low, high = ratio_interval(np.array([1.0, 2, 3, 4, 5]), np.array([1.0, 3, 5, 7, 9]), 0.05)
        >>> print(f"{low:.2f} to {high:.2f}")
        0.13 to 1.86
    """
    kurtosis = max(_pooled_kurtosis(a, b), NORMAL_KURTOSIS)
    variance = sum((kurtosis - (len(x) - 3) / len(x)) / (len(x) - 1) for x in (a, b))
    quantile = float(-special.stdtrit(len(a) + len(b) - 2, level / 2))
    ratio = math.sqrt(float(a.var(ddof=1)) / float(b.var(ddof=1)))
    # Of standard deviations, half of what it is for the logarithm of variances.
    arm = math.exp(min(quantile * math.sqrt(variance) / 2, 50.0))
    return ratio / arm, ratio * arm


def _pooled_kurtosis(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Bonett's estimate, about the medians, from which one far-off run stands out further than from the means."""
    fourth = sum(float(((x - np.median(x)) ** 4).sum()) for x in (a, b))
    squares = sum(float(((x - x.mean()) ** 2).sum()) for x in (a, b))
    return (len(a) + len(b)) * fourth / squares**2


def _verdict(low: float, high: float, first: _Runs, second: _Runs) -> SpreadVerdict:
    # The ratio that there would be if images were all that varied; 1 where they have no part.
    parts = 1.0
    if first.of_images > 0 or second.of_images > 0:
        parts = math.sqrt(first.of_images / second.of_images) if second.of_images > 0 else math.inf
    if low > max(1.0, parts):
        return "larger"
    if high < min(1.0, parts):
        return "smaller"
    return "unresolved"
