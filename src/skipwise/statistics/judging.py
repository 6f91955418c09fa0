"""From right-or-wrong answers to intervals and verdicts for every pair of contenders at once.

Two things are random in a comparison: which seed a network was trained with and which images it was tested on.
A t-test over seeds ignores the second, McNemar's test ignores the first; both claim too much.

Not covered by any interval here: other data, another split of the same data, another recipe.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from skipwise.statistics.intervals import Mean, Table, analyse, difference_of, mean_of

Verdict = Literal["better", "worse", "equivalent", "unresolved"]

MOST_SEEDS = 1000
MOST_IMAGES = 10_000_000


@dataclass(frozen=True)
class Estimate:
    """A mean accuracy as a fraction, and its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Pair:
    """How contender `a` compares with `b`: `difference` = accuracy of a - accuracy of b, as a fraction.

    `verdict` is from a's side. `equivalent` says that the whole interval lies inside the margin; beside `better`
    or `worse` it means real, and too small to matter. For an unresolved pair, `seeds_to_settle` and
    `images_to_settle` are about how many seeds (on these images) or test images (with these seeds) would settle
    it if what was observed is the truth; None where no number would, and for settled pairs.
    """

    a: str
    b: str
    difference: float
    low: float
    high: float
    verdict: Verdict
    equivalent: bool
    seeds: int
    images: int
    seeds_to_settle: int | None = None
    images_to_settle: int | None = None

    def turned(self) -> Pair:
        """The same pair seen from b's side."""
        opposite: dict[Verdict, Verdict] = {"better": "worse", "worse": "better"}
        return replace(
            self,
            a=self.b,
            b=self.a,
            difference=-self.difference,
            low=-self.high,
            high=-self.low,
            verdict=opposite.get(self.verdict, self.verdict),
        )


@dataclass(frozen=True)
class Judgement:
    """All pairs, simultaneously valid at `1 - alpha`, and every contender's accuracy, simultaneous among themselves.

    A contender with fewer than two seeds has no accuracy here, and a pair with fewer than two common seeds is
    missing from `pairs`: there is nothing to base an interval on.
    """

    accuracies: dict[str, Estimate]
    pairs: tuple[Pair, ...]
    margin: float
    alpha: float
    looks: int


def judge(
    correct: Mapping[str, NDArray[np.bool_] | NDArray[np.floating]],
    *,
    margin: float,
    alpha: float = 0.05,
    looks: int = 1,
    seeds: Mapping[str, Sequence[int]] | None = None,
) -> Judgement:
    """Intervals and verdicts for every pair of contenders, all of them together wrong at most `alpha` of the time.

    Args:
        correct: per contender, whether each image was classified rightly: bool [seeds, images], the same images
            in the same order for all. Any other outcome per image, from 0 up and at most 1 on average, is judged in
            the same way: for balanced accuracy, right answers weighted so that every class weighs the same.
        margin: the difference that would not matter, as a fraction (0.005 is half a point).
        alpha: the chance, over the whole comparison, that any interval misses the truth.
        looks: over how many looks at the growing data that chance is shared (Bonferroni, as over pairs).
        seeds: the seed of each row. A pair is judged on the seeds both have. None: row s is seed s.

    Raises:
        ValueError: fewer than two contenders, arrays that are no such tables, values that are no outcomes, or a margin,
            alpha or number of looks out of range.
    """
    if len(correct) < 2:
        raise ValueError("A comparison needs at least two contenders.")
    if not (0 < margin < 1 and 0 < alpha < 1 and looks >= 1):
        raise ValueError("margin and alpha must lie between 0 and 1, and looks must be at least 1.")
    values = {name: np.asarray(answers) for name, answers in correct.items()}
    if any(table.ndim != 2 or table.dtype.kind not in "biuf" for table in values.values()):
        raise ValueError("Every contender's answers must be an array [seeds, images] of bools or numbers.")
    if len({table.shape[1] for table in values.values()}) > 1:
        raise ValueError("Every contender must have been tested on the same images.")
    if not all(_are_outcomes(table) for table in values.values()):
        raise ValueError("Outcomes must be finite numbers of at least 0, and at most 1 on average.")
    if seeds is not None and not values.keys() <= seeds.keys():
        raise ValueError("seeds must name the seeds of every contender.")
    rows = {name: list(seeds[name] if seeds else range(len(table))) for name, table in values.items()}
    for name, table in values.items():
        if len(set(rows[name])) != len(table):
            raise ValueError(f"{name} needs one distinct seed per row.")
    largest = max((float(table.max()) for table in values.values() if table.size), default=0.0) or 1.0

    @cache
    def analysed(name: str, chosen: tuple[int, ...]) -> Table:
        return analyse(values[name][[rows[name].index(seed) for seed in chosen]].astype(float))

    share = alpha / (len(values) * looks)
    accuracies = {}
    for name in values:
        if len(rows[name]) >= 2:
            mean = mean_of(analysed(name, tuple(sorted(rows[name]))), largest=largest)
            low, high = mean.interval(share)
            accuracies[name] = Estimate(mean.value, max(low, 0.0), min(high, 1.0))
    couples = list(combinations(values, 2))
    share = alpha / (len(couples) * looks)
    pairs = []
    for a, b in couples:
        common = tuple(sorted(set(rows[a]) & set(rows[b])))
        if len(common) >= 2:
            difference = difference_of(analysed(a, common), analysed(b, common), largest=largest)
            pairs.append(_pair(a, b, difference, margin, share))
    return Judgement(accuracies=accuracies, pairs=tuple(pairs), margin=margin, alpha=alpha, looks=looks)


