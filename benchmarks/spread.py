"""Coverage of the interval of a ratio of spreads over seeds, and error rates of its verdict.

    python benchmarks/spread.py [--quick] [--trials N]

First table: ways to get a 95% interval for the ratio of two standard deviations, from 5, 8 and 12 runs each. The means
of the runs are drawn from a normal distribution, from skewed and heavy-tailed ones, and from one in which every tenth
run is three standard deviations worse; networks vary alike, or one three times as much. The last column is the factor
by which the interval reaches beyond the ratio, of normal runs.

Second table: answers to test images, drawn as in coverage.py, to be judged by `skipwise.statistics.spreads`. The truth
is the spread over all seeds there could be: on the images drawn, for the interval; on all images, for the verdict.
Two networks or four are judged, at 5, 8 or 12 seeds, or where the looks of a comparison of accuracies ended.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from coverage import LOOKS, LUCK, Network, draw, lead, spread_of_shifts
from skipwise.statistics import spreads
from skipwise.statistics.runs.spread import ratio_interval

Runs = NDArray[np.float64]
Interval = Callable[[Runs, Runs, float], tuple[float, float]]
RESAMPLES = 500


def f_test(a: Runs, b: Runs, alpha: float) -> tuple[float, float]:
    """The interval that goes with the F test."""
    ratio = a.var(ddof=1) / b.var(ddof=1)
    arm = stats.f.isf(alpha / 2, len(a) - 1, len(b) - 1)
    return math.sqrt(ratio / arm), math.sqrt(ratio * stats.f.isf(alpha / 2, len(b) - 1, len(a) - 1))


def as_published(a: Runs, b: Runs, alpha: float) -> tuple[float, float]:
    """Bonett's (2006), with the normal quantile and the kurtosis as it is estimated; runs of equal number."""
    n = len(a)
    squares = sum(((x - x.mean()) ** 2).sum() for x in (a, b))
    kurtosis = 2 * n * sum(((x - np.median(x)) ** 4).sum() for x in (a, b)) / squares**2
    arm = stats.norm.isf(alpha / 2) * math.sqrt(max(2 * (kurtosis - (n - 3) / n) / (n - 1), 0.0))
    middle = math.log(a.var(ddof=1) / b.var(ddof=1))
    return math.exp((middle - arm) / 2), math.exp((middle + arm) / 2)


def pitman_morgan(a: Runs, b: Runs, alpha: float) -> tuple[float, float]:
    """The paired interval (Pitman 1939, Morgan 1939), of runs with the same seeds."""
    ratio, correlation = a.var(ddof=1) / b.var(ddof=1), np.corrcoef(a, b)[0, 1]
    k = 1 + 2 * (1 - correlation**2) * stats.t.isf(alpha / 2, len(a) - 2) ** 2 / (len(a) - 2)
    arm = k + math.sqrt(k**2 - 1)
    return math.sqrt(ratio / arm), math.sqrt(ratio * arm)


def jackknife(a: Runs, b: Runs, alpha: float) -> tuple[float, float]:
    """The jackknife of the logarithm of each variance (Miller 1968), with Welch's degrees of freedom."""
    middle, parts = [], []
    for x in (a, b):
        n = len(x)
        without = np.array([np.delete(x, i).var(ddof=1) for i in range(n)])
        pseudo = n * np.log(x.var(ddof=1)) - (n - 1) * np.log(without)
        middle.append(pseudo.mean())
        parts.append(pseudo.var(ddof=1) / n)
    freedom = sum(parts) ** 2 / sum(part**2 / (len(x) - 1) for part, x in zip(parts, (a, b), strict=True))
    arm, difference = stats.t.isf(alpha / 2, freedom) * math.sqrt(sum(parts)), middle[0] - middle[1]
    return math.exp((difference - arm) / 2), math.exp((difference + arm) / 2)


def bootstrap(a: Runs, b: Runs, alpha: float) -> tuple[float, float]:
    """Percentiles over runs drawn with replacement."""
    rng = np.random.default_rng(0)
    spread = [np.maximum(x[rng.integers(len(x), size=(RESAMPLES, len(x)))].std(axis=1), 1e-9) for x in (a, b)]
    low, high = np.quantile(spread[0] / spread[1], [alpha / 2, 1 - alpha / 2])
    return float(low), float(high)


METHODS: dict[str, Interval] = {
    "ours": ratio_interval,
    "Bonett, as published": as_published,
    "F test": f_test,
    "Pitman-Morgan": pitman_morgan,
    "jackknife": jackknife,
    "bootstrap": bootstrap,
}


def normal(rng: np.random.Generator, n: int) -> Runs:
    return rng.standard_normal(n)


def skewed(rng: np.random.Generator, n: int) -> Runs:
    """Skewness -1.4 and kurtosis 6: most runs a little better than the mean, few much worse."""
    return (2 - rng.gamma(2, size=n)) / math.sqrt(2)


def heavy_tailed(rng: np.random.Generator, n: int) -> Runs:
    """Student's with 5 degrees of freedom: kurtosis 9."""
    return rng.standard_t(5, n) / math.sqrt(5 / 3)


def bad_runs(rng: np.random.Generator, n: int) -> Runs:
    return (rng.standard_normal(n) - 3 * (rng.random(n) < 0.1)) / math.sqrt(1 + 9 * 0.09)


SHAPES = {"normal": normal, "skewed": skewed, "heavy-tailed": heavy_tailed, "a tenth bad": bad_runs}


