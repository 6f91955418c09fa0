"""How often the intervals of a learning curve hold: of what the last doubling brought, and of what the next one brings.

    python benchmarks/learning_curve.py [--quick] [--trials N] [--answers FOLDER] [--lcdb database-accuracy.csv]
    python benchmarks/learning_curve.py --train --data DIR [--sets cifar10] [--draws 0:3] [--seeds 0:6]

**Simulated.** Networks whose error follows a law, tested on 300 or 2,000 images with 5 seeds. Both truths are known.
`chosen of four` is of four networks alike, of which the best is taken, by the same test images.

**Real.** Small networks were trained on a quarter, half, all and twice some images (`learning_curve/training.py`), and
which test images they got right is kept beside this file. Each mock curve takes some of the seeds and half of the test
images of one draw. The truth of the next doubling is that of all seeds and all test images, and has an error of its
own: `held` adds it to the interval, `held, raw` does not. Curves of one set have much in common, so that what counts is
how many of the sets and draws there are, not of the mock curves.

**Published.** With --lcdb, curves of scikit-learn's learners on tables (`learning_curve/lcdb.py`); of the data sets
with odd numbers, as the constants of `statistics/extrapolation.py` were chosen by the others.

Beside it: `same again` (the next doubling brings what the last one did, with its interval), and `power law` (an
inverse power law through the three means by weighted least squares, with the interval of its parameters, as Figueroa et
al. 2012, BMC Medical Informatics 12:8). `width` is the median of intervals' widths, in points, and `off` the median
distance of the middle from the truth.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from coverage import draw
from coverage_real.answers import Answers, load
from learning_curve.lcdb import curves
from learning_curve.training import KEPT, MOST_DRAWS, PARTS, TASKS, kind, train
from skipwise.statistics import Doubling, Estimate, doubling
from skipwise.statistics.extrapolation import extrapolate

ALPHA = 0.05
MEASURED = ("quarter", "half", "all")
Tables = list[NDArray[np.bool_]]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A learning curve and the truth about it.

    Args:
        place: what it is of.
        tables: the right answers at the three sizes [seeds, images].
        sizes: the numbers of training images.
        groups: of the test images.
        last, next: what doublings really bring; None where it is not known.
        error: the standard error of `next`.
        networks: among how many it was chosen.
    """

    place: str
    tables: Tables
    sizes: tuple[float, float, float]
    groups: NDArray[np.int64] | None = None
    last: float | None = None
    next: float
    error: float = 0.0
    networks: int = 1


def law(exponent: float, floor: float = 0.0, delay: float = 0.0) -> Callable[[float], float]:
    """Errors by the number of images, relative to that with one unit of them."""
    return lambda size: floor + (1 - floor) * ((size + delay) / (1 + delay)) ** -exponent


LAWS = {
    "power 0.3": (0.2, law(0.3)),
    "power 0.9": (0.06, law(0.9)),
    "half of it a floor": (0.15, law(0.6, 0.5)),
    "near the floor": (0.1, law(0.5, 0.85)),
    "a late beginning": (0.3, law(0.7, 0.0, 0.8)),
    "nothing to gain": (0.15, law(0.0)),
}
"""The error with all images, and the law."""
SIMULATED = [(seeds, images) for images in (300, 2000) for seeds in (5, 2)]


def simulated(trials: int) -> Iterator[Curve]:
    """Networks whose error follows a law."""
    for name, (error, follows) in LAWS.items():
        errors = [error * follows(size) for size in PARTS.values()]
        for seeds, images in SIMULATED:
            rng = np.random.default_rng([images, seeds])
            for _ in range(trials):
                drawn = list(draw(rng, [1 - each for each in errors[:3]], (0.006, 0.009, 0.012), images).values())
                yield Curve(
                    place=f"{name}, {seeds} seeds, {images} images",
                    tables=[network.answers(seeds) for network in drawn],
                    sizes=(250, 500, 1000),
                    last=errors[1] - errors[2],
                    next=errors[2] - errors[3],
                )


