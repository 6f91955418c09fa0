"""Error rates of the intervals of skipwise.statistics for repeated cross-validation, with real cheap learners.

    python benchmarks/cross_validation.py [--quick] [--trials N]

Each trial draws a small data set from a mixture whose truth is known. Learners are cross-validated on it: 5
repeats of 5 stratified folds, so that each repeat predicts every image once. The answers [repeats, images] are judged
as runs on a test split would be, at 95%, each accuracy and each difference by itself.

The truth is the accuracy to be expected of the learner when it is trained on as many images as a fold leaves, over
all data sets of that size. No estimate of the variance from one cross-validation is unbiased for that (Bengio and
Grandvalet 2004, Journal of Machine Learning Research 5:1089): training sets overlap, and all repeats share the images.
One learner takes part twice, so that one of the true differences is 0.

Reported: the share of trials whose interval misses, with its 99% interval, and the factor on the interval's arms that
would have let it miss in 5%.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from skipwise.statistics.groups import Groups
from skipwise.statistics.intervals import Mean, Networks, analyse, difference_of, mean_of

CLASSES, NUMBERS, CLUSTERS = 4, 12, 3
REPEATS, FOLDS = 5, 5
ALPHA = 0.05
Points = NDArray[np.float64]
Labels = NDArray[np.int64]
Learner = Callable[[np.random.Generator, Points, Labels, Points], Labels]

# One fixed world: every class is three clusters, so that learners differ in what they can learn of it.
CENTRES = np.random.default_rng(0).normal(size=(CLASSES, CLUSTERS, NUMBERS)) * 1.05


def draw(rng: np.random.Generator, images: int) -> tuple[Points, Labels]:
    """Images [N, NUMBERS] and labels [N]."""
    labels = rng.integers(CLASSES, size=images)
    clusters = rng.integers(CLUSTERS, size=images)
    return CENTRES[labels, clusters] + rng.normal(size=(images, NUMBERS)), labels


def nearest_centroid(_: np.random.Generator, x: Points, y: Labels, new: Points) -> Labels:
    """By the nearest mean of a class."""
    means = np.stack([x[y == label].mean(axis=0) for label in range(CLASSES)])
    return (new @ means.T - np.square(means).sum(axis=1) / 2).argmax(axis=1)


def ridge(_: np.random.Generator, x: Points, y: Labels, new: Points) -> Labels:
    """Least squares on one column per class, with a penalty of 1."""
    return _solve(x, y, new, penalty=1.0)


def neighbours(_: np.random.Generator, x: Points, y: Labels, new: Points) -> Labels:
    """The commonest class of the 5 nearest."""
    distances = np.square(x).sum(axis=1) - 2 * new @ x.T
    nearest = y[np.argpartition(distances, 5, axis=1)[:, :5]]
    return np.stack([(nearest == label).sum(axis=1) for label in range(CLASSES)], axis=1).argmax(axis=1)


def random_features(rng: np.random.Generator, x: Points, y: Labels, new: Points) -> Labels:
    """A hidden layer of 60 units that is drawn and left alone, and ridge on top: a learner with a seed."""
    hidden = rng.normal(size=(NUMBERS + 1, 60)) / 2

    def features(points: Points) -> Points:
        return np.maximum(np.column_stack([points, np.ones(len(points))]) @ hidden, 0)

    return _solve(features(x), y, features(new), penalty=10.0)


def _solve(x: Points, y: Labels, new: Points, *, penalty: float) -> Labels:
    x, new = np.column_stack([x, np.ones(len(x))]), np.column_stack([new, np.ones(len(new))])
    weights = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ np.eye(CLASSES)[y])
    return (new @ weights).argmax(axis=1)


LEARNERS: dict[str, Learner] = {
    "nearest centroid": nearest_centroid,
    "ridge": ridge,
    "5 neighbours": neighbours,
    "random features": random_features,
    "random features again": random_features,
}


def cross_validate(rng: np.random.Generator, x: Points, y: Labels) -> dict[str, NDArray[np.bool_]]:
    """Per learner, which images each repeat got right: bool [repeats, images]. All learners share the folds."""
    right = {name: np.zeros((REPEATS, len(y)), bool) for name in LEARNERS}
    for repeat in range(REPEATS):
        folds = np.empty(len(y), int)
        folds[np.lexsort((rng.random(len(y)), y))] = np.arange(len(y)) % FOLDS
        for fold in range(FOLDS):
            test = folds == fold
            for name, learner in LEARNERS.items():
                right[name][repeat, test] = learner(rng, x[~test], y[~test], x[test]) == y[test]
    return right


def truths(rng: np.random.Generator, images: int, draws: int) -> dict[str, float]:
    """Every learner's accuracy on new images, trained on what a fold leaves of so many, over many data sets."""
    right = dict.fromkeys(LEARNERS, 0.0)
    for _ in range(draws):
        x, y = draw(rng, images * (FOLDS - 1) // FOLDS)
        new, answers = draw(rng, 2000)
        for name, learner in LEARNERS.items():
            right[name] += float((learner(rng, x, y, new) == answers).mean()) / draws
    return right


def arms_needed(mean: Mean, truth: float) -> float:
    """Returns how far the truth is from the estimate, in lengths of the interval's half on that side."""
    low, high = mean.interval(ALPHA)
    return (
        (truth - mean.value) / (high - mean.value) if truth > mean.value else (mean.value - truth) / (mean.value - low)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Coverage of the intervals under repeated cross-validation.")
    parser.add_argument("--quick", action="store_true", help="one size, under a minute")
    parser.add_argument("--trials", type=int, default=0)
    options = parser.parse_args()
    trials = options.trials or (150 if options.quick else 1000)
    arms: dict[str, dict[str, float]] = {}
    ratios: dict[str, float] = {}
    print(f"{REPEATS} repeats of {FOLDS} folds, {trials} data sets of each size; nominal {ALPHA:.0%}")
    print(f"{'images':>6}  {'what':<44} {'truth':>7} {'missed':>7} {'99% interval':>16} {'factor':>7}")
    for images in (300,) if options.quick else (200, 400, 600):
        rng = np.random.default_rng(1)
        truth = truths(rng, images, draws=5 * trials)
        needed: dict[str, list[float]] = {}
        wanted: dict[str, float] = {}
        for _ in range(trials):
            right = cross_validate(rng, *draw(rng, images))
            groups = Groups(images)
            networks = Networks([analyse((~each).astype(float), groups) for each in right.values()], groups)
            # Intervals are of errors: what is missing to being right.
            for place, name in enumerate(right):
                wanted[name] = truth[name]
                needed.setdefault(name, []).append(arms_needed(mean_of(networks, place), 1 - truth[name]))
            for (first, a), (second, b) in combinations(enumerate(right), 2):
                label = f"{a} - {b}"
                wanted[label] = truth[a] - truth[b]
                needed.setdefault(label, []).append(
                    arms_needed(difference_of(networks, first, second), truth[b] - truth[a])
                )
        for label, lengths in needed.items():
            missed = sum(length > 1 for length in lengths)
            interval = stats.binomtest(missed, trials).proportion_ci(0.99, method="wilson")
            factor = float(np.quantile(lengths, 1 - ALPHA))
            bounds = f"{interval.low:.3f} to {interval.high:.3f}"
            print(f"{images:>6}  {label:<44} {wanted[label]:>7.3f} {missed / trials:>7.3f} {bounds:>16} {factor:>7.2f}")
            share = missed / trials
            arms[f"{images} images, {label}"] = {
                "median": share,
                "spread": float(np.sqrt(share * (1 - share) / trials)),
            }
            ratios[f"{images} images, {label}: factor"] = factor
    print(
        json.dumps(
            {"benchmark": "cross_validation", "machine": "any", "trials": trials, "arms": arms, "ratios": ratios}
        )
    )


if __name__ == "__main__":
    main()
