"""Coverage of the interval of `noninferiority` for a drop that is known, and the error rates of its outcomes.

    python benchmarks/noninferiority.py [--quick] [--trials N]

Each trial draws images that both networks answer alike but for a share that differs, of which some are lost and some
won. With groups of ten, the images of a group either are drawn alone or go together, all lost or all won.

Counted is how often the interval misses the truth; how often a file whose true drop is the limit is certified; and how
often one whose true drop is the limit is called not as good. The aims are 5%, 2.5% and 2.5%.
"""

from __future__ import annotations

import argparse
from itertools import product

import numpy as np
from scipy import stats

from skipwise.statistics.noninferiority import noninferiority

IMAGES = (50, 310, 1000, 2000, 10_000)
DIFFERENT = (0.0, 0.002, 0.005, 0.01, 0.02, 0.05)
"""The share of the images that the two networks answer differently, one rightly."""
SIDES = (0.0, 0.5, 1.0)
"""The part of them by which more are lost than won."""
KINDS = {"alone": (1, 1), "groups of 10, drawn alone": (10, 1), "groups of 10, together": (10, 10)}
"""The size of a group, and how many images go together."""


def cell(images: int, different: float, side: float, kind: str, trials: int) -> tuple[int, int, int]:
    """Counts the trials that missed the truth, that certified a file at the limit, and that called one not as good."""
    size, together = KINDS[kind]
    rng = np.random.default_rng([images, round(1e4 * different), round(10 * side), size, together])
    truth = different * side
    groups = np.arange(images) // size if size > 1 else None
    missed = certified = refused = 0
    for _ in range(trials):
        drawn = rng.random(-(-images // together)).repeat(together)[:images]
        lost, won = drawn < (different + truth) / 2, drawn > 1 - (different - truth) / 2
        found = noninferiority(~won, ~lost, limit=truth, groups=groups)
        missed += not found.low <= truth <= found.high
        certified += found.outcome == "certified" and found.high < truth
        refused += found.outcome == "not as good"
    return missed, certified, refused


def main() -> None:
    """Prints a row for each kind and number of images: the worst cell."""
    parser = argparse.ArgumentParser(description="How often the interval of a drop in accuracy misses.")
    parser.add_argument("--quick", action="store_true", help="few trials, to see that it runs")
    parser.add_argument("--trials", type=int, default=2000, help="for each cell")
    arguments = parser.parse_args()
    trials = 100 if arguments.quick else arguments.trials
    print(f"Worst of {len(DIFFERENT) * len(SIDES)} cells of {trials:,} trials, in percent")
    print("| images | missed (99% interval) | certified at the limit | not as good at the limit |\n|---|---|---|---|")
    for kind, images in product(KINDS, IMAGES[:3] if arguments.quick else IMAGES):
        worst = np.max(
            [cell(images, different, side, kind, trials) for different, side in product(DIFFERENT, SIDES)], axis=0
        )
        between = stats.binomtest(int(worst[0]), trials).proportion_ci(0.99, method="wilson")
        missed, certified, refused = 100 * worst / trials
        interval = f"{100 * between.low:.1f} to {100 * between.high:.1f}"
        print(f"| {images:,}, {kind} | {missed:.1f} ({interval}) | {certified:.1f} | {refused:.1f} |", flush=True)


if __name__ == "__main__":
    main()
