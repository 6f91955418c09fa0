"""Coverage of intervals where losses are compared: log-loss, the Brier score, ratios of them, calibration error.

    python benchmarks/coverage_outcomes.py [--quick] [--trials N] [--seed N] [--several]

Each trial draws the logits of two networks for ten classes. The logit of an image's class is the network's strength and
a run's shift; all logits have a part that all networks find, one that is the network's own, and luck. They are then
multiplied by the network's `heat`: with 2, confidence is about right; with 8 it is far too high, and a few images have
most of the log-loss. The truth is the mean over four million images, each with a run's shift of its own; that of two
equal networks is a tie exactly. Every comparison is led with looks at 5, 8 and 12 seeds, and with one look at 5.

Counted is the share of comparisons in which, at any look that was shown, the pair's interval misses the true
difference, or a network's the true mean; and, at one look at 5, in which the 95% interval of the ratio of losses (or
errors) misses. The aim is 5% for each. Of the calibration error, a bootstrap without a verdict, it is counted how often
its 95% interval misses, too.

`--several` does something else: networks that are equal are compared by accuracy, log-loss and the Brier score at once,
as `--outcome accuracy,log-loss,brier` does it, accuracy deciding who gets more seeds. Counted is the share of
comparisons in which any pair is called different by any outcome; beside it what would come of judging each outcome with
the whole of alpha. The aim is 5% again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from coverage import ALPHA, monte_carlo
from skipwise.comparison.results.ratios import ratio
from skipwise.comparison.results.records import as_advantage
from skipwise.evaluation.calibration import calibration, confidence
from skipwise.evaluation.metrics import BINS, bins_of
from skipwise.evaluation.outcomes import OUTCOMES, Outcome
from skipwise.statistics import Judgement, candidates_left, carry_forward, judge

CLASSES = 10
ARMS = {"looks at 5, 8, 12": (5, 8, 12), "one look at 5": (5,)}
COUNTED = ("log-loss", "brier", "top5-accuracy", "balanced-accuracy")
HARD, OWN, LUCK = 1.2, 0.5, 0.6
"""Standard deviations of what is difficult for all, for one network, and for one run."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network.

    Args:
        strength: the logit of the label, beside what is drawn.
        noise: the standard deviation of its runs' shifts.
        heat: what multiplies its logits.
    """

    strength: float = 4.0
    noise: float = 0.0
    heat: float = 2.0


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Two networks on so many images."""

    name: str
    images: int
    a: Network
    b: Network


def cells(quick: bool) -> Iterator[Cell]:
    """The rows of the table."""
    usual, noisy = Network(), Network(noise=0.3)
    kinds = {
        "tied, no seed noise": (usual, usual),
        "tied, seed noise": (noisy, noisy),
        "tied, one with seed noise": (usual, noisy),
        "apart, seed noise": (Network(strength=4.3, noise=0.3), noisy),
        "tied, too confident": (replace(noisy, heat=8.0), replace(noisy, heat=8.0)),
        "one too confident": (noisy, replace(noisy, heat=8.0)),
        "tied, strong": (replace(noisy, strength=6.5), replace(noisy, strength=6.5)),
    }
    for images in (300,) if quick else (300, 2000):
        for name, (a, b) in kinds.items():
            if not quick or name in ("tied, seed noise", "one too confident"):
                yield Cell(name=name, images=images, a=a, b=b)


