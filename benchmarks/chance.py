"""How often "the next look has a 40% chance to settle what is open" is right.

    python benchmarks/chance.py [--quick] [--trials N] [--arm NAME]

Each trial is a comparison that is looked at after 5 seeds. Where something is open then, the chance that the look after
8 or 12 seeds leaves nothing open is computed, and that look is taken. Of all chances between 20 and 40%, say, about 30%
should come true. The arms differ in what differences there are:

- `any difference`: two networks whose true difference is as likely to be of any size up to 4 points;
- `nearly alike`: two networks whose true difference is mostly less than half a point, as of networks of one family;
- `four networks`: four whose accuracies are up to 3 points apart;
- `real runs`: two to four networks of coverage_real, whose seeds and images are drawn from 40 real runs of each.

Printed are, for each range of chances, how many there were, their mean, and how often it came true, with the 99%
interval (Wilson); and the Brier score beside that of always saying the share of the arm.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from coverage import ALPHA, MARGIN, draw, monte_carlo
from coverage_real.answers import KEPT, load
from skipwise.statistics import Judgement, beaten, candidates_left, carry_forward, chance_to_settle, judge, pair_level

LOOKS = (5, 8, 12)
EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
Scores = dict[str, NDArray[np.bool_]]
"""Whether each image is right, of LOOKS[-1] runs of each network."""


def simulated(gaps: Callable[[np.random.Generator], list[float]], images: int) -> Callable[[int], Iterator[Scores]]:
    """Makes comparisons of networks with these accuracies below 0.92."""

    def made(trials: int) -> Iterator[Scores]:
        rng = np.random.default_rng(1)
        for _ in range(trials):
            accuracies = [0.92 - gap for gap in gaps(rng)]
            networks = draw(rng, accuracies, (0.004, 0.007), images)
            yield {name: network.answers(LOOKS[-1]) for name, network in networks.items()}

    return made


def real(trials: int) -> Iterator[Scores]:
    """Comparisons of real runs: of 2 to 4 networks, on some of the images, with some of the seeds."""
    rng = np.random.default_rng(1)
    answers = load(KEPT / "cifar10")
    names = list(answers.right)
    for _ in range(trials):
        chosen = rng.permutation(names)[: rng.integers(2, len(names) + 1)].tolist()
        images = rng.permutation(answers.trained.test)[: round(np.exp(rng.uniform(np.log(300), np.log(2000))))]
        yield {name: answers.right[name][rng.permutation(answers.runs)[: LOOKS[-1]]][:, images] for name in chosen}


ARMS: dict[str, Callable[[int], Iterator[Scores]]] = {
    "any difference": simulated(lambda rng: [0.0, float(rng.uniform(-0.04, 0.04))], 1000),
    "nearly alike": simulated(lambda rng: [0.0, float(rng.normal(0, 0.003))], 1000),
    "four networks": simulated(lambda rng: rng.uniform(0, 0.03, 4).tolist(), 1000),
    "real runs": real,
}


def told_and_happened(scores: Scores) -> Iterator[tuple[float, bool]]:
    """The chance after each look but the last, where something is open, and whether the next one left nothing open."""
    level, judgement, left = pair_level(len(scores), LOOKS, ALPHA), None, frozenset(scores)
    for now, following in pairwise(LOOKS):
        first = {name: rows[: now if name in left else LOOKS[0]] for name, rows in scores.items()}
        judgement = carry_forward(judgement, judge(first, margin=MARGIN, alpha=ALPHA, looks=LOOKS))
        left = candidates_left(judgement)
        if not left:
            return
        pairs = [
            (pair.a, pair.b)
            for pair in judgement.pairs
            if pair.verdict == "unresolved" and pair.seeds_needed is not None and {pair.a, pair.b} <= left
        ]
        chance = chance_to_settle(first, judgement, pairs, seeds=following, level=level)
        then = {name: rows[: following if name in left else len(first[name])] for name, rows in scores.items()}
        after = carry_forward(judgement, judge(then, margin=MARGIN, alpha=ALPHA, looks=LOOKS))
        yield chance, is_settled(after, pairs)


def is_settled(judgement: Judgement, pairs: list[tuple[str, str]]) -> bool:
    """Whether none of these pairs is open."""
    gone = beaten(judgement.pairs, judgement.margin).keys()
    still = [pair for pair in judgement.pairs if pair.verdict == "unresolved" and not {pair.a, pair.b} & gone]
    return not {(pair.a, pair.b) for pair in still} & set(pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description="How often the chance to settle is right, by simulation.")
    parser.add_argument("--quick", action="store_true", help="few trials, under two minutes")
    parser.add_argument("--trials", type=int, default=0, help="comparisons in each arm")
    parser.add_argument("--arm", choices=list(ARMS), action="append", help="only these; may be given several times")
    options = parser.parse_args()
    trials = options.trials or (40 if options.quick else 400)
    arms = {}
    for name, made in {name: ARMS[name] for name in options.arm or ARMS}.items():
        found = [each for scores in made(trials) for each in told_and_happened(scores)]
        told, happened = (np.array(each, dtype=float) for each in zip(*found, strict=True))
        brier, constant = float(np.mean((told - happened) ** 2)), float(happened.var())
        print(
            f"\n{name}: {len(found)} looks that left something open. Told {told.mean():.0%} on average, came true "
            f"{happened.mean():.0%}. Brier score {brier:.3f}, of a constant {constant:.3f}."
        )
        for low, high in pairwise(EDGES):
            inside = (told >= low) & ((told < high) | (high == 1.0))
            if inside.any():
                share = happened[inside].mean()
                least, most = monte_carlo(share, int(inside.sum()))
                print(
                    f"  {low:4.0%} to {high:4.0%}: {inside.sum():4d} times, told {told[inside].mean():4.0%}, came true "
                    f"{share:4.0%} ({least:.0%} to {most:.0%})",
                    flush=True,
                )
        arms[name] = {"median": float(told.mean() - happened.mean()), "spread": float(np.std(told - happened))}
    print(json.dumps({"benchmark": "chance", "machine": "any", "trials": trials, "arms": arms, "ratios": {}}))


if __name__ == "__main__":
    main()