def chosen(trials: int) -> Iterator[Curve]:
    """The best of four networks that are alike, by 5 seeds and 500 test images."""
    error, follows = LAWS["power 0.3"]
    errors = [error * follows(size) for size in PARTS.values()]
    rng = np.random.default_rng(1)
    for _ in range(trials):
        accuracies = [1 - each for each in errors[:3] for _ in range(4)]
        tables = [network.answers(5) for network in draw(rng, accuracies, (0.006,), 500).values()]
        best = int(np.argmax([table.mean() for table in tables[8:]]))
        yield Curve(
            place="chosen of four",
            tables=tables[best::4],
            sizes=(250, 500, 1000),
            last=errors[1] - errors[2],
            next=errors[2] - errors[3],
            networks=4,
        )


def real(folder: Path, mocks: int) -> Iterator[Curve]:
    """Curves of some of the seeds and half of the test images of every draw that was trained."""
    for place in sorted(path.parent for path in folder.glob("*/set.json")):
        answers, task = load(place), TASKS[place.name]
        for images in task.sizes:
            for number in range(MOST_DRAWS):
                names = {part: kind(images, number, part) for part in PARTS}
                if all(name in answers.right for name in names.values()):
                    yield from _mocks(answers, place.name, names, images, number, mocks)


def _mocks(answers: Answers, of: str, names: dict[str, str], images: int, number: int, mocks: int) -> Iterator[Curve]:
    right = {part: answers.right[name] for part, name in names.items()}
    seeds = min(map(len, right.values()))
    if seeds < 4:
        return
    tested = right["all"].shape[1]
    groups = np.arange(tested) if answers.groups is None else answers.groups
    truth = float(right["twice"].mean() - right["all"].mean())
    spreads = [right[part].mean(axis=1).var(ddof=1) / len(right[part]) for part in ("twice", "all")]
    rng = np.random.default_rng([images, number])
    for _ in range(mocks):
        rows = rng.permutation(seeds)[: rng.integers(3, seeds + 1)]
        some = np.isin(groups, rng.permutation(np.unique(groups))[: len(np.unique(groups)) // 2])
        yield Curve(
            place=f"{of}, {images} images",
            tables=[right[part][rows][:, some] for part in MEASURED],
            sizes=(images / 4, images / 2, images),
            groups=None if answers.groups is None else groups[some],
            next=truth,
            error=float(np.sqrt(sum(spreads))),
        )


Rows = dict[str, dict[str, list[tuple[bool, bool, float, float]]]]
Method = Callable[[Curve, Doubling], Estimate]


def _power_law(curve: Curve, _: Doubling) -> Estimate:
    means = np.array([1 - table.mean() for table in curve.tables])
    errors = [max(table.mean(axis=1).std(ddof=1) / np.sqrt(len(table)), 1e-4) for table in curve.tables]
    sizes = np.array(curve.sizes) / curve.sizes[2]

    def power(size: NDArray[np.float64], factor: float, exponent: float) -> NDArray[np.float64]:
        return np.asarray(factor * size**-exponent)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (factor, exponent), covariance = optimize.curve_fit(
            power, sizes, np.maximum(means, 1e-4), p0=(max(means[2], 1e-3), 0.4), sigma=errors, absolute_sigma=True
        )
    value = factor - factor * 2**-exponent
    slope = np.array([1 - 2**-exponent, factor * np.log(2) * 2**-exponent])
    half = 1.96 * float(np.sqrt(slope @ covariance @ slope))
    return Estimate(value, value - half, value + half)


METHODS: dict[str, Method] = {
    "Skipwise": lambda _, found: found.next,
    "same again": lambda _, found: found.last,
    "power law": _power_law,
}


def judged(curves: Iterator[Curve]) -> Rows:
    """By place and method: whether the interval held, also without the truth's own error, its width, and how far off
    its middle was. The last doubling is the method `last`."""
    rows: Rows = {}
    for curve in curves:
        found = doubling(curve.tables, curve.sizes, alpha=ALPHA, groups=curve.groups, networks=curve.networks)
        here = rows.setdefault(curve.place, {})
        if curve.last is not None:
            here.setdefault("last", []).append(_held(found.last, curve.last, 0.0))
        for name, method in METHODS.items():
            here.setdefault(name, []).append(_held(method(curve, found), curve.next, curve.error))
    return rows


def published(path: Path, count: int, *, odd: bool = True) -> Rows:
    """The same of so many published curves, drawn at random."""
    rows: Rows = {}
    known = list(curves(path, odd=odd))
    for place in np.random.default_rng(0).permutation(len(known))[:count].tolist():
        curve = known[place]
        errors, sets = curve.errors, len(curve.errors)
        means = np.maximum(errors.mean(axis=0), 1e-3)
        covariance = np.cov(errors[:, :3].T) / sets + np.eye(3) * 1e-6
        found = extrapolate(means[:3], covariance, sets - 1.0, (0.25, 0.5, 1.0), alpha=ALPHA)
        gains = errors[:, 2] - errors[:, 3]
        held = _held(found, float(gains.mean()), float(gains.std(ddof=1) / np.sqrt(sets)))
        for name in (f"LCDB: {curve.learner}", "LCDB: all learners"):
            rows.setdefault(name, {}).setdefault("Skipwise", []).append(held)
    return rows


def _held(estimate: Estimate, truth: float, error: float) -> tuple[bool, bool, float, float]:
    value, low, high = estimate.value, estimate.low, estimate.high
    raw = low <= truth <= high
    longer = [np.hypot(arm, 1.96 * error) for arm in (value - low, high - value)]
    return value - longer[0] <= truth <= value + longer[1], raw, high - low, abs(value - truth)


def show(rows: Rows) -> dict[str, dict[str, float]]:
    """Prints a table, and returns the shares that held."""
    arms = {}
    for place, methods in rows.items():
        for method, found in methods.items():
            held, raw, width, off = (np.array(each, dtype=float) for each in zip(*found, strict=True))
            print(
                f"{place:44s} {method:11s} {len(held):5d} curves, held {100 * held.mean():5.1f}% (raw "
                f"{100 * raw.mean():5.1f}%), width {100 * np.median(width):5.2f}, off {100 * np.median(off):5.2f}",
                flush=True,
            )
            arms[f"{place}: {method}"] = {"median": float(held.mean()), "spread": float(held.std() / len(held) ** 0.5)}
    return arms


def main() -> None:
    parser = argparse.ArgumentParser(description="How often the intervals of learning curves hold.")
    parser.add_argument("--quick", action="store_true", help="few trials, under two minutes")
    parser.add_argument("--trials", type=int, default=0, help="curves in each arm")
    parser.add_argument("--answers", type=Path, default=KEPT, help="where the real runs are kept")
    parser.add_argument("--lcdb", type=Path, help="the table of LCDB with accuracies")
    parser.add_argument("--train", action="store_true", help="make the real runs that are not kept yet")
    parser.add_argument("--data", type=Path, help="a folder with cifar10.zip and sign-digits.csv")
    parser.add_argument("--sets", default=",".join(TASKS))
    parser.add_argument("--draws", default="0:3", help="first:last, last not included")
    parser.add_argument("--seeds", default="0:6")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--patience", type=int, default=0, help="added to the niceness")
    options = parser.parse_args()
    if options.train:
        if options.data is None:
            parser.error("--train needs --data")
        draws, seeds = (range(*map(int, each.split(":"))) for each in (options.draws, options.seeds))
        for name in options.sets.split(","):
            train(
                name,
                options.data,
                options.answers / name,
                draws=draws,
                seeds=seeds,
                processes=options.processes,
                patience=options.patience,
            )
        return
    trials = options.trials or (20 if options.quick else 400)
    arms = show(judged(simulated(trials))) | show(judged(chosen(trials)))
    found = judged(real(options.answers, max(5, trials // 10)))
    arms |= show(found)
    together = {method: [row for rows in found.values() for row in rows.get(method, [])] for method in METHODS}
    arms |= show({"all real curves": together}) if found else {}
    arms |= show(published(options.lcdb, 20 * trials)) if options.lcdb else {}
    print(json.dumps({"benchmark": "learning_curve", "machine": "any", "trials": trials, "arms": arms, "ratios": {}}))


if __name__ == "__main__":
    main()