def _are_outcomes(table: NDArray[np.bool_] | NDArray[np.floating]) -> bool:
    if table.dtype == bool or not table.size:
        return True
    # Weights whose mean is 1 may sum to a little more.
    return bool(np.isfinite(table).all() and table.min() >= 0 and table.mean(axis=1).max() <= 1 + 1e-9)


def _pair(a: str, b: str, difference: Mean, margin: float, alpha: float) -> Pair:
    low, high = difference.interval(alpha)
    equivalent = -margin < low and high < margin
    verdict: Verdict = "unresolved"
    if low > 0:
        verdict = "better"
    elif high < 0:
        verdict = "worse"
    elif equivalent:
        verdict = "equivalent"
    settle = _to_settle(difference, margin, alpha) if verdict == "unresolved" else (None, None)
    return Pair(
        a=a,
        b=b,
        difference=difference.value,
        low=max(low, -1.0),
        high=min(high, 1.0),
        verdict=verdict,
        equivalent=equivalent,
        seeds=difference.first.seeds,
        images=difference.first.images,
        seeds_to_settle=settle[0],
        images_to_settle=settle[1],
    )


def _to_settle(difference: Mean, margin: float, alpha: float) -> tuple[int | None, int | None]:
    """About how many seeds, and how many images, would bring the interval off zero or inside the margin."""

    def settled(**counts: int) -> bool:
        low, high = difference.interval(alpha, **counts)
        return low > 0 or high < 0 or (-margin < low and high < margin)

    def first(counts: Sequence[int], what: str) -> int | None:
        # The interval shrinks, so that bisection finds the least. With two seeds it can grow by a few percent, where
        # more images leave the seeds more of the variance, and with it Student's quantile; about is all that is said.
        index = bisect_left(counts, True, key=lambda count: settled(**{what: count}))
        return counts[index] if index < len(counts) else None

    return (
        first(_steps(difference.first.seeds, MOST_SEEDS), "seeds"),
        first(_steps(difference.first.images, MOST_IMAGES), "images"),
    )


@cache
def _steps(now: int, most: int) -> tuple[int, ...]:
    """Larger counts, a few percent from one to the next: what would settle a pair is not known any better."""
    if now >= most:
        return ()
    return tuple(np.unique(np.geomspace(now + 1, most, 200).round().astype(int)).tolist())
