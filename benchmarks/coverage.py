"""Error rates of the verdicts of skipwise.statistics, on data whose truth is known.

    python benchmarks/coverage.py [--quick] [--trials N] [--candidates N,N] [--skewed]

Each trial draws a comparison: candidates with given true accuracies, errors correlated between candidates through
a difficulty that each image has, and a seed effect of its own for every run. An accuracy's truth is its mean over
all images and seeds there could be. Every comparison is led twice, as the product leads it: with looks at 5, 8 and 12
seeds, and with one look at 5.

Errors. Per cell the share of trials in which, at any look that was shown, any pair's interval misses the truth, any
accuracy's does, any pair is called better or worse where the truth is a tie, or equivalent where the truth is exactly
the margin. The aim is alpha = 0.05 each; in brackets stands the 99% interval (Wilson) of what was counted.

`--skewed` does only what nothing is promised for: seeds whose effects are far from symmetrical, most runs a little
better than the mean and few much worse.

Power. How often one pair with a given true gap is decided. Savings. The share of runs not needed, against training
every candidate with all 12 seeds.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

from skipwise.statistics import Judgement, candidates_left, carry_forward, judge

MARGIN = 0.005
ALPHA = 0.05
LOOKS = (5, 8, 12)
ARMS = {"looks at 5, 8, 12": LOOKS, "one look at 5": (5,)}
ERRORS = ("missed", "accuracy missed", "false claim", "false equivalence")
# Seed noise of the candidates in turn, as a fraction: the standard deviation of a run's accuracy.
NOISES = {"0": (0.0,), "0.2": (0.002,), "0.5": (0.005,), "0, 0.5, 0.2": (0.0, 0.005, 0.002), "0, 0.5": (0.0, 0.005)}
# How the variance of an image's score divides into what all networks find difficult, what one network does, and luck.
SHARED, OWN, LUCK = 0.6, 0.15, 0.25


@cache
def spread_of_shifts(accuracy: float, noise: float) -> float:
    """The standard deviation of a run's shift that gives its accuracy exactly the standard deviation `noise`."""
    if noise == 0:
        return 0.0
    points, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()

    def excess(sigma: float) -> float:
        runs = special.ndtr(special.ndtri(accuracy) * np.sqrt(1 + sigma**2) - sigma * points)
        return float(np.sqrt(weights @ (runs - weights @ runs) ** 2) - noise)

    return float(optimize.brentq(excess, 1e-6, 5))


@dataclass
class Network:
    """Answers of a candidate, from a probit model whose accuracy over all images and seeds is exact.

    score = difficulty that all share + the candidate's own + a run's luck on this image + the run's shift; an answer
    is right when the score is below a threshold.
    """

    rng: np.random.Generator
    difficulty: NDArray[np.float32]
    accuracy: float
    noise: float
    skewed: bool = False
    runs: list[NDArray[np.bool_]] = field(default_factory=list)

    def answers(self, seeds: int) -> NDArray[np.bool_]:
        """Bool [seeds, images]; runs that were drawn before are kept."""
        while len(self.runs) < seeds:
            luck = self.rng.standard_normal(len(self.difficulty), dtype=np.float32) * np.float32(np.sqrt(LUCK))
            self.runs.append(luck < np.float32(self._threshold()) - self.difficulty)
        return np.stack(self.runs[:seeds])

    def _threshold(self) -> float:
        """Returns the threshold of one run."""
        if self.skewed:  # an exponential distribution downwards, of the same mean and standard deviation
            return float(special.ndtri(self.accuracy + self.noise * (1 - self.rng.standard_exponential())))
        sigma = spread_of_shifts(self.accuracy, self.noise)
        return float(special.ndtri(self.accuracy) * np.sqrt(1 + sigma**2) - self.rng.standard_normal() * sigma)


def draw(
    rng: np.random.Generator, accuracies: Sequence[float], noises: Sequence[float], images: int, *, skewed: bool = False
) -> dict[str, Network]:
    """Candidates; the `noises` are dealt out in turn."""

    def normal(variance: float) -> NDArray[np.float32]:
        return rng.standard_normal(images, dtype=np.float32) * np.float32(np.sqrt(variance))

    shared = normal(SHARED)
    return {
        f"net{index}": Network(rng, shared + normal(OWN), accuracy, noises[index % len(noises)], skewed)
        for index, accuracy in enumerate(accuracies)
    }


def lead(
    networks: dict[str, Network],
    looks: Sequence[int],
    *,
    every_pair: bool = False,
    weights: NDArray[np.float64] | bool = True,
) -> tuple[list[Judgement], dict[str, int]]:
    """A comparison from first look to last: what was shown at each, and how many runs each candidate had.

    `weights` [images] are what right answers count.
    """
    left = frozenset(networks)
    runs: dict[str, int] = {}
    shown: list[Judgement] = []
    for count in looks:
        runs |= dict.fromkeys(left, count)
        answers = {name: network.answers(runs[name]) * weights for name, network in networks.items()}
        judged = judge(answers, margin=MARGIN, alpha=ALPHA, looks=looks)
        shown.append(carry_forward(shown[-1] if shown else None, judged))
        left = candidates_left(shown[-1], every_pair=every_pair)
        if not left:
            break
    return shown, runs