def drawn(
    rng: np.random.Generator, network: Network, shared: NDArray[np.float32], shifts: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Logits [runs, images, classes] of images whose class is the first, as the model says.

    Args:
        shared: [images, classes], what all networks find.
        shifts: of each run, or of each run and image.
    """
    own = rng.standard_normal(shared.shape, dtype=np.float32) * np.float32(OWN)
    luck = rng.standard_normal((len(shifts), *shared.shape), dtype=np.float32) * np.float32(LUCK)
    logits = shared + own + luck
    logits[..., 0] += np.float32(network.strength) - shifts.reshape(len(shifts), -1).astype(np.float32)
    return logits * np.float32(network.heat)


def found_by_all(rng: np.random.Generator, images: int) -> NDArray[np.float32]:
    """Draws the part of so many images that all networks see in the same way [images, classes]."""
    return rng.standard_normal((images, CLASSES), dtype=np.float32) * np.float32(HARD)


def labelled(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """The same logits of images of these classes: the first class's place is taken by the label's."""
    found = logits.copy()
    rows = np.arange(len(labels))
    found[:, rows, 0], found[:, rows, labels] = logits[:, rows, labels], logits[:, rows, 0]
    return found


@cache
def truth(network: Network, name: str, images: int = 4_000_000, block: int = 100_000) -> float:
    """The mean score over all images and runs there could be, as nearly as so many images show it."""
    rng, outcome = np.random.default_rng(2024), OUTCOMES[name]
    sums = 0.0
    for _ in range(images // block):
        shifts = rng.standard_normal((1, block)) * network.noise
        logits = drawn(rng, network, found_by_all(rng, block), shifts)[0]
        # Classes are alike, so that every class weighing the same changes nothing.
        sums += float(np.asarray(outcome.score(logits, np.zeros(block, np.int64))).sum())
    return sums / images


@cache
def true_error(network: Network, runs: int = 64, images: int = 200_000) -> float:
    """The expected calibration error of a run."""
    rng = np.random.default_rng(2025)
    errors = []
    for shift in rng.standard_normal(runs if network.noise else 1) * network.noise:
        logits = drawn(rng, network, found_by_all(rng, images), np.array([shift]))[0]
        sure, right = confidence(logits), logits.argmax(axis=1) == 0
        errors.append(np.abs(np.bincount(bins_of(sure), weights=sure - right, minlength=BINS)).sum() / images)
    return float(np.mean(errors))


def lead(
    scores: dict[str, NDArray[np.float64]], outcome: Outcome, looks: tuple[int, ...], alpha: float = ALPHA
) -> list[Judgement]:
    """A comparison from first look to last, as the product leads it."""
    shown: list[Judgement] = []
    for count in looks:
        judged = judge(
            {name: table[:count] for name, table in scores.items()},
            margin=outcome.margin / outcome.scale,
            alpha=alpha,
            looks=looks,
            learned={name: [True] * count for name in scores},
            higher_is_better=outcome.higher_is_better,
        )
        shown.append(carry_forward(shown[-1] if shown else None, judged))
        if not candidates_left(
            replace(shown[-1], pairs=tuple(as_advantage(pair, outcome) for pair in shown[-1].pairs))
        ):
            break
    return shown


def missed(of: Cell, trials: int, seed: int = 1) -> dict[tuple[str, str, str], float]:
    """The share of trials in which an interval misses, by arm, outcome and what it is of."""
    rng = np.random.default_rng(seed)
    means = {(side, name): truth(getattr(of, side), name) for side in "ab" for name in COUNTED}
    gaps = {name: 0.0 if of.a == of.b else means["a", name] - means["b", name] for name in COUNTED}
    counts: dict[tuple[str, str, str], int] = {}
    for _ in range(trials):
        # One class has five times as many images as each of the others.
        labels = np.maximum(rng.integers(-4, CLASSES, of.images), 0)
        shared = found_by_all(rng, of.images)
        logits = {}
        for side, network in (("a", of.a), ("b", of.b)):
            shifts = rng.standard_normal(max(map(max, ARMS.values()))) * network.noise
            logits[side] = labelled(drawn(rng, network, shared, shifts), labels)
        for name in COUNTED:
            outcome = OUTCOMES[name]
            scores = {side: np.stack([outcome.scores(run, labels) for run in runs]) for side, runs in logits.items()}
            for arm, looks in ARMS.items():
                shown = lead(scores, outcome, looks)
                wrong = any(not pair.low <= gaps[name] <= pair.high for each in shown for pair in each.pairs)
                bad = any(
                    not found.low <= means[side, name] <= found.high
                    for each in shown
                    for side, found in each.accuracies.items()
                )
                for what, is_so in (("difference", wrong), ("mean", bad)):
                    key = arm, name, what
                    counts[key] = counts.get(key, 0) + is_so
            sides = {side: outcome.errors(table[:5]) for side, table in scores.items()}
            times = ratio(sides["a"], sides["b"])
            true = [means[side, name] if not outcome.right_or_wrong else 1 - means[side, name] for side in "ab"]
            true_ratio = 1.0 if of.a == of.b else true[0] / true[1]
            key = "one look at 5", name, "ratio"
            counts[key] = counts.get(key, 0) + (times is not None and not times.low <= true_ratio <= times.high)
    return {key: count / trials for key, count in counts.items()}


def calibration_missed(network: Network, images: int, seeds: int, trials: int, seed: int = 1) -> float:
    """The share of trials in which the interval of the calibration error misses."""
    rng, wrong, true = np.random.default_rng(seed), 0, true_error(network)
    for _ in range(trials):
        logits = drawn(rng, network, found_by_all(rng, images), rng.standard_normal(seeds) * network.noise)
        sure = np.stack([confidence(run) for run in logits])
        found = calibration(sure, logits.argmax(axis=2) == 0, resamples=400)
        wrong += not found.low <= true <= found.high
    return wrong / trials


SEVERAL = ("accuracy", "log-loss", "brier")


def claimed(of: Cell, networks: int, trials: int, seed: int) -> dict[tuple[str, str], float]:
    """The share of trials in which any of several equal networks is called better than another by any outcome.

    Its keys are the arm, and whether the outcomes share alpha. The first outcome decides after which look it ends; the
    others are judged then.
    """
    rng, names = np.random.default_rng(seed), [f"network {number}" for number in range(networks)]
    counts = {(arm, kind): 0 for arm in ARMS for kind in ("shared", "each alone")}
    for _ in range(trials):
        labels, shared = rng.integers(0, CLASSES, of.images), found_by_all(rng, of.images)
        logits = {}
        for name in names:
            shifts = rng.standard_normal(max(map(max, ARMS.values()))) * of.a.noise
            logits[name] = labelled(drawn(rng, of.a, shared, shifts), labels)
        first, *further = (
            {side: np.stack([OUTCOMES[name].scores(run, labels) for run in runs]) for side, runs in logits.items()}
            for name in SEVERAL
        )
        for arm, looks in ARMS.items():
            for kind, alpha in (("shared", ALPHA / len(SEVERAL)), ("each alone", ALPHA)):
                shown = lead(first, OUTCOMES[SEVERAL[0]], looks, alpha)
                pairs = [pair for each in shown for pair in each.pairs]
                seeds = looks[len(shown) - 1]
                for name, scores in zip(SEVERAL[1:], further, strict=True):
                    outcome = OUTCOMES[name]
                    judged = judge(
                        {side: table[:seeds] for side, table in scores.items()},
                        margin=outcome.margin / outcome.scale,
                        alpha=alpha,
                        looks=looks,
                        learned={side: [True] * seeds for side in scores},
                        higher_is_better=outcome.higher_is_better,
                    )
                    pairs += judged.pairs
                counts[arm, kind] += any(not pair.low <= 0 <= pair.high for pair in pairs)
    return {key: count / trials for key, count in counts.items()}


def print_several(options: argparse.Namespace) -> None:
    """Prints the table of `--several`, and its JSON line."""
    trials = options.trials or (100 if options.quick else 600)
    arms: dict[str, dict[str, float]] = {}
    print(f"Percent of {trials} comparisons of equal networks by {', '.join(SEVERAL)} with any false claim,")
    print(f"seed {options.seed}; ! where the whole 99% interval lies above 5.")
    print(f"{'networks, images':<40} looks: shared  each alone   one look: shared  each alone")
    for networks in (2,) if options.quick else (2, 4):
        for of in cells(options.quick):
            if of.a != of.b or (networks > 2 and of.images > 300):
                continue
            found = claimed(of, networks, trials, options.seed)
            shown = []
            for (arm, kind), share in found.items():
                spread = float(np.sqrt(share * (1 - share) / trials))
                arms[f"{networks} networks, {of.name}, {of.images}: {arm}: {kind}"] = {
                    "median": share,
                    "spread": spread,
                }
                shown.append(f"{100 * share:5.1f}{'!' if monte_carlo(share, trials)[0] > ALPHA else ' '}")
            label = f"{networks}, {of.name}, {of.images}"
            print(f"{label:<40} {shown[0]:>13} {shown[1]:>11} {shown[2]:>18} {shown[3]:>11}", flush=True)
    print(json.dumps({"benchmark": "coverage_several_outcomes", "machine": "any", "arms": arms, "ratios": {}}))


def main() -> None:
    parser = argparse.ArgumentParser(description="How often intervals of losses and ratios miss, by simulation.")
    parser.add_argument("--quick", action="store_true", help="a few cells, under two minutes")
    parser.add_argument("--trials", type=int, default=0, help="per cell; the calibration error takes a fifth")
    parser.add_argument("--several", action="store_true", help="only several outcomes at once, of equal networks")
    parser.add_argument("--seed", type=int, default=1, help="of --several")
    options = parser.parse_args()
    if options.several:
        print_several(options)
        return
    trials = options.trials or (100 if options.quick else 600)
    arms: dict[str, dict[str, float]] = {}

    def row(label: str, share: float, count: int) -> str:
        arms[label] = {"median": share, "spread": float(np.sqrt(share * (1 - share) / count))}
        return f"{100 * share:5.1f}{'!' if monte_carlo(share, count)[0] > ALPHA else ' '}"

    print(f"Percent of {trials} comparisons in which an interval misses; ! where the whole 99% interval lies above 5.")
    print(f"{'two networks, images':<34} {'outcome':<18} looks: difference  mean   one look: difference  mean  ratio")
    for of in cells(options.quick):
        found = missed(of, trials)
        for name in COUNTED:
            figures = {
                key: row(f"{of.name}, {of.images}: {name}: {key[0]}: {key[2]}", share, trials)
                for key, share in found.items()
                if key[1] == name
            }
            several, one = ARMS
            print(
                f"{f'{of.name}, {of.images}':<34} {name:<18} {figures[several, name, 'difference']:>16} "
                f"{figures[several, name, 'mean']:>6} {figures[one, name, 'difference']:>20} "
                f"{figures[one, name, 'mean']:>6} {figures[one, name, 'ratio']:>6}",
                flush=True,
            )
    few = max(trials // 5, 20)
    print(f"\nCalibration error, percent of {few} trials in which its 95% interval misses; 5 seeds and 12")
    for label, network in (
        ("seed noise", Network(noise=0.3)),
        ("too confident", Network(noise=0.3, heat=8.0)),
        ("strong", Network(strength=6.5, noise=0.3)),
    ):
        for images in (300,) if options.quick else (300, 2000):
            shares = [calibration_missed(network, images, seeds, few) for seeds in (5, 12)]
            named = [
                row(f"calibration: {label}, {images}: {seeds}", s, few)
                for seeds, s in zip((5, 12), shares, strict=True)
            ]
            print(f"{f'{label}, {images}':<34} error {100 * true_error(network):4.1f}%  {'  '.join(named)}", flush=True)
    print(
        json.dumps({"benchmark": "coverage_outcomes", "machine": "any", "trials": trials, "arms": arms, "ratios": {}})
    )


if __name__ == "__main__":
    main()
