"""Error rates of verdicts on real networks: mock comparisons, and results of other methods for the same answers.

    python benchmarks/coverage_real.py [--quick] [--sets cifar10,signs] [--mocks N] [--seed N] [--answers FOLDER]
    python benchmarks/coverage_real.py --train --data DIR [--sets cifar10] [--seeds 0:40] [--answers FOLDER]

Four networks were trained with many seeds each (a quarter of the width, a subset of the images), and which test
images each run got right is kept beside this file. A mock comparison takes a few seeds of two networks and a random
subset of the test images, and judges them at 95%. The truth is what all the other runs say on all the other images.
A network is compared with itself, too, by other seeds: whoever claims a difference there is wrong.

    false claims    a network called better than itself
    wrong way       of two networks, the worse one called better (where the truth is two of its errors from 0, or more)
    missed          the truth is outside the interval, the truth's own error added
    missed, raw     the same without it
    found           the better one called better (where the truth is as clear)

Errors are by jackknife over seeds, from the mock comparisons without each seed in turn, less what chance alone makes,
plus the binomial error of so many mock comparisons. Images are not left out in turn.

`--train` makes runs that are not kept yet; DIR has cifar10.zip, and sign-digits.csv with its archive. With --answers
and other --seeds, the same with other runs.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from coverage_real.answers import KEPT, Answers, load
from coverage_real.mock import SKIPWISE, Mock, mocks

MEASURES = ("false claims", "wrong way", "missed", "missed, raw", "found")
Share = tuple[float, float, int]


def share(found: Sequence[Mock], event: Callable[[Mock], bool], runs: int) -> Share:
    """Returns how often an event happened, its standard error by jackknife over seeds, and the number of cases."""
    if not found:
        return float("nan"), float("nan"), 0
    happened = np.array([event(each) for each in found], dtype=float)
    used = np.array([[place in each.used for place in range(runs)] for each in found])
    value = happened.mean()
    cautious = (happened.sum() + 1) / (len(found) + 2)  # what was never seen may happen
    chance = cautious * (1 - cautious) / len(found)
    jackknife = noise = 0.0
    for place in range(runs):
        without = ~used[:, place]
        if without.any():
            jackknife += (happened[without].mean() - value) ** 2
            noise += chance * (1 / without.mean() - 1)
    variance = (runs - 1) / runs * max(jackknife - noise, 0.0) + chance
    return float(value), float(np.sqrt(variance)), len(found)


def measures(found: Sequence[Mock], method: str, runs: int) -> dict[str, Share]:
    """Each of MEASURES of a method."""
    alike, apart = [each for each in found if each.alike], [each for each in found if not each.alike]
    known = [each for each in apart if each.is_known]
    return {
        "false claims": share(alike, lambda each: each.wrong(method), runs),
        "wrong way": share(apart, lambda each: each.wrong(method), runs),
        "missed": share(apart, lambda each: each.missed(method), runs),
        "missed, raw": share(apart, lambda each: each.missed(method, added=False), runs),
        "found": share(known, lambda each: each.claims(method) * each.truth > 0, runs),
    }


def shown(of: Share) -> str:
    """In percent, with its error."""
    return f"{100 * of[0]:.1f} ({100 * of[1]:.1f})"


def describe(answers: Answers, found: Sequence[Mock]) -> None:
    """Prints which networks were trained, and how different they are."""
    trained, apart = answers.trained, [each for each in found if not each.alike]
    of_groups = "" if answers.groups is None else f" in {answers.groups.max() + 1} groups"
    seeds = " or ".join(map(str, sorted({each.seeds for each in found})))
    images = [each.images for each in found]
    print(
        f"\n{trained.name}: {trained.train:,} training images of {trained.size} pixels, "
        f"{trained.recipe.epochs} epochs; {trained.test:,} test images{of_groups}.\n"
        f"{len(found):,} mock comparisons, of {seeds} seeds and {min(images):,} to {max(images):,} images; "
        f"a truth's error is {100 * np.mean([each.error for each in apart]):.2f} points.\n"
    )
    print("| network | runs | right, % | from run to run, points |\n|---|---|---|---|")
    for name, right in answers.right.items():
        runs = 100 * right.mean(axis=1)
        print(f"| {name} | {len(runs)} | {runs.mean():.1f} | {runs.std(ddof=1):.2f} |")


def table(answers: Answers, found: Sequence[Mock]) -> dict[str, dict[str, Share]]:
    """Prints the shares by method, then Skipwise's by seeds, then the false claims by network; as Markdown."""
    methods = list(found[0].intervals)
    by_method = {method: measures(found, method, answers.runs) for method in methods}
    print(f"\n| % (error) | {' | '.join(MEASURES)} | half-width, points |\n|{'---|' * (len(MEASURES) + 2)}")
    for method, row in by_method.items():
        arms = [100 * (high - low) / 2 for low, high in (each.intervals[method] for each in found if not each.alike)]
        of_claims = not np.isfinite(arms).all()  # no interval that could miss
        cells = ["" if of_claims and name.startswith("missed") else shown(of) for name, of in row.items()]
        print(f"| {method} | {' | '.join(cells)} | {'' if of_claims else f'{np.mean(arms):.1f}'} |")
    print(f"\n| {SKIPWISE}, by seeds | {' | '.join(MEASURES)} |\n|{'---|' * (len(MEASURES) + 1)}")
    for seeds in sorted({each.seeds for each in found}):
        row = measures([each for each in found if each.seeds == seeds], SKIPWISE, answers.runs)
        print(f"| {seeds} | {' | '.join(map(shown, row.values()))} |")
    print(f"\n| false claims, % | {' | '.join(methods)} |\n|{'---|' * (len(methods) + 1)}")
    for name in answers.right:
        own = [each for each in found if each.a == each.b == name]
        claims = [share(own, lambda each, method=method: each.wrong(method), answers.runs) for method in methods]
        print(f"| {name} and itself | {' | '.join(map(shown, claims))} |")
    return by_method


