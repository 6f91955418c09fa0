"""The epochs that networks need to reach a target, where some runs may not reach it at all.

A run that does not reach the target is censored: it would have needed more epochs than it had, and nobody knows how
many more. Leaving it out, or counting its last epoch as the one needed, makes a network look quicker than it is. The
share of runs that have not reached the target yet is Kaplan and Meier's (1958, Journal of the American Statistical
Association 53:457), the area below it up to the last epoch that both networks were trained for is the mean number of
epochs, each run's counted up to there (the restricted mean). Two networks are compared by the difference of these,
seed by seed, from each run's part in it (pseudo-observations: Andersen, Hansen and Klein 2004, Lifetime Data Analysis
10:335), with Student's interval.

A few seeds may not show that now and then a run never gets there, or gets there early. Then they agree too well, and
Student's interval misses in up to a third of all comparisons. So each network's mean is taken to be as uncertain as if
a part of a run more (`HIDDEN`) had needed all epochs, or only as many as the quickest run of both. How often the
interval misses then is in benchmarks/reaching.py.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from skipwise.statistics.runs.spread import FEWEST_RUNS

HIDDEN = 0.3
"""The largest share of runs that may be hidden at either end; found by simulation (benchmarks/reaching.py)."""
ROUNDED = 1 / 12
"""The variance that comes from counting whole epochs: runs that needed equally many did not need exactly as many."""

ReachingVerdict = Literal["more", "fewer", "unresolved", "too few seeds"]


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One run on its way to the target.

    Args:
        epochs: the first epoch after which the target was reached, counted from 1; else how many epochs were watched.
        reached: whether it was.
    """

    epochs: int
    reached: bool


@dataclass(frozen=True, kw_only=True)
class Reaching:
    """The epochs that one network needs.

    Args:
        runs: how many there are.
        reached: how many of them reached the target.
        median: the epoch by which half of the runs reach it, by Kaplan and Meier; None where less than half do.
        low, high: the interval of the median, for this network alone; `high` is None where it has no upper end within
            the epochs that were watched, and both are None with fewer than `FEWEST_RUNS` runs.
        sure: how often such an interval holds at least: 0.9375 with 5 runs, whose median nothing tells any better.
        mean: the mean number of epochs, each run's counted up to `horizon`.
        horizon: the last epoch that all networks were watched for.
    """

    runs: int
    reached: int
    median: int | None
    low: int | None
    high: int | None
    sure: float | None
    mean: float
    horizon: int


@dataclass(frozen=True, kw_only=True)
class ReachingPair:
    """The epochs that network `a` needs more than `b`.

    Args:
        a, b: the networks.
        seeds: how many seeds both have.
        difference: of the mean numbers of epochs, each run's counted up to the horizon; a's less b's.
        low, high: its interval, simultaneous over all pairs; None with fewer than `FEWEST_RUNS` common seeds, and where
            no run of either reached the target.
        verdict: whether a is shown to need more epochs than b, or fewer.
    """

    a: str
    b: str
    seeds: int
    difference: float
    low: float | None
    high: float | None
    verdict: ReachingVerdict


@dataclass(frozen=True, kw_only=True)
class Reachings:
    """All networks, and all pairs with a common seed, whose intervals hold together at `1 - alpha`."""

    networks: dict[str, Reaching]
    pairs: tuple[ReachingPair, ...]
    alpha: float


def first_reached(values: Sequence[float], target: float) -> Attempt:
    """The first epoch whose value is at least the target.

    Args:
        values: one after each epoch, from the first on; at least one.

    Examples:
        >>> first_reached([0.5, 0.81, 0.79], 0.8)
        Attempt(epochs=2, reached=True)
        >>> first_reached([0.5, 0.7, 0.79], 0.8)
        Attempt(epochs=3, reached=False)
    """
    if not len(values):
        raise ValueError("A run without an epoch shows nothing.")
    place = next((number for number, value in enumerate(values, 1) if value >= target), None)
    return Attempt(epochs=len(values) if place is None else place, reached=place is not None)


def reachings(runs: Mapping[str, Mapping[int, Attempt]], *, epochs: int, alpha: float = 0.05) -> Reachings:
    """Estimates the epochs that every network needs, and the difference between every two.

    Args:
        runs: per network, the run of each seed; networks without any are left out.
        epochs: up to which they are counted: those that networks were trained for. Where a network's runs were not
            watched so long, it is up to the last epoch that one of them was watched for.
        alpha: how often any of the pairs' intervals may miss; shared among them (Bonferroni). A median's interval
            misses so often by itself.

    Raises:
        ValueError: alpha is out of range, or there are no epochs.

    Examples:
        >>> quick = {seed: Attempt(epochs=epochs, reached=True) for seed, epochs in enumerate([3, 4, 3, 3, 4])}
        >>> slow = {seed: Attempt(epochs=20, reached=seed < 2) for seed in range(5)}
        >>> found = reachings({"quick": quick, "slow": slow}, epochs=20)
        >>> found.networks["slow"].reached, found.networks["slow"].median, found.networks["quick"].median
        (2, None, 3)
        >>> pair = found.pairs[0]
        >>> print(f"{pair.difference:.1f} ({pair.low:.1f} to {pair.high:.1f}): {pair.verdict}")
        -16.6 (-17.3 to -9.5): fewer
    """
    if not 0 < alpha < 1 or epochs < 1:
        raise ValueError("alpha must lie between 0 and 1, and there must be an epoch.")
    there = {name: each for name, each in runs.items() if each}
    watched = (_watched(each.values()) for each in there.values())
    horizon = min([epochs, *(last for last in watched if last is not None)])
    level = alpha / max(math.comb(len(there), 2), 1)
    pairs = (_pair(a, b, there[a], there[b], horizon, level) for a, b in combinations(there, 2))
    return Reachings(
        networks={name: _network(list(each.values()), horizon, alpha) for name, each in there.items()},
        pairs=tuple(pair for pair in pairs if pair is not None),
        alpha=alpha,
    )