def errors(shown: Sequence[Judgement], truth: dict[str, float]) -> set[str]:
    """Returns those of ERRORS that a comparison contains."""
    found = set()
    for judgement in shown:
        for name, accuracy in judgement.accuracies.items():
            if not accuracy.low <= truth[name] <= accuracy.high:
                found.add("accuracy missed")
        for pair in judgement.pairs:
            gap = truth[pair.a] - truth[pair.b]
            if not pair.low <= gap <= pair.high:
                found.add("missed")
            if gap == 0 and pair.verdict in ("better", "worse"):
                found.add("false claim")
            if abs(gap) >= MARGIN - 1e-12 and pair.equivalent:
                found.add("false equivalence")
    return found


def cell(
    accuracies: Sequence[float],
    *,
    images: int,
    noises: Sequence[float],
    trials: int,
    seed: int = 1,
    rare: float | None = None,
    skewed: bool = False,
) -> dict[str, dict[str, float]]:
    """Per arm, the share of trials with each of ERRORS.

    With `rare`, that share of the images is of a second class, and balanced accuracy is judged.
    """
    rng = np.random.default_rng(seed)
    counts = {arm: dict.fromkeys(ERRORS, 0) for arm in ARMS}
    for _ in range(trials):
        networks = draw(rng, accuracies, noises, images, skewed=skewed)
        truth = {name: network.accuracy for name, network in networks.items()}
        weights: NDArray[np.float64] | bool = True
        if rare is not None:
            of_rare = rng.permutation(images) < max(rng.binomial(images, rare), 1)
            weights = np.where(of_rare, images / of_rare.sum(), images / (~of_rare).sum()) / 2
        for arm, looks in ARMS.items():
            for error in errors(lead(networks, looks, weights=weights)[0], truth):
                counts[arm][error] += 1
    return {arm: {error: count / trials for error, count in of.items()} for arm, of in counts.items()}


def monte_carlo(share: float, trials: int) -> tuple[float, float]:
    """The 99% interval of a share that was counted in so many trials."""
    interval = stats.binomtest(round(share * trials), trials).proportion_ci(0.99, method="wilson")
    return float(interval.low), float(interval.high)


def power(
    gap: float, *, accuracy: float, images: int, noise: float, looks: Sequence[int], trials: int, seed: int = 1
) -> dict[str, float]:
    """Returns how often two candidates are told apart, how often they are called equivalent, and their mean runs."""
    rng = np.random.default_rng(seed)
    verdicts: list[str] = []
    runs = 0
    for _ in range(trials):
        shown, spent = lead(draw(rng, [accuracy, accuracy - gap], [noise], images), looks)
        verdicts.append(shown[-1].pairs[0].verdict)
        runs += sum(spent.values())
    return {
        "better": verdicts.count("better") / trials,
        "equivalent": verdicts.count("equivalent") / trials,
        "runs": runs / (2 * trials),
    }


def saved(
    accuracies: Sequence[float], *, images: int, noise: float, every_pair: bool, trials: int, seed: int = 1
) -> dict[str, float]:
    """The share of runs not needed, and of pairs that were decided."""
    rng = np.random.default_rng(seed)
    runs = decided = 0
    for _ in range(trials):
        shown, spent = lead(draw(rng, accuracies, [noise], images), LOOKS, every_pair=every_pair)
        runs += sum(spent.values())
        decided += sum(pair.verdict != "unresolved" for pair in shown[-1].pairs)
    candidates = len(accuracies)
    return {
        "saved": 1 - runs / (trials * candidates * LOOKS[-1]),
        "decided": decided / (trials * candidates * (candidates - 1) / 2),
    }


