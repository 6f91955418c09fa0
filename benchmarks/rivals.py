"""Claims of other tests on comparisons whose truth is known.

    python benchmarks/rivals.py [--quick] [--trials N] [--cache FOLDER]

Each trial draws two networks as benchmarks/coverage.py does, with the same number of seeds, and asks every test whether
one is better. Where the two are equally accurate over all images and seeds there could be, either answer is a false
claim; at most 5% are to be. Where they lie exactly the margin apart, to call them equivalent is a false equivalence.
Where they lie one point apart, the share that finds the better one is the test's power. In brackets stands the 99%
interval (Wilson) of what was counted.

How each is asked, and which rule of its documentation decides:

- Skipwise: `judge` with one look; the verdict. Where images come in groups, once with them and once without.
- Welch: the t-test of the runs' accuracies, variances not pooled; p < 0.05.
- McNemar: the first run of each; p < 0.05.
- autorank: `autorank(frame)` with a column per network and a row per seed, or per group of images (accuracies averaged
  over seeds); its `pvalue` < its `alpha` of 0.05. With two columns it takes the paired t-test, or Wilcoxon's where a
  column does not look normal.
- baycomp: `two_on_single(b, a, rope)` expects accuracies of a cross-validation's folds; the seeds stand for the folds.
  `two_on_multiple(b, a, rope)` expects one accuracy per data set; seeds or groups of images stand for data sets. Its
  documentation leaves the decision to the reader; the paper it names takes a probability above 0.95 (Benavoli, Corani,
  Demsar and Zaffalon 2017, J. Machine Learning Research 18:77). With a rope, "better" says better by more than that.
- deepsig: `aso(better, other)` with the runs' accuracies, first those of the network that did better; `eps_min` below
  the recommended 0.2, and below 0.5, from where on it says a is better. With 200 bootstrap resamples instead of 1,000,
  and only in every fourth trial: it takes longer than all the others.

The three packages get an environment of their own below --cache, which sees the packages of this one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

import skipwise
from coverage import ALPHA, MARGIN, OWN, SHARED, Network, monte_carlo
from race.environments import made
from skipwise.core.files.cache_folder import cache_folder
from skipwise.statistics import judge, mcnemar

PACKAGES = ("autorank==1.3.0", "baycomp==1.0.3", "deepsig==1.2.8")
NEEDED = ("statsmodels>=0.14", "matplotlib", "pandas", "jinja2", "tqdm", "joblib", "dill", "psutil")
GAPS = {"tie": 0.0, "margin": MARGIN, "point": 0.01}
ASO_EVERY = 4
ALIKE = 0.5
"""The share of an image's difficulty that the images of a group have in common."""

Claim = Literal["a", "b", "equivalent", "nothing"]
"""The network that is claimed to be better."""
Answers = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Case:
    """The distribution that comparisons are drawn from.

    Args:
        noise: the standard deviation of a run's accuracy, as a fraction.
        groups: how many groups of one size the images fall into; 0 if each is by itself.
    """

    images: int
    noise: float
    seeds: int
    groups: int = 0
    accuracy: float = 0.9

    def __str__(self) -> str:
        images = f"{self.images:,} images" + (f" in {self.groups} groups" if self.groups else "")
        return f"{images}, {self.seeds} seeds, seed noise {100 * self.noise:g} points"


CASES = (
    Case(images=10_000, noise=0.005, seeds=5),
    Case(images=2_000, noise=0.002, seeds=5),
    Case(images=2_000, noise=0.002, seeds=12),
    Case(images=900, noise=0.002, seeds=5, groups=30),
)


