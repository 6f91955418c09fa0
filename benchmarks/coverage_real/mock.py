"""Mock comparisons: a few of the seeds and of the images of two networks, judged, and held against all the others.

The truth of a mock comparison is the difference on the images and over the seeds that are not in it. It has an error
of its own: that of the mean over so many seeds and images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from coverage_real.answers import Answers
from coverage_real.rivals import RIVALS
from skipwise.statistics import judge

ALPHA, MARGIN = 0.05, 0.005
SKIPWISE, UNGROUPED = "Skipwise", "Skipwise, not told of groups"
IMAGES = (250, 2_000)
MOST_OF_SEEDS, MOST_OF_GROUPS = 0.2, 0.5
"""The largest share of seeds and of groups in one mock comparison; the truth takes the others."""


@dataclass(frozen=True, kw_only=True)
class Mock:
    """One mock comparison of a pair.

    Args:
        alike: whether it is one network against itself.
        used: the places of the seeds that are in it.
        truth, error: the difference by what is not in it, and its standard error; 0 and 0 for a network against itself.
        intervals: by method.
    """

    a: str
    b: str
    alike: bool
    seeds: int
    images: int
    used: frozenset[int]
    truth: float
    error: float
    intervals: dict[str, tuple[float, float]]

    def claims(self, method: str) -> int:
        """1 where a is called better, -1 where b is, 0 where neither."""
        low, high = self.intervals[method]
        return 1 if low > 0 else -1 if high < 0 else 0

    def wrong(self, method: str) -> bool:
        """Returns whether the claim is wrong: a difference of a network from itself, or one in the wrong direction."""
        if self.alike:
            return self.claims(method) != 0
        return self.claims(method) * self.truth < 0 and self.is_known

    @property
    def is_known(self) -> bool:
        """True if the sign of the difference is known: zero is more than two standard errors from it."""
        return abs(self.truth) > 2 * self.error

    def missed(self, method: str, *, added: bool = True) -> bool:
        """Returns whether the interval leaves out the truth.

        Args:
            added: the truth's own error is added: each arm becomes sqrt(arm^2 + (1.96 error)^2), which is the arm that
                the difference from the estimated truth needs.
        """
        low, high = self.intervals[method]
        middle = (low + high) / 2
        further = float(stats.norm.ppf(1 - ALPHA / 2)) * self.error if added else 0.0
        # Intervals are not symmetrical about their estimate; from the middle, both arms are alike.
        return abs(self.truth - middle) > np.hypot((high - low) / 2, further)


def mocks(answers: Answers, count: int, seed: int, counts: Sequence[int] = (3, 5, 8)) -> list[Mock]:
    """So many mock comparisons: pairs in turn, of networks and of each with itself; seeds and images at random.

    Args:
        counts: of seeds; those above a fifth of what there is are left out.
    """
    names = list(answers.right)
    pairs = [(a, b) for place, a in enumerate(names) for b in names[place:]]
    counts = [each for each in counts if each <= MOST_OF_SEEDS * answers.runs]
    if not counts:
        raise ValueError(f"{answers.runs} runs of a network are too few: mock comparisons take a fifth of them.")
    rng = np.random.default_rng(seed)
    return [
        _mock(answers, *pairs[turn % len(pairs)], counts[turn // len(pairs) % len(counts)], rng)
        for turn in range(count)
    ]


def _mock(answers: Answers, a: str, b: str, seeds: int, rng: np.random.Generator) -> Mock:
    chosen = _chosen(answers, rng)
    groups = None if answers.groups is None else answers.groups[chosen]
    # Of a network against itself, the second takes other seeds.
    places_a, places_b = (
        np.split(rng.permutation(answers.runs)[: 2 * seeds], 2)
        if a == b
        else (rng.permutation(answers.runs)[:seeds], rng.permutation(answers.runs)[:seeds])
    )
    table_a, table_b = answers.right[a][places_a][:, chosen], answers.right[b][places_b][:, chosen]
    tables = {"a": table_a, "b": table_b}
    found = judge(tables, margin=MARGIN, alpha=ALPHA, groups=groups).pairs[0]
    intervals = {SKIPWISE: (found.low, found.high)}
    if groups is not None:
        found = judge(tables, margin=MARGIN, alpha=ALPHA).pairs[0]
        intervals[UNGROUPED] = (found.low, found.high)
    intervals |= {name: rival(table_a, table_b, ALPHA, rng) for name, rival in RIVALS.items()}
    truth, error = (0.0, 0.0) if a == b else _truth(answers, a, b, places_a, places_b, chosen)
    return Mock(
        a=a,
        b=b,
        alike=a == b,
        seeds=seeds,
        images=int(chosen.sum()),
        used=frozenset([*places_a.tolist(), *places_b.tolist()]),
        truth=truth,
        error=error,
        intervals=intervals,
    )


def _chosen(answers: Answers, rng: np.random.Generator) -> NDArray[np.bool_]:
    """The images of a mock comparison: whole groups, if there are any."""
    if answers.groups is not None:
        of_all = int(answers.groups.max()) + 1
        taken = rng.permutation(of_all)[: rng.integers(of_all // 6, int(of_all * MOST_OF_GROUPS) + 1)]
        return np.isin(answers.groups, taken)
    chosen = np.zeros(answers.trained.test, dtype=bool)
    few, most = np.log(IMAGES)
    chosen[rng.permutation(answers.trained.test)[: round(np.exp(rng.uniform(few, most)))]] = True
    return chosen


def _truth(
    answers: Answers,
    a: str,
    b: str,
    places_a: NDArray[np.int64],
    places_b: NDArray[np.int64],
    chosen: NDArray[np.bool_],
) -> tuple[float, float]:
    """The difference over the other seeds on the other images, and its standard error: of seeds and of images."""
    means, variance = [], 0.0
    for name, places in ((a, places_a), (b, places_b)):
        table = np.delete(answers.right[name], places, axis=0)[:, ~chosen]
        of_runs = table.mean(axis=1)
        variance += float(of_runs.var(ddof=1)) / len(of_runs)
        means.append(table.mean(axis=0))
    apart = means[0] - means[1]
    truth = float(apart.mean())
    if answers.groups is None:
        variance += float(apart.var(ddof=1)) / len(apart)
    else:
        sums = np.bincount(answers.groups[~chosen], weights=apart - truth)
        sums = sums[np.unique(answers.groups[~chosen])]
        variance += float(len(sums) / (len(sums) - 1) * np.square(sums).sum()) / len(apart) ** 2
    return truth, float(np.sqrt(variance))
