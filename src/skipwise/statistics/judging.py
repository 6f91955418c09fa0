"""From a score for each image to intervals and verdicts for every pair of networks at once.

Two things are random in a comparison: which seed a network was trained with and which images it was tested on.
A t-test over seeds ignores the second, McNemar's test ignores the first; both claim too much.

Not covered by any interval here: other data, another split of the same data, another recipe.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skipwise.statistics.groups import Groups, groups_of
from skipwise.statistics.intervals import Mean, Networks, Table, analyse, difference_of, mean_of
from skipwise.statistics.records import Estimate, Judgement, Pair, verdict_of
from skipwise.statistics.runs.shares import share
from skipwise.statistics.simultaneous import accuracy_level, pair_level, schedule

Scores = Mapping[str, NDArray[Any]]

MOST_SEEDS = 1000
MOST_IMAGES = 10_000_000
COLLAPSED, BEYOND_CHANCE = 0.5, 4.0
"""A run counts as collapsed, unless the caller says which runs learned, if its score is below this share of that of its
network's best run, and lower than it by more than this many standard deviations from the choice of images."""


def judge(
    scores: Scores,
    *,
    margin: float,
    alpha: float = 0.05,
    looks: int | Sequence[int] = 1,
    seeds: Mapping[str, Sequence[int]] | None = None,
    groups: NDArray[Any] | Sequence[Any] | None = None,
    learned: Mapping[str, Sequence[bool]] | None = None,
    higher_is_better: bool = True,
) -> Judgement:
    """Intervals and verdicts for every pair of networks, all of them together wrong at most `alpha` of the time.

    Args:
        scores: per network, a score for each image, [seeds, images], the same images in the same order for all. For
            accuracy it is whether the image was classified rightly, bool; for balanced accuracy, right answers weighted
            so that every class weighs the same. Scores of which more is better lie between 0 and 1 on average. Losses
            may be any numbers.
        margin: the difference that would not matter, in the unit of the scores (0.005 is half a point of accuracy).
        alpha: the chance, over the whole comparison, that any interval misses the truth.
        looks: the numbers of seeds at which the growing data are looked at; that chance is shared among the looks. A
            number means so many of the default ones, which are 5, 8 and 12 seeds.
        seeds: the seed of each row. A pair is judged on the seeds both have. None: row s is seed s.
        groups: an id for each image; images of one group belong together, as those of one patient do. None: each
            image is by itself.
        learned: whether each row's run learned anything; rows that did not are counted, and left out of intervals.
            None: runs with less than half the score of their network's best run did not, where more is better and
            there are enough images to say so.
        higher_is_better: whether a larger score is the better one. Verdicts say "better" of the better network.

    Returns:
        The judgement. The same scores give the same one.

    Raises:
        ValueError: fewer than two networks, arrays that are no such tables, values that are no scores, groups that are
            none, or a margin, alpha or number of looks out of range.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> hard = rng.random(2000)
        >>> tables = {
        ...     name: hard + rng.normal(0, 0.1, (5, 2000)) < share for name, share in (("old", 0.85), ("new", 0.92))
        ... }
        >>> judged = judge(tables, margin=0.005)
        >>> pair = judged.pairs[0]
        >>> f"old is {pair.verdict}: {100 * pair.difference:.1f} ({100 * pair.low:.1f} to {100 * pair.high:.1f}) points"
        'old is worse: -6.1 (-6.8 to -5.3) points'
    """
    if len(scores) < 2:
        raise ValueError("A comparison needs at least two candidates.")
    if not (margin > 0 and (margin < 1 or not higher_is_better) and 0 < alpha < 1):
        raise ValueError("margin and alpha must lie between 0 and 1.")
    values = {name: np.asarray(rows) for name, rows in scores.items()}
    _check(values, higher_is_better)
    images = next(iter(values.values())).shape[1]
    if not images:
        raise ValueError("A comparison needs at least one image.")
    counts = schedule(looks)
    of_seed = _rows_of_seeds(values, seeds)
    has_learned = _learned(values, learned, higher_is_better)
    left = {name: frozenset(s for s, row in rows.items() if has_learned[name][row]) for name, rows in of_seed.items()}
    together = Groups(images) if groups is None else groups_of(groups)
    if together.images != images:
        raise ValueError(f"There are {together.images} groups' ids and {images} images.")
    smallest = min((float(table.min()) for table in values.values() if table.size), default=0.0)
    largest = max((float(table.max()) for table in values.values() if table.size), default=0.0)
    most = 1.0 if higher_is_better else math.inf if smallest >= 0 else None

    @cache
    def analysed(name: str, chosen: frozenset[int]) -> Table:
        table = values[name][[of_seed[name][seed] for seed in sorted(chosen)]].astype(np.float64)
        return analyse(1 - table if higher_is_better else table, together, most=most)

    @cache
    def networks(chosen: tuple[frozenset[int], ...]) -> Networks:
        return Networks(
            [analysed(name, each) for name, each in zip(judged, chosen, strict=True)],
            together,
            largest=(largest or 1.0) if higher_is_better else None,
        )

    judged = [name for name in values if len(left[name]) >= 2]
    level = accuracy_level(len(values), counts, alpha)
    accuracies = {}
    for place, name in enumerate(judged):
        mean = mean_of(networks(tuple(left[each] for each in judged)), place)
        accuracies[name] = _estimate(mean, level, higher_is_better)
    level = pair_level(len(values), counts, alpha)
    pairs = []
    for (i, a), (j, b) in combinations(enumerate(judged), 2):
        common = of_seed[a].keys() & of_seed[b].keys()
        chosen = [left[each] & common if each in (a, b) else left[each] for each in judged]
        if min(len(chosen[i]), len(chosen[j])) >= 2:
            # As errors: b's less a's is a's score less b's.
            first, second = (j, i) if higher_is_better else (i, j)
            difference = difference_of(networks(tuple(chosen)), first, second)
            pairs.append(_pair(a, b, difference, margin, level, higher_is_better, groups is not None))
    return Judgement(
        accuracies=accuracies,
        pairs=tuple(pairs),
        margin=margin,
        alpha=alpha,
        looks=len(counts),
        images=images,
        groups=None if groups is None else together.count,
        not_learned={name: share(len(rows) - len(left[name]), len(rows)) for name, rows in of_seed.items()},
    )