def main() -> None:
    parser = argparse.ArgumentParser(description="Verdicts on real networks, held against many more runs.")
    parser.add_argument("--quick", action="store_true", help="fewer mock comparisons, under two minutes")
    parser.add_argument("--mocks", type=int, default=0, help="mock comparisons of each set")
    parser.add_argument("--seed", type=int, default=1, help="of the draws of mock comparisons")
    parser.add_argument("--sets", default="cifar10,signs")
    parser.add_argument("--answers", type=Path, default=KEPT)
    parser.add_argument("--train", action="store_true", help="make the runs that are not kept yet")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seeds", default="0:40", help="of the runs, first:end")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--nice", type=int, default=5)
    options = parser.parse_args()
    count = options.mocks or (1_000 if options.quick else 6_000)
    sets = [name for name in options.sets.split(",") if options.train or (options.answers / name).exists()]
    if options.train:
        if options.data is None:
            parser.error("--train needs --data DIR")
        from coverage_real.training import train

        first, end = map(int, options.seeds.split(":"))
        for name in sets:
            train(
                name,
                options.data,
                options.answers / name,
                seeds=range(first, end),
                processes=options.processes,
                patience=options.nice,
            )
        return
    arms: dict[str, dict[str, float]] = {}
    for name in sets:
        answers = load(options.answers / name)
        found = mocks(answers, count, options.seed)
        describe(answers, found)
        for method, row in table(answers, found).items():
            arms |= {f"{name}: {method}: {measure}": {"median": of[0], "spread": of[1]} for measure, of in row.items()}
    print(json.dumps({"benchmark": "coverage_real", "machine": "any", "mocks": count, "arms": arms, "ratios": {}}))


if __name__ == "__main__":
    main()