def survival(runs: Sequence[Attempt]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The epochs at which runs reached the target, and the share that has not reached it after each of these.

    Examples:
        >>> two = [Attempt(epochs=2, reached=True), Attempt(epochs=3, reached=False)]
        >>> [each.tolist() for each in survival(two)]
        [[2], [0.5]]
    """
    epochs = np.array([run.epochs for run in runs], np.int64)
    reached = np.array([run.reached for run in runs])
    times = np.unique(epochs[reached])
    # Who was watched up to an epoch without reaching the target in it is at risk in that epoch.
    left = [1 - (epochs[reached] == time).sum() / (epochs >= time).sum() for time in times]
    return times, np.cumprod(left) if left else np.zeros(0)


def restricted_mean(runs: Sequence[Attempt], horizon: int) -> float:
    """The mean number of epochs, each run's counted up to `horizon`: the area below the survival curve.

    Examples:
        >>> restricted_mean([Attempt(epochs=2, reached=True), Attempt(epochs=10, reached=False)], 10)
        6.0
    """
    times, shares = survival(runs)
    before = times < horizon
    ends = np.concatenate(([0], times[before], [horizon]))
    return float(np.diff(ends) @ np.concatenate(([1.0], shares[before])))


def _watched(runs: Collection[Attempt]) -> int | None:
    """The last epoch up to which the share that has not reached the target is known; None where it fell to 0."""
    return None if all(run.reached for run in runs) else max(run.epochs for run in runs)


def _network(runs: Sequence[Attempt], horizon: int, alpha: float) -> Reaching:
    times, shares = survival(runs)
    half = times[shares <= 0.5 + 1e-12]
    low, high, sure = _of_median(runs, alpha)
    return Reaching(
        runs=len(runs),
        reached=sum(run.reached for run in runs),
        median=int(half[0]) if len(half) else None,
        low=low,
        high=high,
        sure=sure,
        mean=restricted_mean(runs, horizon),
        horizon=horizon,
    )


def _of_median(runs: Sequence[Attempt], alpha: float) -> tuple[int | None, int | None, float | None]:
    """The interval of the median from ordered runs, and how sure it is: no shape of the distribution is assumed.

    A run that was not watched to the end may have reached the target right then, for the lower end, or never, for the
    upper one.
    """
    count = len(runs)
    if count < FEWEST_RUNS:
        return None, None, None
    # The interval from the k-th run to the k-th from the end misses with probability 2 P(Binomial(count, 1/2) < k).
    rank = max((k for k in range(1, count // 2 + 1) if 2 * special.bdtr(k - 1, count, 0.5) <= alpha), default=1)
    first = sorted(run.epochs for run in runs)
    last = sorted(run.epochs if run.reached else math.inf for run in runs)
    high = last[count - rank]
    return first[rank - 1], None if high == math.inf else int(high), float(1 - 2 * special.bdtr(rank - 1, count, 0.5))


def _pair(
    a: str, b: str, first: Mapping[int, Attempt], second: Mapping[int, Attempt], horizon: int, level: float
) -> ReachingPair | None:
    common = sorted(first.keys() & second.keys())
    if not common:
        return None
    sides = [[side[seed] for seed in common] for side in (first, second)]
    means = [restricted_mean(side, horizon) for side in sides]
    difference = means[0] - means[1]
    made = ReachingPair(a=a, b=b, seeds=len(common), difference=difference, low=None, high=None, verdict="unresolved")
    if len(common) < FEWEST_RUNS:
        return replace(made, verdict="too few seeds")
    quickest = min((run.epochs for side in sides for run in side if run.reached), default=None)
    if quickest is None:
        return made
    parts = _parts(sides[0], horizon) - _parts(sides[1], horizon)
    variance = max(float(parts.var(ddof=1)), 2 * ROUNDED)
    of_late = [_hidden(mean, horizon, len(common)) for mean in means]
    of_early = [_hidden(mean, min(quickest, horizon), len(common)) for mean in means]
    quantile = float(-special.stdtrit(len(common) - 1, level / 2))
    most = horizon - 1.0
    low = difference - quantile * math.sqrt((variance + of_early[0] + of_late[1]) / len(common))
    high = difference + quantile * math.sqrt((variance + of_late[0] + of_early[1]) / len(common))
    return replace(
        made,
        low=max(low, -most),
        high=min(high, most),
        verdict="more" if low > 0 else "fewer" if high < 0 else "unresolved",
    )


def _parts(runs: Sequence[Attempt], horizon: int) -> NDArray[np.float64]:
    """Each run's part in the restricted mean: its number of epochs up to the horizon, where that is known."""
    count, whole = len(runs), restricted_mean(runs, horizon)
    without = [restricted_mean([*runs[:i], *runs[i + 1 :]], horizon) for i in range(count)]
    return count * whole - (count - 1) * np.array(without)


def _hidden(mean: float, end: float, count: int) -> float:
    """Returns the variance that a hidden part of a run, at one end, adds to that of one run."""
    return HIDDEN / (count + HIDDEN) * (end - mean) ** 2