def drawn(rng: np.random.Generator, case: Case, gap: float) -> tuple[Answers, Answers, NDArray[np.intp] | None]:
    """The answers of two networks, of which the first is better by `gap`, and the images' groups."""
    ids = np.repeat(np.arange(case.groups), case.images // case.groups) if case.groups else None

    def difficulty(variance: float) -> NDArray[np.float32]:
        if ids is None:
            return rng.normal(0, np.sqrt(variance), case.images).astype(np.float32)
        alike = rng.normal(0, np.sqrt(variance * ALIKE), case.groups)[ids]
        return (alike + rng.normal(0, np.sqrt(variance * (1 - ALIKE)), case.images)).astype(np.float32)

    shared = difficulty(SHARED)
    a, b = (
        Network(rng, shared + difficulty(OWN), accuracy, case.noise).answers(case.seeds)
        for accuracy in (case.accuracy, case.accuracy - gap)
    )
    return a, b, ids


def claims(a: Answers, b: Answers, ids: NDArray[np.intp] | None, *, seed: int, with_aso: bool) -> dict[str, Claim]:
    """Returns the claim of every test about two networks' answers [seeds, images]."""
    from autorank import autorank
    from baycomp import two_on_multiple, two_on_single
    from deepsig import aso
    from pandas import DataFrame

    of_a, of_b = a.mean(axis=1), b.mean(axis=1)
    rows = {"seeds": (of_a, of_b)}
    if ids is not None:
        groups = [ids == each for each in range(ids.max() + 1)]
        rows["groups"] = tuple(np.array([table[:, group].mean() for group in groups]) for table in (a, b))

    def leader(x: NDArray[np.floating], y: NDArray[np.floating], is_sure: bool) -> Claim:
        return ("a" if x.mean() > y.mean() else "b") if is_sure else "nothing"

    def likely(probabilities: tuple[float, ...]) -> Claim:
        """Returns the claim for the probabilities of (b is better, equivalent, a is better); without a rope, of two."""
        names: tuple[Claim, ...] = ("b", "equivalent", "a") if len(probabilities) == 3 else ("b", "a")
        return next((name for name, p in zip(names, probabilities, strict=True) if p > 1 - ALPHA), "nothing")

    said: dict[str, Claim] = {"Skipwise": verdict(a, b, ids)}
    if ids is not None:
        said["Skipwise, groups not given"] = verdict(a, b, None)
    said["Welch's t-test over seeds"] = leader(of_a, of_b, stats.ttest_ind(of_a, of_b, equal_var=False).pvalue < ALPHA)
    said["McNemar, one run each"] = leader(a[0], b[0], mcnemar(a[0], b[0]).p < ALPHA)
    for name, (x, y) in rows.items():
        with redirect_stdout(None):  # it prints what it found
            ranked = autorank(DataFrame({"a": x, "b": y}))
        said[f"autorank, {name}"] = leader(x, y, ranked.pvalue < ranked.alpha)
    said["baycomp two_on_single, no rope"] = likely(two_on_single(of_b, of_a))
    said["baycomp two_on_single, rope"] = likely(two_on_single(of_b, of_a, rope=MARGIN))
    for name, (x, y) in rows.items():
        found = two_on_multiple(y, x, rope=MARGIN, nsamples=5000, random_state=seed)
        said[f"baycomp two_on_multiple, rope, {name}"] = likely(found)
    if with_aso:
        better, other = (of_a, of_b) if of_a.mean() > of_b.mean() else (of_b, of_a)
        violated = aso(better, other, num_bootstrap_iterations=200, show_progress=False, seed=seed)
        for threshold in (0.2, 0.5):
            said[f"deepsig aso < {threshold}"] = leader(of_a, of_b, bool(violated < threshold))
    return said


def verdict(a: Answers, b: Answers, ids: NDArray[np.intp] | None) -> Claim:
    """Skipwise's."""
    pair = judge({"a": a, "b": b}, margin=MARGIN, alpha=ALPHA, looks=1, groups=ids).pairs[0]
    words: dict[str, Claim] = {"better": "a", "worse": "b", "equivalent": "equivalent"}
    return words.get(pair.verdict, "nothing")


def counted(case: Case, gap: float, trials: int, seed: int) -> dict[str, Counter[Claim]]:
    """For every test, how often it claimed what."""
    rng = np.random.default_rng(seed)
    found: dict[str, Counter[Claim]] = {}
    for trial in range(trials):
        a, b, ids = drawn(rng, case, gap)
        for name, claim in claims(a, b, ids, seed=trial, with_aso=trial % ASO_EVERY == 0).items():
            found.setdefault(name, Counter())[claim] += 1
    return found


def columns(found: dict[str, dict[str, Counter[Claim]]], name: str) -> Iterator[tuple[str, float, int]]:
    """Yields the columns for one test: head, share, number of trials."""
    of = {gap: counts[name] for gap, counts in found.items()}
    tie, margin, point = (of[gap].total() for gap in GAPS)
    yield "false claim at a tie", (of["tie"]["a"] + of["tie"]["b"]) / tie, tie
    yield "better at 1 point", of["point"]["a"] / point, point
    if "Skipwise" in name or ", rope" in name:  # the others never say so
        yield "equivalent at a tie", of["tie"]["equivalent"] / tie, tie
        yield "false equivalence at the margin", of["margin"]["equivalent"] / margin, margin


def in_its_environment(cache: Path) -> int:
    """This program, run where the three packages are; its exit status."""
    folder = made("rivals", cache, alone=PACKAGES, needed=NEEDED)
    here = Path(skipwise.__file__).parents[1]
    variables = os.environ | {"PYTHONPATH": os.pathsep.join([str(here), os.environ.get("PYTHONPATH", "")])}
    python = str(folder / "bin" / "python")
    return subprocess.run([python, *sys.argv], env=variables, check=False).returncode


def main() -> None:
    parser = argparse.ArgumentParser(description="What other tests would have claimed.")
    parser.add_argument("--quick", action="store_true", help="a case, under two minutes")
    parser.add_argument("--trials", type=int, default=0, help="per case, of ties; half as many of each gap")
    parser.add_argument("--cache", type=Path, default=cache_folder() / "race", help="of environments")
    options = parser.parse_args()
    if not all(find_spec(package.partition("==")[0]) for package in PACKAGES):
        sys.exit(in_its_environment(options.cache.resolve()))
    trials = options.trials or (200 if options.quick else 600)
    cases = CASES[1:2] if options.quick else CASES

    print(", ".join(f"{name} {version(name)}" for name in ("autorank", "baycomp", "deepsig", "numpy", "scipy")))
    arms: dict[str, dict[str, float]] = {}
    for case in cases:
        print(f"\n{case}; {trials} ties, {trials // 2} of each gap")
        found = {
            gap: counted(case, points, trials if gap == "tie" else trials // 2, seed)
            for seed, (gap, points) in enumerate(GAPS.items())
        }
        for name in found["tie"]:
            figures = []
            for head, share, of in columns(found, name):
                low, high = monte_carlo(share, of)
                figures.append(f"{head} {share:.3f} [{low:.3f}, {high:.3f}]")
                spread = float(np.sqrt(share * (1 - share) / of))
                arms[f"{name}: {head}: {case}"] = {"median": share, "spread": spread}
            print(f"{name:<42} {'  '.join(figures)}", flush=True)
    print(json.dumps({"benchmark": "rivals", "machine": "any", "trials": trials, "arms": arms, "ratios": {}}))


if __name__ == "__main__":
    main()