def cells(
    quick: bool, skewed: bool, chosen: Sequence[int] = ()
) -> Iterator[tuple[str, list[float], int, str, float | None]]:
    """Layout, accuracies, images, which of NOISES, and the share of a rare class where balanced accuracy is judged."""
    if skewed:
        for level, noise in product((0.9, 0.98, 0.995), ("0.5", "0, 0.5")):
            yield "tied, skewed", [level] * 2, 10_000, noise, None
            yield "a margin apart, skewed", [level, level - MARGIN], 10_000, noise, None
        return
    counts, sizes = ((2, 4), (300, 2000)) if quick else ((2, 4, 6), (300, 2000, 10000))
    counts = tuple(count for count in counts if not chosen or count in chosen)
    levels = (0.9, 0.995) if quick else (0.7, 0.9, 0.98, 0.995)
    noises = ("0", "0.2", "0.5", "0, 0.5, 0.2")
    for count, images, level, noise in product(counts, sizes, levels, ("0.5", "0, 0.5, 0.2") if quick else noises):
        # A margin apart in turn is hardest for equivalence; two candidates then have no tie, so they tie as well.
        yield "a margin apart", [level - MARGIN * (index % 2) for index in range(count)], images, noise, None
        if count == 2:
            yield "tied", [level] * 2, images, noise, None
    for images in sizes if 2 in counts else ():
        yield "tied, balanced", [0.9] * 2, images, "0.5", 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description="Error rates, power and savings of the verdicts, by simulation.")
    parser.add_argument("--quick", action="store_true", help="a few cells, under two minutes")
    parser.add_argument("--trials", type=int, default=0, help="per cell of errors; power and savings take a quarter")
    parser.add_argument("--skewed", action="store_true", help="only errors with skewed effects of the seeds")
    parser.add_argument("--candidates", default="", help="only errors of comparisons of so many, such as 2,4")
    options = parser.parse_args()
    quick, chosen = options.quick, [int(count) for count in options.candidates.split(",") if count]
    trials = options.trials or (200 if quick else 2000)
    arms: dict[str, dict[str, float]] = {}
    ratios: dict[str, float] = {}
    worst: dict[tuple[str, str], tuple[float, str]] = {}

    print(f"Errors, {trials} trials a cell. Noise in points, dealt out in turn.")
    heads = "  ".join(f"{error:>21}" for error in ERRORS)
    print(f"candidates                images  accuracy  noise        arm                {heads}")
    for layout, accuracies, images, noise, rare in cells(quick, options.skewed, chosen):
        found = cell(accuracies, images=images, noises=NOISES[noise], trials=trials, rare=rare, skewed=options.skewed)
        label = f"{len(accuracies)} {layout:<22} {images:>7}  {accuracies[0]:>8}  {noise:<11}"
        for arm, shares in found.items():
            figures = []
            for error, share in shares.items():
                low, high = monte_carlo(share, trials)
                figures.append(f"{share:.3f} [{low:.3f}, {high:.3f}]{'!' if low > ALPHA else ' '}")
                worst[arm, error] = max(worst.get((arm, error), (0.0, "")), (share, label))
                arms[f"{arm}: {error}: {' '.join(label.split())}"] = {
                    "median": share,
                    "spread": float(np.sqrt(share * (1 - share) / trials)),
                }
            print(f"{label}  {arm:<17}  {'  '.join(figures)}", flush=True)
    print("The worst, and ! where the whole 99% interval lies above 0.05:")
    for (arm, error), (share, label) in worst.items():
        print(f"{arm:<17}  {error:<17}  {share:.3f} {'!' if monte_carlo(share, trials)[0] > ALPHA else ' '} {label}")

    if options.skewed or chosen:
        print(json.dumps({"benchmark": "coverage", "machine": "any", "trials": trials, "arms": arms, "ratios": ratios}))
        return
    few = trials // 4
    print(f"\nPower, 2 candidates, noise 0.2 points, {few} trials a cell")
    for images, level, gap in product(
        (2000, 10000), (0.9,) if quick else (0.9, 0.98), (0.01,) if quick else (0.0, 0.0025, 0.005, 0.01, 0.015, 0.02)
    ):
        for looks in (LOOKS, (5,), (12,)):
            found_power = power(gap, accuracy=level, images=images, noise=0.002, looks=looks, trials=few)
            label = f"gap {gap}, {images} images, accuracy {level}, looks {', '.join(map(str, looks))}"
            print(f"{label}: " + ", ".join(f"{name} {share:.3f}" for name, share in found_power.items()), flush=True)
            ratios |= {f"power: {label}: {name}": share for name, share in found_power.items()}

    print(f"\nSavings, 10000 images, candidates 1 point apart, {few} trials a cell")
    for count, level, noise_of_all, every_pair in product(
        (4,) if quick else (2, 4, 6), (0.92,) if quick else (0.75, 0.92, 0.98), (0.0, 0.001, 0.002), (False, True)
    ):
        accuracies = [level - 0.01 * index for index in range(count)]
        found_saved = saved(accuracies, images=10000, noise=noise_of_all, every_pair=every_pair, trials=few)
        label = f"{count} candidates from {level} down, noise {noise_of_all * 100:g}"
        label += ", every pair" if every_pair else ""
        print(f"{label}: " + ", ".join(f"{name} {share:.3f}" for name, share in found_saved.items()), flush=True)
        ratios |= {f"savings: {label}: {name}": share for name, share in found_saved.items()}

    print(json.dumps({"benchmark": "coverage", "machine": "any", "trials": trials, "arms": arms, "ratios": ratios}))


if __name__ == "__main__":
    main()
