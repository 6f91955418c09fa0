"""Error rates of verdicts where images belong together, or where some runs do not learn.

    python benchmarks/coverage_groups.py [--quick] [--trials N]

Groups. Networks of the same accuracy that take differently to groups (patients, videos): an image's score is difficulty
that all share, of its group and of its own, plus what one network makes of the group and of the image, plus luck and
the run's shift, as in coverage.py. Each comparison is judged in four ways: as if images were independent; over groups,
as the product does; over groups with normal quantiles and without corrections for few groups (the cluster-robust
variance as it is usually taken); and by resampling seeds and groups (the pigeonhole bootstrap, percentiles).

Runs that do not learn. Two networks alike: a share of the runs of both gives one class only. Judged with the runs that
learned; and as if all were alike, which is what a t-test over seeds would do with them.

What is counted is the share of comparisons in which any pair is missed, and (of networks that are tied, the same thing)
falsely claimed; the aim is 5%.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from coverage import ALPHA, MARGIN, monte_carlo, spread_of_shifts
from skipwise.statistics import judge

SEEDS = 5
SHARED_GROUP, OWN_GROUP, SHARED_IMAGE, OWN_IMAGE, LUCK = 0.2, 0.1, 0.35, 0.1, 0.25
WAYS = ("images singly", "over groups", "uncorrected", "bootstrap")
RESAMPLES = 400
CHANCE = 0.1
"""The accuracy of a run that gives one of ten classes."""


@dataclass(frozen=True, kw_only=True)
class World:
    """Networks of one accuracy, and how the images fall into groups.

    Args:
        sizes: how many images each group has.
        noise: the standard deviation of a run's accuracy, as a fraction.
    """

    name: str
    sizes: tuple[int, ...]
    networks: int = 2
    accuracy: float = 0.78
    noise: float = 0.005

    @property
    def ids(self) -> NDArray[np.int64]:
        """The group of each image."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)


def uneven(groups: int, images: int) -> tuple[int, ...]:
    """Sizes that fall off, the largest about eight times the median."""
    shares = np.exp(np.linspace(2.1, -2.1, groups))
    return tuple(np.maximum((shares / shares.sum() * images).round().astype(int), 1).tolist())


def worlds(quick: bool) -> Iterator[World]:
    """The cells of the table."""
    yield World(name="30 x 30", sizes=(30,) * 30)
    yield World(name="100 x 10", sizes=(10,) * 100)
    if quick:
        return
    yield World(name="1,000 singly", sizes=(1,) * 1000)
    yield World(name="12 x 80", sizes=(80,) * 12)
    yield World(name="60, uneven, 1,500 images", sizes=uneven(60, 1500))
    yield World(name="20, uneven, 1,000 images", sizes=uneven(20, 1000))
    yield World(name="30 x 30, 98% right", sizes=(30,) * 30, accuracy=0.98)
    yield World(name="30 x 30, no seed noise", sizes=(30,) * 30, noise=0.0)
    yield World(name="30 x 30, four networks", sizes=(30,) * 30, networks=4)


def answers(world: World, rng: np.random.Generator) -> dict[str, NDArray[np.bool_]]:
    """Draws for each network whether each run got each image right [seeds, images]."""
    ids, images, groups = world.ids, sum(world.sizes), len(world.sizes)

    def normal(variance: float, *shape: int) -> NDArray[np.float64]:
        return rng.standard_normal(shape) * np.sqrt(variance)

    shared = normal(SHARED_GROUP, groups)[ids] + normal(SHARED_IMAGE, images)
    sigma = spread_of_shifts(world.accuracy, world.noise)
    threshold = special.ndtri(world.accuracy) * np.sqrt(1 + sigma**2)
    found = {}
    for number in range(world.networks):
        difficulty = shared + normal(OWN_GROUP, groups)[ids] + normal(OWN_IMAGE, images)
        shifts = normal(sigma**2, SEEDS, 1)
        found[f"net{number}"] = difficulty + normal(LUCK, SEEDS, images) < threshold - shifts
    return found


def uncorrected(a: NDArray[np.bool_], b: NDArray[np.bool_], ids: NDArray[np.int64], level: float) -> bool:
    """Returns whether the usual cluster-robust interval, with the seeds' variance added, leaves out zero."""
    by_image = a.mean(axis=0) - b.mean(axis=0)
    value = by_image.mean()
    of_groups = np.square(np.bincount(ids, weights=by_image - value)).sum() / len(ids) ** 2
    of_seeds = (a.mean(axis=1).var(ddof=1) + b.mean(axis=1).var(ddof=1)) / SEEDS
    return bool(abs(value) > stats.norm.isf(level / 2) * np.sqrt(of_groups + of_seeds))


