"""Coverage of intervals for the epochs to a target, where some runs do not reach it.

    python benchmarks/reaching.py [--quick] [--trials N] [--looks]

Each trial draws the epoch at which each of 5, 8 or 12 runs of two networks reaches the target, rounded up to whole
epochs, and 20 epochs are watched. Counted is how often the 95% interval misses the true difference of restricted means
("ours"), how often Student's interval of the paired differences does, which is the same without the part of a run that
few seeds may hide, how often runs that did not reach the target are left out instead and that misses the truth, and how
often the interval of a median misses. The last columns are how far ours and Student's reach, in epochs.

With --looks, the number of runs is what looks at 5, 8 and 12 made it, in the worst case: networks are compared by an
accuracy that depends on the epochs that a run needs and on nothing else, and the runs end at the first look at which
Student's test shows a difference.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from skipwise.statistics import Attempt, reachings

EPOCHS = 20
NEVER = 10_000
ALPHA = 0.05
Needed = NDArray[np.int64]
Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]


def usual(rng: np.random.Generator, size: int) -> NDArray[np.float64]:
    return 8 + 2 * rng.standard_normal(size)


def often_never(share: float) -> Draw:
    """The usual epochs, but such a share of the runs never gets there."""

    def drawn(rng: np.random.Generator, size: int) -> NDArray[np.float64]:
        return np.where(rng.random(size) < share, NEVER, usual(rng, size))

    return drawn


KINDS: dict[str, Draw] = {
    "usual": usual,
    "all alike": lambda rng, size: 8.5 + 0.3 * rng.standard_normal(size),
    "skewed": lambda rng, size: 5 + 3 * rng.gamma(1.2, size=size),
    "late": lambda rng, size: 20 + 5 * rng.standard_normal(size),
    "10% never": often_never(0.1),
    "30% never": often_never(0.3),
    "80% never": often_never(0.8),
}
PAIRS = (
    ("usual", "usual"),
    ("all alike", "all alike"),
    ("skewed", "usual"),
    ("skewed", "skewed"),
    ("late", "usual"),
    ("late", "late"),
    ("10% never", "usual"),
    ("10% never", "all alike"),
    ("10% never", "10% never"),
    ("30% never", "usual"),
    ("80% never", "usual"),
    ("80% never", "all alike"),
    ("80% never", "late"),
)


def draw(rng: np.random.Generator, kind: str, size: int) -> Needed:
    return np.clip(np.ceil(KINDS[kind](rng, size)), 1, NEVER).astype(np.int64)


def seen(needed: Needed) -> dict[int, Attempt]:
    return {s: Attempt(epochs=min(int(n), EPOCHS), reached=bool(n <= EPOCHS)) for s, n in enumerate(needed)}


def student(differences: NDArray[np.float64]) -> tuple[float, float]:
    """Student's interval of their mean; never of zero width."""
    n = len(differences)
    arm = stats.t.isf(ALPHA / 2, n - 1) * math.sqrt(max(float(differences.var(ddof=1)), 1 / 6) / n)
    return float(differences.mean()) - arm, float(differences.mean()) + arm


LOOKS = (5, 8, 12)
LEVEL = 0.02
"""About the level of a pair at each of three looks."""


def later(gap: float) -> Draw:
    """The usual epochs, and so many standard deviations more."""
    return lambda rng, size: usual(rng, size) + 2 * gap


AT_LOOKS: dict[str, Draw] = {
    "usual": usual,
    "later by 0.5 SD": later(0.5),
    "later by 1 SD": later(1.0),
    "later by 2 SD": later(2.0),
    "10% never": often_never(0.1),
    "30% never": often_never(0.3),
}


def at_looks(trials: int) -> dict[str, dict[str, float]]:
    """Prints how often the interval misses where the results at looks end the runs; returns the arms."""
    print(f"Percent of 95% intervals that miss, {trials} trials each, after looks at 5, 8 and 12 runs")
    arms = {}
    second = np.clip(np.ceil(usual(np.random.default_rng(7), 1_000_000)), 1, EPOCHS).mean()
    for name, kind in AT_LOOKS.items():
        first = np.clip(np.ceil(kind(np.random.default_rng(8), 1_000_000)), 1, EPOCHS).mean()
        rng, missed, ended = np.random.default_rng(9), 0, []
        for _ in range(trials):
            needed = [np.clip(np.ceil(each(rng, LOOKS[-1])), 1, NEVER).astype(np.int64) for each in (kind, usual)]
            lower = np.minimum(needed[0], EPOCHS + 1) - np.minimum(needed[1], EPOCHS + 1)
            runs = next((n for n in LOOKS if _differ(lower[:n])), LOOKS[-1])
            (pair,) = reachings(
                {side: seen(each[:runs]) for side, each in zip("ab", needed, strict=True)}, epochs=EPOCHS, alpha=ALPHA
            ).pairs
            ended.append(runs)
            missed += pair.low is not None and pair.high is not None and not pair.low <= first - second <= pair.high
        share = missed / trials
        print(f"{name:<18}{100 * share:>6.1f}  {np.mean(ended):.1f} runs on average", flush=True)
        arms[f"after looks: {name}; usual"] = {"median": share, "spread": math.sqrt(share * (1 - share) / trials)}
    return arms


