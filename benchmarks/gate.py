"""Error rates of `skipwise gate`: false alarms, networks that pass and should not, and cases that it can't tell.

    python benchmarks/gate.py [--quick] [--trials N]

Each trial draws images, which two finished networks answer: on some only the old one is right, on some only the new
one. The true drop is 0, the margin (1 point) or three times the margin. 4% of the images are answered differently by
equal networks, which is what two runs of one recipe with 95% accuracy often differ by, and as many as the drop takes by
others. Images either are each by themselves, or in groups of ten: in each group the shares vary (a Dirichlet
distribution) so that two images of it have a correlation of 0.3, or all ten go together, the worst there is.

Counted is how often equal networks fail and how often the interval calls one of them worse; how often a network that is
worse by exactly the margin passes; how often one that is worse by three times the margin is caught; and how often equal
networks pass, which is what a gate is there for. The first three may be 5% at most; the method aims at 2.5%.
A few trials of each kind go through files and the verb itself, which has to give the same outcome.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import skipwise
from skipwise.core.machine.system import describe_machine
from skipwise.gating.gate import OUTCOMES
from skipwise.statistics.noninferiority import noninferiority

IMAGES = (300, 1000, 3000, 10_000)
MARGIN, DIFFERENT = 0.01, 0.04
KINDS = {"alone": (1, 1.0), "groups of 10, correlation 0.3": (10, 0.3), "groups of 10, together": (10, 1.0)}
"""The size of a group, and the correlation of its images."""
TRUTHS = {"equal": 0.0, "worse by the margin": MARGIN, "worse by three times the margin": 3 * MARGIN}


def draw(
    rng: np.random.Generator, images: int, truth: float, size: int, correlation: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Draws whether each network answers each image rightly; the group of image n is n // size."""
    different = max(DIFFERENT, truth)
    shares = np.array([(different + truth) / 2, (different - truth) / 2, 1 - different])
    groups = -(-images // size)
    if correlation == 1:
        kinds = rng.choice(3, groups, p=shares).repeat(size)[:images]
    else:
        there = shares > 0
        each = np.zeros((groups, 3))
        each[:, there] = rng.dirichlet(shares[there] * (1 - correlation) / correlation, groups)
        steps = np.cumsum(each.repeat(size, axis=0)[:images], axis=1)
        kinds = np.minimum((rng.random(images)[:, None] > steps).sum(axis=1), 2)
    return kinds != 1, kinds != 0


def cell(images: int, kind: str, truth: float, trials: int) -> dict[str, float]:
    """The shares of the outcomes, and of intervals that lie above zero."""
    size, correlation = KINDS[kind]
    rng = np.random.default_rng([images, size, round(10 * correlation), round(1e4 * truth)])
    counts = dict.fromkeys((*OUTCOMES.values(), "called worse"), 0)
    groups = np.arange(images) // size if size > 1 else None
    for _ in range(trials):
        found = noninferiority(*draw(rng, images, truth, size, correlation), limit=MARGIN, groups=groups)
        counts[OUTCOMES[found.outcome]] += 1
        counts["called worse"] += found.low > 0
    return {name: 100 * count / trials for name, count in counts.items()}


def through_the_verb(trials: int) -> int:
    """Counts the trials in which the verb, from files, answers as the statistics do."""
    rng, same = np.random.default_rng(0), 0
    with tempfile.TemporaryDirectory() as folder:
        for number, (kind, truth) in enumerate(list(product(KINDS, TRUTHS.values())) * trials):
            size, correlation = KINDS[kind]
            sides = draw(rng, 1000, truth, size, correlation)
            paths = []
            for name, right in zip(("old", "new"), sides, strict=True):
                rows = (f"i{n},1,{int(good)},g{n // size}" for n, good in enumerate(right.tolist()))
                paths.append(Path(folder) / f"{name}{number}.csv")
                paths[-1].write_text("id,label,prediction,group\n" + "\n".join(rows) + "\n")
            groups = np.arange(1000) // size if size > 1 else None
            expected = noninferiority(*sides, limit=MARGIN, groups=groups)
            same += skipwise.gate(*paths, group="group" if size > 1 else None).drop == expected
    return same


def main() -> None:
    """Prints a row for each kind and number of images."""
    parser = argparse.ArgumentParser(description="How often `skipwise gate` errs.")
    parser.add_argument("--quick", action="store_true", help="few trials, to see that it runs")
    parser.add_argument("--trials", type=int, default=2000, help="for each cell")
    arguments = parser.parse_args()
    trials = 100 if arguments.quick else arguments.trials
    print(f"Margin {100 * MARGIN:g} point, {trials:,} trials in each cell, in percent")
    print("| images | equal: fails | called worse | passes | at the margin: passes | three times: caught | passes |")
    print("|---|---|---|---|---|---|---|")
    worst = dict.fromkeys(("equal networks called worse", "worse by the margin, passes"), 0.0)
    for kind, images in product(KINDS, IMAGES[:2] if arguments.quick else IMAGES):
        equal, at, beyond = (cell(images, kind, truth, trials) for truth in TRUTHS.values())
        row = [equal["fail"], equal["called worse"], equal["pass"], at["pass"], beyond["fail"], beyond["pass"]]
        print(f"| {images:,}, {kind} | {' | '.join(f'{share:.1f}' for share in row)} |", flush=True)
        for name, share in zip(worst, (equal["called worse"], at["pass"]), strict=True):
            worst[name] = max(worst[name], share)
    checks = 9 * (1 if arguments.quick else 5)
    print(f"The verb answers {through_the_verb(checks // 9)} of {checks} trials as the statistics do.")
    arms = {name: {"median": round(share, 2), "spread": 0.0} for name, share in worst.items()}
    print(json.dumps({"benchmark": "gate", "machine": describe_machine().processor, "arms": arms, "ratios": {}}))


if __name__ == "__main__":
    main()
