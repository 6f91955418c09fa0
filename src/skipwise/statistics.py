"""From right-or-wrong answers to intervals and verdicts.

Two things are random in a comparison: which seed a network was trained with and which images it was tested on.
A t-test over seeds ignores the second, McNemar's test ignores the first; both claim too much. Here a difference
is the mean of D[s, i] = right_a[s, i] - right_b[s, i] over seeds s and images i, under the two-way random-effects
model D = mean + seed effect + image effect + rest (Searle, Casella and McCulloch 1992, Variance Components, ch. 4).

Plain arrays in, records out; needs numpy and scipy only. Not covered by any interval here: other data, another
split of the same data, another recipe.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

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


@dataclass(frozen=True)
class TwoWay:
    """The two-way analysis of values[s, i]: mean squares, and the interval of the mean that follows from them.

    Mean squares count two more images than were observed, see `two_way`.
    """

    mean: float
    seeds: int
    images: int
    ms_seed: float
    ms_image: float
    ms_rest: float

    def half_width(self, alpha: float) -> float:
        """Of the two-sided interval that misses with probability alpha."""
        return self.expected_half_width(alpha, seeds=self.seeds, images=self.images, ms_seed=self.ms_seed)

    def expected_half_width(self, alpha: float, *, seeds: int, images: int, ms_seed: float | None = None) -> float:
        """What the half-width is, or would be with so many seeds and images and these variance components.

        The variance of the mean has two estimated parts: what varies from seed to seed (seed effects and rest), known
        from few seeds, and what the image effects add, known from many images. Student's quantiles for the two are
        averaged by the parts' sizes (Cochran 1964, Biometrics 20:191), which errs on the safe side, where
        Satterthwaite's approximation errs on the other when the few seeds happen to agree (see docs/statistics.md).
        """
        if ms_seed is None:
            ms_seed = max(self.ms_seed - self.ms_rest, 0) / self.images * images + self.ms_rest
        image_effect = max(self.ms_image - self.ms_rest, 0) / self.seeds
        by_seed, by_image = ms_seed / (seeds * images), image_effect / images
        variance = by_seed + by_image
        if variance == 0:
            return 0.0
        few, many = stats.t.ppf(1 - alpha / 2, [seeds - 1, images - 1])
        return float((by_seed * few + by_image * many) / variance * math.sqrt(variance))


def two_way(values: NDArray[np.floating], *, guard: tuple[float, float]) -> TwoWay:
    """The two-way random-effects analysis of values [seeds, images].

    Args:
        guard: values of two more images, the same for all seeds, that enter the mean squares and not the mean.
            Without them a hundred images without one disagreement would have variance zero, and any claim
            whatever would look certain.

    Raises:
        ValueError: fewer than two seeds or one image.
    """
    seeds, observed = values.shape
    if seeds < 2 or observed < 1:
        raise ValueError(f"An interval needs at least two seeds and one image, not {seeds} and {observed}.")
    guarded = np.concatenate([values, np.tile(np.asarray(guard, dtype=float), (seeds, 1))], axis=1)
    images = observed + 2
    grand = guarded.mean()
    by_seed = guarded.mean(axis=1, keepdims=True)
    by_image = guarded.mean(axis=0, keepdims=True)
    rest = guarded - by_seed - by_image + grand
    return TwoWay(
        mean=float(values.mean()),
        seeds=seeds,
        images=images,
        ms_seed=float(images * np.square(by_seed - grand).sum() / (seeds - 1)),
        ms_image=float(seeds * np.square(by_image - grand).sum() / (images - 1)),
        ms_rest=float(np.square(rest).sum() / ((seeds - 1) * (images - 1))),
    )


def judge(
    correct: Mapping[str, NDArray[np.bool_]],
    *,
    margin: float,
    alpha: float = 0.05,
    looks: int = 1,
    seeds: Mapping[str, Sequence[int]] | None = None,
) -> Judgement:
    """Intervals and verdicts for every pair of contenders, all of them together wrong at most `alpha` of the time.

    Args:
        correct: per contender, whether each image was classified rightly: bool [seeds, images], the same images
            in the same order for all.
        margin: the difference in accuracy that would not matter, as a fraction (0.005 is half a point).
        alpha: the chance, over the whole comparison, that any interval misses the truth.
        looks: over how many looks at the growing data that chance is shared (Bonferroni, as over pairs).
        seeds: the seed of each row. A pair is judged on the seeds both have. None: row s is seed s.

    Raises:
        ValueError: fewer than two contenders, image counts that differ, or a margin or alpha out of range.
    """
    if len(correct) < 2:
        raise ValueError("A comparison needs at least two contenders.")
    if not (0 < margin < 1 and 0 < alpha < 1 and looks >= 1):
        raise ValueError("margin and alpha must lie between 0 and 1, and looks must be at least 1.")
    if len({answers.shape[1] for answers in correct.values()}) > 1:
        raise ValueError("Every contender must have been tested on the same images.")
    rows = {name: list(seeds[name] if seeds else range(len(answers))) for name, answers in correct.items()}
    for name, answers in correct.items():
        if len(set(rows[name])) != len(answers):
            raise ValueError(f"{name} needs one distinct seed per row.")

    share = alpha / (len(correct) * looks)
    accuracies = {name: _accuracy(answers, share) for name, answers in correct.items() if len(answers) >= 2}
    couples = list(combinations(correct, 2))
    share = alpha / (len(couples) * looks)
    pairs = []
    for a, b in couples:
        common = sorted(set(rows[a]) & set(rows[b]))
        if len(common) >= 2:
            right_a = correct[a][[rows[a].index(seed) for seed in common]]
            right_b = correct[b][[rows[b].index(seed) for seed in common]]
            pairs.append(_pair(a, b, right_a.astype(float) - right_b, margin, share))
    return Judgement(accuracies=accuracies, pairs=tuple(pairs), margin=margin, alpha=alpha, looks=looks)


def _accuracy(correct: NDArray[np.bool_], alpha: float) -> Estimate:
    analysis = two_way(correct.astype(float), guard=(0.0, 1.0))
    half = analysis.half_width(alpha)
    return Estimate(analysis.mean, max(analysis.mean - half, 0.0), min(analysis.mean + half, 1.0))


def _pair(a: str, b: str, difference: NDArray[np.floating], margin: float, alpha: float) -> Pair:
    analysis = two_way(difference, guard=(-1.0, 1.0))
    half = analysis.half_width(alpha)
    low, high = max(analysis.mean - half, -1.0), min(analysis.mean + half, 1.0)
    equivalent = -margin < low and high < margin
    verdict: Verdict = "unresolved"
    if low > 0:
        verdict = "better"
    elif high < 0:
        verdict = "worse"
    elif equivalent:
        verdict = "equivalent"
    settle = _to_settle(analysis, margin, alpha) if verdict == "unresolved" else (None, None)
    return Pair(
        a=a,
        b=b,
        difference=analysis.mean,
        low=low,
        high=high,
        verdict=verdict,
        equivalent=equivalent,
        seeds=difference.shape[0],
        images=difference.shape[1],
        seeds_to_settle=settle[0],
        images_to_settle=settle[1],
    )


def _to_settle(analysis: TwoWay, margin: float, alpha: float) -> tuple[int | None, int | None]:
    """About how many seeds, and how many images, would bring the interval off zero or inside the margin."""
    distance = abs(analysis.mean)
    needed = max(distance, margin - distance)

    def first(start: int, most: int, half_width: Callable[[int], float]) -> int | None:
        if half_width(most) >= needed:
            return None
        low, high = start, most
        while low < high:
            middle = (low + high) // 2
            if half_width(middle) < needed:
                high = middle
            else:
                low = middle + 1
        return low

    seeds = first(
        analysis.seeds + 1,
        MOST_SEEDS,
        lambda count: analysis.expected_half_width(alpha, seeds=count, images=analysis.images),
    )
    images = first(
        analysis.images + 1,
        MOST_IMAGES,
        lambda count: analysis.expected_half_width(alpha, seeds=analysis.seeds, images=count),
    )
    return seeds, None if images is None else images - 2  # the two that are only counted
