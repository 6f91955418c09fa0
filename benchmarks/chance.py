"""How often "the next look has a 40% chance to settle what is open" is right.

    python benchmarks/chance.py [--quick] [--trials N] [--seed N] [--arm NAME]

Each trial is a comparison that is looked at after 5 seeds. Where something is open then, the chance that the look after
8 or 12 seeds leaves nothing open is computed, and that look is taken. Of all chances between 20 and 40%, say, about 30%
should come true. The arms differ in what differences there are:

- `grid`: two to six networks, whose true accuracies differ by anything from nothing to several points, with any seed
  noise up to 2 points, on 300 to 3,000 images, at other looks as well;
- `any difference`: two networks whose true difference is as likely to be of any size up to 4 points;
- `nearly alike`: two networks whose true difference is mostly less than half a point, as of networks of one family;
- `four networks`: four whose accuracies are up to 3 points apart;
- `real runs`: two to four networks of coverage_real, whose seeds and images are drawn from 40 real runs of each;
- `real groups`: the same of 20 real runs on hand signs, where the images of a pupil belong together.

Printed are, for each range of chances, how many there were, their mean, and how often it came true, with the 99%
interval (Wilson); the mean range that was told; and the Brier score beside that of always saying the share of the arm.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from coverage import ALPHA, MARGIN, draw, monte_carlo
from coverage_real.answers import KEPT, load
from skipwise.statistics import (
    Foreseen,
    Judgement,
    beaten,
    candidates_left,
    carry_forward,
    foresee,
    judge,
    pair_level,
)

LOOKS = (5, 8, 12)
OTHER_LOOKS = (3, 6, 10), (4, 8, 16)
SPREADS = (0.0, 0.0015, 0.003, 0.006, 0.012, 0.025)
NOISES = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02)
EDGES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0)


@dataclass(frozen=True, eq=False)
class Drawn:
    """A comparison whose runs have all been drawn.

    Args:
        scores: of each network, whether each image is right, of as many runs as the last look takes.
        looks: the numbers of seeds.
        groups: of the images.
    """

    scores: dict[str, NDArray[np.bool_]]
    looks: tuple[int, ...] = LOOKS
    groups: NDArray[np.int64] | None = None


Arm = Callable[[np.random.Generator, int], Iterator[Drawn]]


def simulated(gaps: Callable[[np.random.Generator], list[float]], images: int) -> Arm:
    """Makes comparisons of networks with these accuracies below 0.92."""

    def made(rng: np.random.Generator, trials: int) -> Iterator[Drawn]:
        for _ in range(trials):
            networks = draw(rng, [0.92 - gap for gap in gaps(rng)], (0.004, 0.007), images)
            yield Drawn({name: network.answers(LOOKS[-1]) for name, network in networks.items()})

    return made


def grid(rng: np.random.Generator, trials: int) -> Iterator[Drawn]:
    """Comparisons of every kind."""
    for _ in range(trials):
        count, accuracy = int(rng.choice([2, 3, 4, 6])), float(rng.choice([0.6, 0.75, 0.85, 0.92, 0.98]))
        accuracies = (accuracy + rng.choice(SPREADS) * rng.standard_normal(count)).clip(0.05, 0.998).round(3)
        noise = min(float(rng.choice(NOISES)), (1 - accuracy) / 4)
        images = int(rng.choice([300, 1000, 3000]))
        looks = (LOOKS, LOOKS, *OTHER_LOOKS)[rng.integers(4)]
        networks = draw(rng, accuracies.tolist(), (noise, noise / 2), images)
        yield Drawn({name: network.answers(looks[-1]) for name, network in networks.items()}, looks)


def real(name: str, *, grouped: bool = False) -> Arm:
    """Comparisons of real runs: of 2 to 4 networks, on some of the images, with some of the seeds."""

    def made(rng: np.random.Generator, trials: int) -> Iterator[Drawn]:
        answers = load(KEPT / name)
        names = list(answers.right)
        for _ in range(trials):
            chosen = rng.permutation(names)[: rng.integers(2, len(names) + 1)].tolist()
            if grouped and answers.groups is not None:
                count = answers.groups.max() + 1
                some = rng.permutation(count)[: rng.integers(count // 6, count // 2 + 1)]
                images = np.flatnonzero(np.isin(answers.groups, some))
            else:
                images = rng.permutation(answers.trained.test)[: round(np.exp(rng.uniform(np.log(300), np.log(2000))))]
            seeds = {name: rng.permutation(answers.runs)[: LOOKS[-1]] for name in chosen}
            yield Drawn(
                {name: answers.right[name][seeds[name]][:, images] for name in chosen},
                groups=answers.groups[images] if grouped and answers.groups is not None else None,
            )

    return made


ARMS: dict[str, Arm] = {
    "grid": grid,
    "any difference": simulated(lambda rng: [0.0, float(rng.uniform(-0.04, 0.04))], 1000),
    "nearly alike": simulated(lambda rng: [0.0, float(rng.normal(0, 0.003))], 1000),
    "four networks": simulated(lambda rng: rng.uniform(0, 0.03, 4).tolist(), 1000),
    "real runs": real("cifar10"),
    "real groups": real("signs", grouped=True),
}


def told_and_happened(drawn: Drawn) -> Iterator[tuple[Foreseen, bool]]:
    """The chance after each look but the last, where something is open, and whether the next one left nothing open."""
    scores, looks = drawn.scores, drawn.looks
    level, judgement, left = pair_level(len(scores), looks, ALPHA), None, frozenset(scores)
    runs: dict[str, int] = {}

    def judged() -> Judgement:
        first = {name: rows[: runs[name]] for name, rows in scores.items()}
        found = judge(first, margin=MARGIN, alpha=ALPHA, looks=looks, groups=drawn.groups)
        return carry_forward(judgement, found)

    for now, following in pairwise(looks):
        runs |= dict.fromkeys(left, now)
        judgement = judged()
        left = candidates_left(judgement)
        if not left:
            return
        gone = beaten(judgement.pairs, MARGIN).keys()
        pairs = [
            (pair.a, pair.b)
            for pair in judgement.pairs
            if pair.verdict == "unresolved" and pair.seeds_needed is not None and not {pair.a, pair.b} & gone
        ]
        first = {name: rows[: runs[name]] for name, rows in scores.items()}
        foreseen = foresee(first, judgement, pairs, seeds=following, level=level, groups=drawn.groups)
        runs |= dict.fromkeys(left, following)
        yield foreseen, is_settled(judged(), pairs)


def is_settled(judgement: Judgement, pairs: list[tuple[str, str]]) -> bool:
    """Whether none of these pairs is open."""
    gone = beaten(judgement.pairs, judgement.margin).keys()
    still = [pair for pair in judgement.pairs if pair.verdict == "unresolved" and not {pair.a, pair.b} & gone]
    return not {(pair.a, pair.b) for pair in still} & set(pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description="How often the chance to settle is right, by simulation.")
    parser.add_argument("--quick", action="store_true", help="few trials, under two minutes")
    parser.add_argument("--trials", type=int, default=0, help="comparisons in each arm")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--arm", choices=list(ARMS), action="append", help="only these; may be given several times")
    options = parser.parse_args()
    trials = options.trials or (40 if options.quick else 400)
    arms = {}
    for name in options.arm or ARMS:
        rng = np.random.default_rng(options.seed)
        found = [each for drawn in ARMS[name](rng, trials) for each in told_and_happened(drawn)]
        told, least, most = np.array([(each.chance, each.least, each.most) for each, _ in found]).T
        happened = np.array([each for _, each in found], dtype=float)
        brier, constant = float(np.mean((told - happened) ** 2)), float(happened.var())
        low, high = monte_carlo(happened.mean(), len(found))
        print(
            f"\n{name}: {len(found)} looks that left something open. Told {told.mean():.0%} on average "
            f"({least.mean():.0%} to {most.mean():.0%}), came true {happened.mean():.0%} ({low:.0%} to {high:.0%}). "
            f"Brier score {brier:.3f}, of a constant {constant:.3f}."
        )
        for low, high in pairwise(EDGES):
            inside = (told >= low) & ((told < high) | (high == 1.0))
            if inside.any():
                share = happened[inside].mean()
                from_, to = monte_carlo(share, int(inside.sum()))
                print(
                    f"  {low:4.0%} to {high:4.0%}: {inside.sum():4d} times, told {told[inside].mean():4.0%}, came true "
                    f"{share:4.0%} ({from_:.0%} to {to:.0%})",
                    flush=True,
                )
        arms[name] = {"median": float(told.mean() - happened.mean()), "spread": float(np.std(told - happened))}
    print(json.dumps({"benchmark": "chance", "machine": "any", "trials": trials, "arms": arms, "ratios": {}}))


if __name__ == "__main__":
    main()
