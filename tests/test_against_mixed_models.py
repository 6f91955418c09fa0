"""Means, differences and variances against mixed models fitted by others: statsmodels, and lme4 where R is.

In a balanced table the estimates of restricted maximum likelihood (REML) are those of the analysis of variance, as long
as these are not negative (Searle, Casella and McCulloch 1992, Variance Components, ch. 4). The two ways share no code.
`--log-cli-level INFO` shows both.
"""

from __future__ import annotations

import csv
import logging
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy import stats

from skipwise.statistics import judge
from skipwise.statistics.groups import Groups, groups_of
from skipwise.statistics.intervals import analyse

Scores = np.ndarray
Draw = Callable[..., list[Scores]]


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A mixed model of one network's scores, or of two networks'.

    Args:
        value: the mean, or the mean of the first less that of the second.
        variance: of `value`.
        seed, image, rest: the variances of one effect of each kind; with two networks, what each has for itself.
    """

    value: float
    variance: float
    seed: float
    image: float
    rest: float


def ours(tables: Sequence[Scores], groups: Groups) -> Fit:
    """What skipwise.statistics estimates, before two more images are counted and networks borrow from each other."""
    a, *others = [analyse(1 - table, groups) for table in tables]
    by_image = a.by_image - sum(other.by_image for other in others)
    centred = by_image - by_image.mean()
    both = [a, *others]
    residual_variance = sum(table.residual_variance / table.seeds for table in both)
    of_seeds = sum(table.run_variance / table.seeds for table in both)
    of_images = groups.variance(groups.sums(centred)) - residual_variance
    return Fit(
        value=float(len(both) % 2 - a.mean + sum(other.mean for other in others)),
        variance=of_seeds + of_images,
        seed=float(np.mean([table.run_variance - table.residual_variance for table in both])),
        image=groups.count * of_images / len(both),
        rest=groups.count * float(np.mean([table.residual_variance for table in both])),
    )


# ---- statsmodels


@pytest.fixture(scope="module")
def mixed_linear_model() -> ModuleType:
    try:
        from statsmodels.regression import mixed_linear_model
    except ModuleNotFoundError:
        if os.environ.get("CI") == "true":
            pytest.fail("there is no statsmodels, and in CI there must be")
        pytest.skip("there is no statsmodels in this environment: it comes with the extra `dev`")
    return mixed_linear_model


def fitted(model: ModuleType, tables: Sequence[Scores]) -> Fit:
    """REML estimates of statsmodels. Effects are crossed as its documentation has it: all rows are of one group."""
    seeds, images = tables[0].shape
    network, seed, image = np.indices((len(tables), seeds, images)).reshape(3, -1)
    scores = np.stack(tables).astype(float).ravel()
    scale = scores.std() / 10  # it warns of variances below 0.01
    effects = {"image of its own": image + images * network, "seed": seed + seeds * network}
    if len(tables) == 2:
        effects["image"] = image
    mats = [(levels[:, None] == np.unique(levels)).astype(float) for levels in effects.values()]
    names = [[f"{effect} {level}" for level in range(mat.shape[1])] for effect, mat in zip(effects, mats, strict=True)]
    components = model.VCSpec(list(effects), [[each] for each in names], [[mat] for mat in mats])
    fixed = np.stack([np.ones_like(scores), *(-1.0 * (network == other) for other in range(1, len(tables)))], axis=1)
    reml = model.MixedLM(scores / scale, fixed, np.zeros_like(network), exog_re=None, exog_vc=components)
    found = reml.fit(reml=True, method="powell", ftol=1e-12)
    assert found.converged
    variances = dict(zip(effects, found.vcomp * scale**2, strict=True))
    return Fit(
        value=float(found.fe_params[-1] * scale),
        variance=float(found.bse_fe[-1] ** 2 * scale**2),
        seed=variances["seed"],
        image=variances["image of its own"],
        rest=float(found.scale * scale**2),
    )


def right(rng: np.random.Generator, seeds: int, images: int, *, networks: int) -> list[Scores]:
    """Right or wrong, of images that are more or less difficult and runs that are better or worse."""
    shared = rng.normal(0, 1, images)
    return [
        shared + rng.normal(0, 0.7, images) + rng.normal(0, 0.4, (seeds, 1)) + rng.normal(0, 0.7, (seeds, images)) < 1
        for _ in range(networks)
    ]


def losses(rng: np.random.Generator, seeds: int, images: int, *, networks: int) -> list[Scores]:
    shared = rng.gamma(2, 0.3, images)
    return [
        shared + rng.gamma(2, 0.2, images) + rng.gamma(2, 0.1, (seeds, 1)) + rng.gamma(2, 0.1, (seeds, images))
        for _ in range(networks)
    ]


def agree(a: Fit, b: Fit) -> None:
    logging.getLogger(__name__).info("skipwise: %s; the model: %s", a, b)
    assert min(b.seed, b.image, b.rest) > 0, "where one is negative, the two ways must differ: draw other scores"
    assert a.value == pytest.approx(b.value, abs=1e-9)
    for what in ("variance", "seed", "image", "rest"):
        assert getattr(a, what) == pytest.approx(getattr(b, what), rel=1e-5), what


DRAWN = [(right, 0), (right, 2), (right, 3), (losses, 0), (losses, 1)]


@pytest.mark.parametrize("networks", [1, 2])
@pytest.mark.parametrize(("draw", "drawn"), DRAWN)
def test_variances_are_those_of_statsmodels(
    mixed_linear_model: ModuleType, draw: Draw, drawn: int, networks: int
) -> None:
    tables = draw(np.random.default_rng(drawn), 5, 30, networks=networks)
    agree(ours(tables, Groups(30)), fitted(mixed_linear_model, tables))


@pytest.mark.parametrize("networks", [1, 2])
@pytest.mark.parametrize(("draw", "drawn"), [(right, 0), (losses, 1)])
def test_groups_of_one_size_are_judged_as_their_means_would_be(
    mixed_linear_model: ModuleType, draw: Draw, drawn: int, networks: int
) -> None:
    rng = np.random.default_rng(drawn)
    ids = rng.permutation(np.repeat(np.arange(20), 6))
    shared = rng.normal(0, 0.2, 20)
    tables = [table + (shared + rng.normal(0, 0.2, 20))[ids] for table in draw(rng, 5, 120, networks=networks)]
    means = [np.stack([table[:, ids == each].mean(axis=1) for each in range(20)], axis=1) for table in tables]
    agree(ours(tables, groups_of(ids)), fitted(mixed_linear_model, means))


@pytest.mark.parametrize(("draw", "drawn"), DRAWN)
def test_a_judgement_has_the_point_estimates_and_is_no_surer_than_the_model(
    mixed_linear_model: ModuleType, draw: Draw, drawn: int
) -> None:
    """Normal quantiles would do if the variances were known; they are estimated, so that intervals must be longer."""
    a, b = draw(np.random.default_rng(drawn), 5, 30, networks=2)
    judged = judge({"a": a, "b": b}, margin=0.01, alpha=0.05, higher_is_better=draw is right)
    pair, model = judged.pairs[0], fitted(mixed_linear_model, [a, b])
    assert pair.difference == pytest.approx(model.value, abs=1e-9)
    arm = stats.norm.isf(0.025) * np.sqrt(model.variance)
    assert pair.low < model.value - arm
    assert pair.high > model.value + arm
    for name, table in (("a", a), ("b", b)):
        assert judged.accuracies[name].value == pytest.approx(fitted(mixed_linear_model, [table]).value, abs=1e-9)


# ---- lme4

IN_R = """
suppressMessages(library(lme4))
d <- read.csv(commandArgs(trailingOnly = TRUE)[1])
d$network <- factor(d$network, levels = c("b", "a"))
exact <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9, maxfun = 1e5))
m <- lmer(score ~ network + (1 | network:seed) + (1 | image) + (1 | image:network), d, REML = TRUE, control = exact)
v <- as.data.frame(VarCorr(m))
of <- function(group) v$vcov[v$grp == group]
found <- c(fixef(m)[2], vcov(m)[2, 2], of("network:seed"), of("image:network"), of("Residual"))
cat(sprintf("%.12g", found), sep = "\n")
"""


@pytest.mark.slow
@pytest.mark.parametrize(("draw", "drawn"), [(right, 0), (losses, 0)])
def test_variances_are_those_of_lme4(tmp_path: Path, draw: Draw, drawn: int) -> None:
    """With more images than statsmodels has the patience for. REML: Bates et al. 2015, J. Statistical Software 67:1."""
    program = shutil.which("Rscript")
    if program is None or subprocess.run([program, "-e", "library(lme4)"], capture_output=True).returncode:
        pytest.skip("there is no R with lme4 on this machine: Debian has it as r-cran-lme4")
    seeds, images = 12, 300
    a, b = draw(np.random.default_rng(drawn), seeds, images, networks=2)
    with (tmp_path / "scores.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["network", "seed", "image", "score"])
        for name, table in (("a", a), ("b", b)):
            rows.writerows((name, s, i, float(table[s, i])) for s, i in np.ndindex(seeds, images))
    told = subprocess.run(
        [program, "-e", IN_R, str(tmp_path / "scores.csv")], check=True, capture_output=True, text=True
    ).stdout
    value, variance, seed, image, rest = map(float, told.split())
    model = Fit(value=value, variance=variance, seed=seed, image=image, rest=rest)
    agree(ours([a, b], Groups(images)), model)

    pair = judge({"a": a, "b": b}, margin=0.01, alpha=0.05, higher_is_better=draw is right).pairs[0]
    assert pair.difference == pytest.approx(value, abs=1e-9)
    # Between variances that are known and ones of which only the seeds tell anything.
    arm = (pair.high - pair.low) / 2 / np.sqrt(variance)
    assert stats.norm.isf(0.025) < arm < 1.3 * stats.t.isf(0.025, seeds - 1)
