"""The chance that more seeds decide what is open, by what is known so far: a predictive probability.

The test images stay the same. What is not known is how good the networks really are with other seeds, and how the new
runs will turn out. Both are drawn many times from what the runs so far allow: the variance over seeds from its scaled
inverse chi-squared distribution, the mean given the variance from a normal one, and the new runs given both, with flat
priors (Gelman et al. 2013, Bayesian Data Analysis, ch. 3; predictive power: Spiegelhalter, Freedman and Blackburn 1986,
Controlled Clinical Trials 7:8). The chance is the share of these draws in which the next look leaves nothing open. The
numbers drawn are the same each time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from skipwise.statistics.groups import Groups, groups_of
from skipwise.statistics.intervals import Mean, Networks, Table, analyse, difference_of, log_scale
from skipwise.statistics.records import Judgement, Verdict, verdict_of

DRAWS, FEWEST_DRAWS, WORK = 200, 100, 1200
"""So many comparisons are drawn; of many pairs fewer, so that about WORK pairs are looked at."""

PRIOR = 6.0
"""The degrees of freedom that the networks' common variance over seeds is worth as a prior of each one's: those at
which the logarithms of true variances vary by `moderation.LEAST_DIFFERENCE`."""


@dataclass(frozen=True, eq=False)
class _Runs:
    """The runs of a network that goes on.

    Args:
        errors: the mean error of each.
        places: the same on the scale on which seeds differ nearly symmetrically.
        variance, freedom: of a run there, with what it borrows from other networks.
    """

    errors: NDArray[np.float64]
    places: NDArray[np.float64]
    variance: float
    freedom: float


def chance_to_settle(
    scores: Mapping[str, NDArray[Any]],
    judgement: Judgement,
    open_pairs: Collection[tuple[str, str]],
    *,
    seeds: int,
    level: float,
    groups: NDArray[Any] | Sequence[Any] | None = None,
    higher_is_better: bool = True,
    every_pair: bool = False,
) -> float:
    """The probability that a look after so many seeds leaves none of the open pairs open.

    A pair is no longer open when it is decided, or, unless `every_pair`, when one of its networks is shown to be more
    than the margin below another one.

    Args:
        scores: per network the scores of the runs that learned [runs, images], as for `judge`; at least two runs of
            each network of an open pair.
        judgement: what was found so far.
        open_pairs: as they are named in the judgement.
        seeds: of each network of an open pair, at that look.
        level: of each pair's interval at that look; see `pair_level`.
        groups: as for `judge`.
        higher_is_better: as for `judge`.
        every_pair: as for `candidates_left`.

    Returns:
        The probability; 1 where nothing is open.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> hard = rng.random(2000)
        >>> tables = {
        ...     name: hard + rng.normal(0, 0.1, (5, 2000)) < share for name, share in (("old", 0.85), ("new", 0.853))
        ... }
        >>> from skipwise.statistics import judge, pair_level
        >>> judged = judge(tables, margin=0.005, looks=(5, 20))
        >>> judged.pairs[0].verdict
        'unresolved'
        >>> level = pair_level(2, (5, 20), 0.05)
        >>> 0 < chance_to_settle(tables, judged, [("old", "new")], seeds=20, level=level) < 1
        True
    """
    if not open_pairs:
        return 1.0
    values = {name: np.asarray(rows, dtype=np.float64) for name, rows in scores.items() if len(rows) >= 2}
    names = list(values)
    images = next(iter(values.values())).shape[1]
    together = Groups(images) if groups is None else groups_of(groups)
    errors = {name: 1 - rows if higher_is_better else rows for name, rows in values.items()}
    smallest = min(float(rows.min()) for rows in errors.values())
    most = 1.0 if higher_is_better else np.inf if smallest >= 0 else None
    largest = max(float(np.abs(rows).max()) for rows in values.values()) or 1.0
    tables = [analyse(errors[name], together, most=most) for name in names]
    networks = Networks(tables, together, largest=largest if higher_is_better else None)
    place = {name: number for number, name in enumerate(names)}
    going_on = sorted({name for pair in open_pairs for name in pair}, key=names.index)
    runs = {name: _runs(networks, place[name], errors[name].mean(axis=1), images) for name in going_on}
    found = {pair: _difference(networks, place[pair[0]], place[pair[1]], higher_is_better) for pair in open_pairs}
    beaten_before = {name for name, _ in _beaten(judgement, open_pairs)}
    asked = _Asked(seeds, level, judgement.margin, higher_is_better, every_pair)
    rng = np.random.default_rng(0)
    settled = 0
    draws = min(DRAWS, max(FEWEST_DRAWS, WORK // len(open_pairs)))
    for _ in range(draws):
        drawn = list(tables)
        for name in going_on:
            drawn[place[name]] = _drawn(tables[place[name]], runs[name], seeds, images, rng)
        then = Networks(drawn, together, largest=networks.largest)
        settled += _is_settled(found, then, asked, beaten_before)
    return settled / draws


def _beaten(judgement: Judgement, but: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
    """The networks that are shown to be more than the margin below another one, and which, by the other pairs."""
    sides = [side for pair in judgement.pairs if (pair.a, pair.b) not in but for side in (pair, pair.turned())]
    return [(side.a, side.b) for side in sides if side.high < -judgement.margin and side.verdict in ("worse", "better")]


def _runs(networks: Networks, place: int, by_seed: NDArray[np.float64], images: int) -> _Runs:
    table = networks.tables[place]
    known = table.seeds - 1.0
    common = sum(each.run_variance * (each.seeds - 1) for each in networks.tables)
    common /= sum(each.seeds - 1 for each in networks.tables)
    freedom = known + PRIOR
    variance = (known * table.run_variance + PRIOR * common) / freedom
    scale = table.on_log_scale
    if scale is None:
        return _Runs(by_seed, by_seed, variance, freedom)
    least = 0.5 / images * (1.0 if scale.is_odds else float(by_seed.max()) or 1.0)
    places = special.logit(np.clip(by_seed, least, 1 - least)) if scale.is_odds else np.log(np.maximum(by_seed, least))
    per_error = scale.variance / table.run_variance if table.run_variance else scale.slope**2
    return _Runs(by_seed, places, variance * per_error, freedom)


def _drawn(table: Table, runs: _Runs, seeds: int, images: int, rng: np.random.Generator) -> Table:
    """The table of a network after so many seeds, with new runs as they may turn out.

    What images have in common over seeds is as it is; `Mean.interval` foresees what more seeds do to the rest.
    """
    new = seeds - len(runs.errors)
    if new <= 0:
        return table
    variance = runs.variance * runs.freedom / rng.chisquare(runs.freedom)
    mean = rng.normal(runs.places.mean(), np.sqrt(variance / len(runs.places)))
    places = rng.normal(mean, np.sqrt(variance), new)
    scale = table.on_log_scale
    by_seed = np.concatenate([runs.errors, places if scale is None else scale.errors_at(places)])
    return replace(
        table,
        mean=float(by_seed.mean()),
        run_variance=float(by_seed.var(ddof=1)),
        on_log_scale=None if scale is None else log_scale(by_seed, images, is_odds=scale.is_odds),
    )


def _difference(networks: Networks, a: int, b: int, higher_is_better: bool) -> Mean:
    first, second = (b, a) if higher_is_better else (a, b)
    return difference_of(networks, first, second)


@dataclass(frozen=True)
class _Asked:
    """The question of the next look; the fields are arguments of `chance_to_settle`."""

    seeds: int
    level: float
    margin: float
    higher_is_better: bool
    every_pair: bool


def _is_settled(found: Mapping[tuple[str, str], Mean], then: Networks, asked: _Asked, beaten_before: set[str]) -> bool:
    """Whether a look leaves none of the pairs open."""
    gone, still = set(beaten_before), []
    for (a, b), mean in found.items():
        value = then.tables[mean.first].mean - then.tables[mean.second or 0].mean
        low, high = replace(mean, networks=then, value=value).interval(asked.level, seeds=asked.seeds)
        least, most = (low, high) if asked.higher_is_better else (-high, -low)
        gone |= ({a} if most < -asked.margin else set()) | ({b} if least > asked.margin else set())
        verdict: Verdict = verdict_of(least, most, asked.margin)
        if verdict == "unresolved":
            still.append((a, b))
    return not still if asked.every_pair else all({a, b} & gone for a, b in still)
