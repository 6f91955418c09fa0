"""How often the verdicts of skipwise.statistics are wrong, on data whose truth is known.

    python benchmarks/coverage.py [--quick] [--trials N]

Each trial draws a comparison: contenders with given true accuracies, errors correlated between contenders through
a difficulty that each image has, and a seed effect of its own for every run. An accuracy's truth is its mean over
all images and seeds there could be. Reported per cell: the share of trials in which any pair's verdict is a false
claim (better or worse where the truth is no difference, or equivalent where it is the margin), and in which any
interval misses the truth; the aim is at most alpha = 0.05 each. Beside that stands what Satterthwaite's degrees of
freedom for the whole variance would have missed, and how much wider our intervals are than those.
"""

from __future__ import annotations

import argparse
import json

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from skipwise.statistics import TwoWay, judge, two_way

MARGIN = 0.005


def draw(
    rng: np.random.Generator, accuracies: list[float], *, seeds: int, images: int, seed_noise: float
) -> dict[str, NDArray[np.bool_]]:
    """Answers [seeds, images] per contender, from a probit model whose marginal accuracy is exact.

    score = shared difficulty + the contender's own difficulty + the run's luck on this image; an answer is right
    when the score is below a threshold. A run's shift, drawn around 0, moves its accuracy by about `seed_noise`.
    """
    shared = rng.normal(size=images) * np.sqrt(0.6)
    drawn = {}
    for index, accuracy in enumerate(accuracies):
        threshold = stats.norm.ppf(accuracy)
        sigma = seed_noise / stats.norm.pdf(threshold)
        own = rng.normal(size=images) * np.sqrt(0.15)
        luck = rng.normal(size=(seeds, images)) * np.sqrt(0.25)
        shift = rng.normal(size=(seeds, 1)) * sigma
        # Dividing by the total spread keeps the accuracy over all seeds and images at its given value.
        score = (shared + own + luck + shift) / np.sqrt(1 + sigma**2)
        drawn[f"net{index}"] = score < threshold
    return drawn


def satterthwaite(analysis: TwoWay, alpha: float) -> float:
    """The half-width by one Student's t for the whole variance, degrees of freedom at least seeds - 1."""
    total = max(analysis.ms_seed + analysis.ms_image - analysis.ms_rest, analysis.ms_seed, analysis.ms_image)
    by_seed, by_image = analysis.seeds - 1, analysis.images - 1
    spread = analysis.ms_seed**2 / by_seed + analysis.ms_image**2 / by_image
    spread += analysis.ms_rest**2 / (by_seed * by_image)
    freedom = max(total**2 / spread, by_seed)
    variance = total / (analysis.seeds * analysis.images)
    return float(stats.t.ppf(1 - alpha / 2, freedom) * np.sqrt(variance))


def cell(
    accuracies: list[float], *, seeds: int, images: int, seed_noise: float, trials: int, seed: int
) -> dict[str, float]:
    """Shares of trials with a missed truth, a false claim or a false equivalence, in any pair."""
    rng = np.random.default_rng(seed)
    missed = false = same = other = 0
    widths: list[float] = []
    for _ in range(trials):
        answers = draw(rng, accuracies, seeds=seeds, images=images, seed_noise=seed_noise)
        wrong = {"missed": False, "false": False, "same": False, "other": False}
        judged = judge(answers, margin=MARGIN)
        for pair in judged.pairs:
            analysis = two_way(answers[pair.a].astype(float) - answers[pair.b], guard=(-1.0, 1.0))
            half = satterthwaite(analysis, judged.alpha / len(judged.pairs))
            widths.append((pair.high - pair.low) / (2 * half))
            truth = accuracies[int(pair.a[3:])] - accuracies[int(pair.b[3:])]
            wrong["missed"] |= not pair.low <= truth <= pair.high
            wrong["other"] |= abs(pair.difference - truth) > half
            wrong["false"] |= truth == 0 and pair.verdict in ("better", "worse")
            wrong["same"] |= abs(truth) >= MARGIN - 1e-12 and pair.equivalent
        missed += wrong["missed"]
        other += wrong["other"]
        false += wrong["false"]
        same += wrong["same"]
    return {
        "missed": missed / trials,
        "false claim": false / trials,
        "false equivalence": same / trials,
        "missed by Satterthwaite": other / trials,
        "width": float(np.mean(widths)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Error rates of the verdicts, by simulation.")
    parser.add_argument("--quick", action="store_true", help="a few cells, under two minutes")
    parser.add_argument("--trials", type=int, default=0)
    options = parser.parse_args()
    trials = options.trials or (300 if options.quick else 2000)
    sizes = (300, 2000) if options.quick else (300, 2000, 10000)
    levels = (0.9,) if options.quick else (0.7, 0.9, 0.98)
    arms: dict[str, dict[str, float]] = {}
    ratios: dict[str, float] = {}
    columns = ("missed", "false claim", "false equivalence", "missed by Satterthwaite", "width")
    print(f"{'contenders':>10} {'images':>7} {'accuracy':>8} {'seed noise':>10}  " + "  ".join(columns))
    for count in (2, 4):
        for images in sizes:
            for level in levels:
                for noise in (0.0, 0.002, 0.005):
                    # Half the contenders sit exactly one margin below: the hardest place for equivalence.
                    accuracies = [level - MARGIN * (index % 2) for index in range(count)]
                    shares = cell(accuracies, seeds=5, images=images, seed_noise=noise, trials=trials, seed=1)
                    figures = "  ".join(f"{shares[name]:>{len(name)}.3f}" for name in columns)
                    print(f"{count:>10} {images:>7} {level:>8} {noise:>10}  {figures}", flush=True)
                    label = f"k{count}-n{images}-p{level}-s{noise}"
                    error = float(np.sqrt(shares["missed"] * (1 - shares["missed"]) / trials))
                    arms[label] = {"median": shares["missed"], "spread": error}
                    ratios[f"{label} width/Satterthwaite"] = shares["width"]
    print(json.dumps({"benchmark": "coverage", "machine": "any", "trials": trials, "arms": arms, "ratios": ratios}))


if __name__ == "__main__":
    main()