def resampled(
    a: NDArray[np.bool_], b: NDArray[np.bool_], ids: NDArray[np.int64], level: float, rng: np.random.Generator
) -> bool:
    """Returns whether the percentiles of resampled seeds and groups leave out zero."""
    groups = int(ids.max()) + 1
    sums = [np.stack([np.bincount(ids, weights=row, minlength=groups) for row in side]) for side in (a, b)]
    sizes = np.bincount(ids)
    drawn = rng.multinomial(groups, np.full(groups, 1 / groups), size=RESAMPLES)
    means = []
    for side in sums:
        seeds = rng.multinomial(SEEDS, np.full(SEEDS, 1 / SEEDS), size=RESAMPLES) / SEEDS
        means.append(((drawn @ side.T) * seeds).sum(axis=1) / (drawn @ sizes))
    low, high = np.quantile(means[0] - means[1], [level / 2, 1 - level / 2])
    return bool(low > 0 or high < 0)


def false_claims(world: World, trials: int, seed: int = 1) -> dict[str, float]:
    """The share of comparisons in which any pair of these equal networks is called different, per way of judging."""
    rng = np.random.default_rng(seed)
    counts = dict.fromkeys(WAYS, 0)
    ids = world.ids
    level = ALPHA / (world.networks * (world.networks - 1) / 2)
    for _ in range(trials):
        drawn = answers(world, rng)
        pairs = [(drawn[a], drawn[b]) for a, b in combinations(drawn, 2)]
        singly = judge(drawn, margin=MARGIN, alpha=ALPHA).pairs
        together = judge(drawn, margin=MARGIN, alpha=ALPHA, groups=ids).pairs
        counts["images singly"] += any(pair.low > 0 or pair.high < 0 for pair in singly)
        counts["over groups"] += any(pair.low > 0 or pair.high < 0 for pair in together)
        counts["uncorrected"] += any(uncorrected(a, b, ids, level) for a, b in pairs)
        counts["bootstrap"] += any(resampled(a, b, ids, level, rng) for a, b in pairs)
    return {way: count / trials for way, count in counts.items()}


def collapsing(share: float, trials: int, seed: int = 1, images: int = 1000) -> dict[str, float]:
    """Two networks alike, a share of whose runs gives one class only: how often anything is claimed or missed."""
    rng = np.random.default_rng(seed)
    world = World(name="collapsing", sizes=(1,) * images, accuracy=0.9)
    counts = dict.fromkeys(("false claim", "accuracy missed", "share missed", "t-test over seeds"), 0)
    for _ in range(trials):
        drawn = answers(world, rng)
        classes = rng.integers(0, round(1 / CHANCE), images)
        for table in drawn.values():
            for row in np.flatnonzero(rng.random(SEEDS) < share):
                table[row] = classes == rng.integers(0, round(1 / CHANCE))
        judged = judge(drawn, margin=MARGIN, alpha=ALPHA)
        a, b = (table.mean(axis=1) for table in drawn.values())
        counts["false claim"] += any(pair.low > 0 or pair.high < 0 for pair in judged.pairs)
        counts["accuracy missed"] += any(not e.low <= world.accuracy <= e.high for e in judged.accuracies.values())
        counts["share missed"] += any(not each.low <= share <= each.high for each in judged.not_learned.values())
        counts["t-test over seeds"] += bool(stats.ttest_ind(a, b, equal_var=False).pvalue < ALPHA)
    return {error: count / trials for error, count in counts.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Error rates where images belong together or runs do not learn.")
    parser.add_argument("--quick", action="store_true", help="a few cells, under two minutes")
    parser.add_argument("--trials", type=int, default=0, help="per cell")
    options = parser.parse_args()
    trials = options.trials or (200 if options.quick else 2000)
    arms = {}
    print(f"Equal networks called different, {SEEDS} seeds, percent of {trials} comparisons (99% interval)")
    for world in worlds(options.quick):
        found = false_claims(world, trials)
        arms[world.name] = found
        figures = []
        for way, share in found.items():
            low, high = monte_carlo(share, trials)
            figures.append(f"{way} {100 * share:.1f} ({100 * low:.1f} to {100 * high:.1f})")
        print(f"{world.name:<26} {'; '.join(figures)}", flush=True)
    print("\nTwo networks alike, some of whose runs give one class only, percent of comparisons")
    for share in (0.3,) if options.quick else (0.0, 0.1, 0.3):
        found = collapsing(share, trials)
        arms[f"collapse {share}"] = found
        print(
            f"{share:.0%} of runs: " + "; ".join(f"{name} {100 * each:.1f}" for name, each in found.items()), flush=True
        )
    print(json.dumps({"benchmark": "coverage_groups", "machine": "any", "trials": trials, "arms": arms, "ratios": {}}))


if __name__ == "__main__":
    main()