def _differ(differences: NDArray[np.int64]) -> bool:
    spread = float(differences.std(ddof=1))
    if not spread:
        return bool(differences.any())
    t = abs(float(differences.mean())) / spread * math.sqrt(len(differences))
    return bool(t > stats.t.isf(LEVEL / 2, len(differences) - 1))


def print_record(trials: int, arms: dict[str, dict[str, float]]) -> None:
    """Prints the record of the arms, which other programs read."""
    print(json.dumps({"benchmark": "reaching", "machine": "any", "trials": trials, "arms": arms, "ratios": {}}))


def main() -> None:
    parser = argparse.ArgumentParser(description="How often intervals of the epochs to a target miss.")
    parser.add_argument("--quick", action="store_true", help="fewer trials, under two minutes")
    parser.add_argument("--trials", type=int, default=0)
    parser.add_argument("--looks", action="store_true", help="only where the results at looks end the runs")
    options = parser.parse_args()
    trials = options.trials or (200 if options.quick else 2000)
    if options.looks:
        print_record(trials, at_looks(trials))
        return
    many = {kind: draw(np.random.default_rng(7), kind, 1_000_000) for kind in KINDS}
    means = {kind: float(np.minimum(needed, EPOCHS).mean()) for kind, needed in many.items()}
    # A run that takes longer than is watched is as good as one that never gets there.
    medians = {kind: float(np.median(needed)) for kind, needed in many.items()}
    arms: dict[str, dict[str, float]] = {}
    print(f"Percent of 95% intervals that miss, {trials} trials each")
    print(
        f"{'runs':>4}  {'networks':<24}{'ours':>7}{'Student':>9}{'left out':>10}{'median':>8}{'ours':>8}{'Student':>9}"
    )
    for runs in (5, 8, 12):
        for a, b in PAIRS:
            rng, truth = np.random.default_rng(runs), means[a] - means[b]
            missed, ours, theirs = np.zeros(4), [], []
            for _ in range(trials):
                needed = [draw(rng, kind, runs) for kind in (a, b)]
                found = reachings({"a": seen(needed[0]), "b": seen(needed[1])}, epochs=EPOCHS, alpha=ALPHA)
                (pair,) = found.pairs
                low, high = (-EPOCHS, EPOCHS) if pair.low is None or pair.high is None else (pair.low, pair.high)
                missed[0] += not low <= truth <= high
                ours.append((high - low) / 2)
                counted = [np.minimum(each, EPOCHS) for each in needed]
                low, high = student((counted[0] - counted[1]).astype(float))
                theirs.append((high - low) / 2)
                missed[1] += not low <= truth <= high
                both = (needed[0] <= EPOCHS) & (needed[1] <= EPOCHS)
                if both.sum() >= 2:
                    low, high = student((needed[0] - needed[1])[both].astype(float))
                missed[2] += both.sum() < 2 or not low <= truth <= high
                network = found.networks["a"]
                assert network.low is not None
                upper = math.inf if network.high is None else network.high
                missed[3] += not network.low <= min(medians[a], NEVER) <= upper
            shares = missed / trials
            print(
                f"{runs:>4}  {f'{a}; {b}':<24}{100 * shares[0]:>7.1f}{100 * shares[1]:>9.1f}{100 * shares[2]:>10.1f}"
                f"{100 * shares[3]:>8.1f}{np.median(ours):>8.1f}{np.median(theirs):>9.1f}",
                flush=True,
            )
            for arm, share in zip(("ours", "Student", "left out", "median"), shares.tolist(), strict=True):
                spread = math.sqrt(share * (1 - share) / trials)
                arms[f"{arm}: {a}; {b}; {runs} runs"] = {"median": share, "spread": spread}
    print_record(trials, arms)


if __name__ == "__main__":
    main()