def _check(values: Scores, bounded: bool) -> None:
    if any(table.ndim != 2 or table.dtype.kind not in "biuf" for table in values.values()):
        raise ValueError("Every candidate's scores must be an array [seeds, images] of bools or numbers.")
    if len({table.shape[1] for table in values.values()}) > 1:
        raise ValueError("Every candidate must have been tested on the same images.")
    for name, table in values.items():
        if table.dtype != bool and not np.isfinite(table).all():
            raise ValueError(f"The scores of {name} must be finite numbers, and some are not.")
        # Weights whose mean is 1 may sum to a little more.
        if (
            bounded
            and table.dtype != bool
            and table.size
            and not (table.min() >= 0 and table.mean(axis=1).max() <= 1 + 1e-9)
        ):
            raise ValueError(
                f"The scores of {name} must be at least 0, and at most 1 on average. "
                "Set higher_is_better=False if they are losses."
            )


def _rows_of_seeds(values: Scores, seeds: Mapping[str, Sequence[int]] | None) -> dict[str, dict[int, int]]:
    """For each network, the row of each of its seeds."""
    if seeds is not None and not values.keys() <= seeds.keys():
        raise ValueError("seeds must name the seeds of every candidate.")
    found = {}
    for name, table in values.items():
        given = list(seeds[name]) if seeds else list(range(len(table)))
        found[name] = {seed: row for row, seed in enumerate(given)}
        if not len(given) == len(found[name]) == len(table):
            raise ValueError(f"{name} needs one distinct seed per row.")
    return found


def _learned(
    values: Scores, learned: Mapping[str, Sequence[bool]] | None, higher_is_better: bool
) -> dict[str, NDArray[np.bool_]]:
    if learned is None:
        if not higher_is_better:
            return {name: np.ones(len(table), bool) for name, table in values.items()}
        return {name: _not_far_below(table.mean(axis=1), table.shape[1]) for name, table in values.items()}
    if not values.keys() <= learned.keys() or any(len(learned[name]) != len(table) for name, table in values.items()):
        raise ValueError("learned must say of every row of every candidate whether that run learned.")
    return {name: np.asarray(learned[name], bool) for name in values}


def _not_far_below(means: NDArray[np.float64], images: int) -> NDArray[np.bool_]:
    best = means.max(initial=0.0)
    by_chance = BEYOND_CHANCE * math.sqrt(0.5 / images)  # of the difference of two shares, at the most
    return np.asarray((means >= COLLAPSED * best) | (means >= best - by_chance))


def _estimate(mean: Mean, level: float, higher_is_better: bool) -> Estimate:
    low, high = mean.interval(level)
    if higher_is_better:
        return Estimate(1 - mean.value, max(1 - high, 0.0), min(1 - low, 1.0))
    return Estimate(mean.value, low, high)


def _pair(a: str, b: str, difference: Mean, margin: float, level: float, higher_is_better: bool, grouped: bool) -> Pair:
    low, high = difference.interval(level)
    equivalent = -margin < low and high < margin
    verdict = verdict_of(low, high, margin) if higher_is_better else verdict_of(-high, -low, margin)
    groups = difference.networks.groups
    seeds, units = _needed(difference, margin, level) if verdict == "unresolved" else (None, None)
    return Pair(
        a=a,
        b=b,
        difference=difference.value,
        low=max(low, -1.0) if higher_is_better else low,
        high=min(high, 1.0) if higher_is_better else high,
        verdict=verdict,
        equivalent=equivalent,
        seeds=difference.seeds,
        images=groups.images,
        seeds_needed=seeds,
        images_needed=None if grouped else units,
        groups=groups.count if grouped else None,
        groups_needed=units if grouped else None,
    )


def _needed(difference: Mean, margin: float, level: float) -> tuple[int | None, int | None]:
    """About how many seeds, and how many groups of images, would bring the interval off zero or inside the margin."""
    groups = difference.networks.groups

    def settled(seeds: int | None = None, units: int | None = None) -> bool:
        images = None if units is None else units * groups.images / groups.count
        low, high = difference.interval(level, seeds=seeds, images=images)
        return verdict_of(low, high, margin) != "unresolved"

    def first(counts: Sequence[int], what: str) -> int | None:
        # The interval shrinks, so that bisection finds the least. With two seeds it can grow by a few percent, where
        # more images leave the seeds more of the variance, and with it Student's quantile; about is all that is said.
        index = bisect_left(counts, True, key=lambda count: settled(**{what: count}))
        return counts[index] if index < len(counts) else None

    return first(_steps(difference.seeds, MOST_SEEDS), "seeds"), first(_steps(groups.count, MOST_IMAGES), "units")


@cache
def _steps(now: int, most: int) -> tuple[int, ...]:
    """Larger counts, a few percent from one to the next: what would settle a pair is not known any better."""
    if now >= most:
        return ()
    return tuple(np.unique(np.geomspace(now + 1, most, 200).round().astype(int)).tolist())