def of_intervals(trials: int, alpha: float) -> dict[str, float]:
    """Prints the first table, and returns the share of intervals that miss, by method and case."""
    found: dict[str, float] = {}
    heads = "".join(f"{name:>14}{'(1 : 3)':>9}" for name in SHAPES)
    print(f"Percent of {100 * (1 - alpha):g}% intervals that miss, {trials} trials each")
    print(f"{'runs':>4}  {'method':<20}{heads}{'reaches':>9}")
    for n in (5, 8, 12):
        rng = np.random.default_rng(n)
        missed = {method: {} for method in METHODS}
        reach: dict[str, list[float]] = {method: [] for method in METHODS}
        for shape, drawn in SHAPES.items():
            for ratio in (1, 3):
                counts = dict.fromkeys(METHODS, 0)
                for _ in range(trials):
                    # Beside one three times as wide, the other is normal: this is where kurtosis differs most.
                    a, b = drawn(rng, n) * ratio, (drawn if ratio == 1 else normal)(rng, n)
                    for method, interval in METHODS.items():
                        low, high = interval(a, b, alpha)
                        counts[method] += not low <= ratio <= high
                        if shape == "normal" and ratio == 1:
                            reach[method].append(math.sqrt(high / low))
                for method, count in counts.items():
                    missed[method][shape, ratio] = count / trials
                    found[f"{method}, {n} runs, {shape}, 1 : {ratio}, alpha {alpha:.3g}"] = count / trials
        for method, shares in missed.items():
            cells = "".join(f"{shares[s, 1] * 100:>14.1f}{shares[s, 3] * 100:>9.1f}" for s in SHAPES)
            print(f"{n:>4}  {method:<20}{cells}{np.median(reach[method]):>8.1f}x", flush=True)
    return found


def true_variance(network: Network) -> float:
    """The variance over seeds of the accuracy on the network's images."""
    sigma = spread_of_shifts(network.accuracy, network.noise)
    points, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = weights / weights.sum()
    middle = special.ndtri(network.accuracy) * math.sqrt(1 + sigma**2)
    right = special.ndtr((middle - sigma * points[:, None] - network.difficulty) / math.sqrt(LUCK))
    means = right.mean(axis=1)
    within = (right * (1 - right)).sum(axis=1) / len(network.difficulty) ** 2
    return float(weights @ (means - weights @ means) ** 2 + weights @ within)


CASES: dict[str, tuple[list[float], list[float]]] = {
    "no seed effects, equal": ([0.9, 0.9], [0.0, 0.0]),
    "no seed effects, unequal": ([0.97, 0.7], [0.0, 0.0]),
    "equal effects, unequal": ([0.97, 0.7], [0.005, 0.005]),
    "effects 0.5 and 2": ([0.9, 0.9], [0.005, 0.02]),
    "four, effects 0.3": ([0.92, 0.91, 0.9, 0.89], [0.003]),
    "four, one of effect 2": ([0.92, 0.91, 0.9, 0.89], [0.02, 0.003, 0.003, 0.003]),
}


def of_comparisons(trials: int, quick: bool) -> dict[str, float]:
    """Prints the second table, and returns its shares."""
    found: dict[str, float] = {}
    print(f"\nPercent of {trials} comparisons: any interval misses; any verdict is wrong; any verdict is right")
    print(f"{'networks (accuracy, effect of seeds in points)':<30}{'images':>7}  {'seeds':<14}missed  wrong  right")
    for (name, (accuracies, noises)), images in (
        (case, n) for case in CASES.items() for n in ((300,) if quick else (300, 2000))
    ):
        rng, kinds = np.random.default_rng(1), ("5", "12", "as looks end")
        counts = {kind: np.zeros(3) for kind in kinds}
        for _ in range(trials):
            networks = draw(rng, accuracies, noises, images)
            truth = {each: math.sqrt(true_variance(network)) for each, network in networks.items()}
            _, ended = lead(networks, LOOKS)
            seeds = {"5": dict.fromkeys(networks, 5), "12": dict.fromkeys(networks, 12), "as looks end": ended}
            for kind in kinds:
                judged = spreads({each: networks[each].answers(seeds[kind][each]) for each in networks})
                missed = wrong = right = False
                for pair in judged.pairs:
                    if pair.low is not None and pair.high is not None:
                        missed |= not pair.low <= truth[pair.a] / truth[pair.b] <= pair.high
                    more, less = (networks[side].noise for side in (pair.a, pair.b))
                    truly = "larger" if more > less else "smaller" if more < less else "unresolved"
                    wrong |= pair.verdict in ("larger", "smaller") and pair.verdict != truly
                    right |= pair.verdict in ("larger", "smaller") and pair.verdict == truly
                counts[kind] += [missed, wrong, right]
        for kind, of in counts.items():
            shares = of / trials
            print(f"{name:<30}{images:>7}  {kind:<14}" + "".join(f"{100 * x:>6.1f} " for x in shares), flush=True)
            for what, share in zip(("missed", "wrong", "right"), shares.tolist(), strict=True):
                found[f"{name}, {images} images, {kind}: {what}"] = share
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Error rates of intervals and verdicts on spreads over seeds.")
    parser.add_argument("--quick", action="store_true", help="fewer trials, under two minutes")
    parser.add_argument("--trials", type=int, default=0, help="per cell of the first table; the second takes a fifth")
    options = parser.parse_args()
    trials = options.trials or (400 if options.quick else 4000)
    shares = of_intervals(trials, 0.05)
    if not options.quick:
        shares |= of_intervals(trials, 0.05 / len(list(combinations(range(4), 2))))
    shares |= of_comparisons(max(trials // 5, 1), options.quick)
    arms = {
        name: {"median": share, "spread": math.sqrt(share * (1 - share) / trials)} for name, share in shares.items()
    }
    print(json.dumps({"benchmark": "spread", "machine": "any", "trials": trials, "arms": arms, "ratios": {}}))


if __name__ == "__main__":
    main()
