"""The chance that more seeds decide what is open, by what is known so far: a predictive probability.

The test images stay the same. What is not known is how good the networks really are with other seeds, and how the new
runs will turn out. Both are drawn many times: the first by `posterior`, and the new runs from it. Each time the next
look is taken as it will be, by the same intervals. The chance is the share of these draws in which it leaves nothing
open (predictive power: Spiegelhalter, Freedman and Blackburn 1986, Controlled Clinical Trials 7:8). The numbers drawn
are the same each time.

A pair is mostly open because what was seen lies just short of what would be shown. So it matters how much of it is
chance, and that depends on how much networks differ, which two networks say little of. The range of the chance is for
networks as much alike, and as different, as is plausible.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skipwise.statistics.groups import Groups, groups_of
from skipwise.statistics.intervals import Mean, Networks, Table, analyse, difference_of, log_scale
from skipwise.statistics.posterior import posterior
from skipwise.statistics.records import Judgement, Verdict, verdict_of

DRAWS, FEWEST_DRAWS, WORK = 400, 150, 1200
"""So many comparisons are drawn; of many pairs fewer, so that about WORK pairs are looked at."""
DIGITS = 4
"""More of a chance is not known."""
PLAUSIBLE = 0.1
"""The range is between the spreads of networks that leave out this much of their probability at either end."""


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """The chance that a later look leaves nothing open.

    Args:
        chance: by all that is known.
        least, most: if the networks were as much alike, or as different, as is plausible.
    """

    chance: float
    least: float
    most: float


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
    """The probability that a look after so many seeds leaves none of the open pairs open; see `foresee`."""
    return foresee(
        scores,
        judgement,
        open_pairs,
        seeds=seeds,
        level=level,
        groups=groups,
        higher_is_better=higher_is_better,
        every_pair=every_pair,
    ).chance


def foresee(
    scores: Mapping[str, NDArray[Any]],
    judgement: Judgement,
    open_pairs: Collection[tuple[str, str]],
    *,
    seeds: int,
    level: float,
    groups: NDArray[Any] | Sequence[Any] | None = None,
    higher_is_better: bool = True,
    every_pair: bool = False,
) -> Foreseen:
    """The probability that a look after so many seeds leaves none of the open pairs open, and its range.

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
        The probability, and what it would be for networks more and less alike; 1 where nothing is open.

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
        >>> found = foresee(tables, judged, [("old", "new")], seeds=20, level=level)
        >>> 0 <= found.least <= found.chance <= found.most < 1
        True
    """
    if not open_pairs:
        return Foreseen(chance=1.0, least=1.0, most=1.0)
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
    going_on = sorted({place[name] for pair in open_pairs for name in pair})
    by_seed = {number: errors[names[number]].mean(axis=1) for number in going_on}
    found = {(a, b): _difference(networks, place[a], place[b], higher_is_better) for a, b in open_pairs}
    beaten_before = _beaten(judgement, open_pairs, higher_is_better)
    asked = _Asked(level, judgement.margin, higher_is_better, every_pair)
    rng = np.random.default_rng(0)
    draws = min(DRAWS, max(FEWEST_DRAWS, WORK // len(open_pairs)))
    drawn = posterior(networks, margin=judgement.margin, draws=draws, rng=rng)
    settled = []
    for mean, variance in zip(drawn.means, drawn.variances, strict=True):
        then = list(tables)
        for number in going_on:
            new = _runs(mean[number], variance[number], seeds - len(by_seed[number]), most, rng)
            then[number] = _later(tables[number], np.concatenate([by_seed[number], new]), images)
        settled.append(_is_settled(found, Networks(then, together, largest=networks.largest), asked, beaten_before))
    return _with_range(np.array(settled, dtype=float), drawn.spreads)


def _with_range(settled: NDArray[np.float64], spreads: NDArray[np.float64]) -> Foreseen:
    """The share of draws that are settled, and the same for the least and the largest plausible spread of networks."""
    chance, probable = round(float(settled.mean()), DIGITS), np.cumsum(spreads.mean(axis=0))
    ends = [int(np.argmax(probable >= part)) for part in (PLAUSIBLE, 1 - PLAUSIBLE)]
    each = [round(float(settled @ spreads[:, end] / spreads[:, end].sum()), DIGITS) for end in ends]
    return Foreseen(chance=chance, least=min(chance, *each), most=max(chance, *each))


def _beaten(judgement: Judgement, but: Collection[tuple[str, str]], higher_is_better: bool) -> set[str]:
    """The networks that are shown to be more than the margin below another one by the other pairs."""
    pairs = [pair for pair in judgement.pairs if (pair.a, pair.b) not in but]
    sides = [side for pair in pairs for side in (pair, pair.turned())]
    return {side.a for side in sides if (side.high if higher_is_better else -side.low) < -judgement.margin}


def _runs(
    mean: float, variance: float, count: int, most: float | None, rng: np.random.Generator
) -> NDArray[np.float64]:
    """The mean errors of new runs. Where none is negative they are log-normal: worse runs are further off."""
    normal = rng.standard_normal(max(count, 0))
    if most is None:
        return mean + np.sqrt(variance) * normal
    above = max(mean, np.sqrt(variance))  # a mean error near zero, or below, was drawn by chance
    spread = np.log1p(variance / above**2)
    return np.minimum(above * np.exp(np.sqrt(spread) * normal - spread / 2), most)


def _later(table: Table, by_seed: NDArray[np.float64], images: int) -> Table:
    """The table of a network with these runs. What images have in common over seeds is as it is."""
    scale = table.on_log_scale
    return replace(
        table,
        mean=float(by_seed.mean()),
        seeds=len(by_seed),
        run_variance=float(by_seed.var(ddof=1)),
        on_log_scale=None if scale is None else log_scale(by_seed, images, is_odds=scale.is_odds),
    )


def _difference(networks: Networks, a: int, b: int, higher_is_better: bool) -> Mean:
    first, second = (b, a) if higher_is_better else (a, b)
    return difference_of(networks, first, second)


def _then(mean: Mean, networks: Networks) -> Mean:
    """The difference of the same two networks at a later look."""
    first, second = networks.tables[mean.first], networks.tables[mean.second or 0]
    luck = first.residual_variance / first.seeds + second.residual_variance / second.seeds
    return replace(
        mean,
        networks=networks,
        value=first.mean - second.mean,
        image_variance=mean.image_variance - mean.residual_variance + luck,
        residual_variance=luck,
    )


@dataclass(frozen=True)
class _Asked:
    """What the next look asks; the fields are arguments of `chance_to_settle`."""

    level: float
    margin: float
    higher_is_better: bool
    every_pair: bool


def _is_settled(found: Mapping[tuple[str, str], Mean], then: Networks, asked: _Asked, beaten_before: set[str]) -> bool:
    """Whether a look leaves none of the pairs open."""
    gone, still = set(beaten_before), []
    for (a, b), mean in found.items():
        low, high = _then(mean, then).interval(asked.level)
        least, most = (low, high) if asked.higher_is_better else (-high, -low)
        gone |= ({a} if most < -asked.margin else set()) | ({b} if least > asked.margin else set())
        verdict: Verdict = verdict_of(least, most, asked.margin)
        if verdict == "unresolved":
            still.append((a, b))
    return not still if asked.every_pair else all({a, b} & gone for a, b in still)
