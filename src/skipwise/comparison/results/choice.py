"""Verdicts, costs and a user's limits -> a recommendation. It rests on what was shown, not on what was not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from skipwise.comparison.results.recommendation import Basis, Excess, Faster, Quantity, Recommendation
from skipwise.comparison.results.records import Candidate, Results
from skipwise.statistics import Pair

HERE = "this machine's processor"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits on what a network may cost, and the accuracy that it must reach; None means no limit.

    Args:
        latency: seconds per image.
        size: bytes of weights in float32.
        multiply_adds: per image.
        outcome: of the question's outcome, as a score (a fraction, of accuracies); the mean has to be at least as good.
    """

    latency: float | None = None
    size: float | None = None
    multiply_adds: float | None = None
    outcome: float | None = None


def weight_bytes(candidate: Candidate) -> float | None:
    """Returns the size of the weights in float32, in bytes."""
    return None if candidate.counts is None else 4.0 * candidate.counts.parameters


def choose(
    results: Results, latencies: Mapping[str, float], limits: Limits = Limits(), *, where: str = HERE
) -> Recommendation:
    """The cheapest candidate within the limits that is shown to be less than the margin worse than every other one
    within them; if there is none, the one with the best outcome of those that none was shown to beat.

    Args:
        latencies: seconds per image of each candidate; the cheapest is the fastest.
        limits: what a network may cost and has to reach.
        where: the machine on which latencies were measured.
    """
    unfit = {c.name: broken for c in results.candidates if (broken := _broken(c, latencies, limits, results))}
    able = [c for c in results.candidates if c.outcome is not None and c.name not in unfit]
    compared = sum(c.outcome is not None for c in results.candidates)
    if not able or compared < 2:
        return Recommendation(
            candidate=None,
            shown=False,
            largest_loss=None,
            against=None,
            unfit=unfit,
            basis="none fits" if unfit and compared >= 2 else "too few compared",
            where=where,
        )
    worst = {c.name: _worst(results, c, able) for c in able}
    as_good = [c for c in able if (pair := worst[c.name]) is None or pair.low > -results.question.tolerance]
    choice = _cheapest(as_good, latencies) if as_good else _best_guess(results, able)
    against, others = worst[choice.name], [c for c in able if c is not choice]
    made = Recommendation(
        candidate=choice.name,
        shown=bool(as_good),
        largest_loss=None if against is None or math.isinf(against.low) else max(-against.low, 0.0),
        against=None if against is None else against.b,
        unfit=unfit,
        basis=_basis(able, as_good),
        latency=latencies.get(choice.name),
        where=where,
        as_good=tuple(c.name for c in as_good),
        fastest=_faster(choice, [c.name for c in others], latencies),
        not_reached=_not_reached(results, choice, limits),
    )
    if made.basis != "best guess":
        return made
    rivals = tuple(c.name for c in others if _is_open(results, choice, c))
    return replace(
        made,
        rivals=rivals,
        level=tuple(c.name for c in others if _value(c) == _value(choice)),
        faster=_faster(choice, [c.name for c in others if _is_as_good(results, c, choice)], latencies),
        faster_rival=_faster(choice, rivals, latencies),
    )


def _basis(able: Sequence[Candidate], as_good: Sequence[Candidate]) -> Basis:
    if len(able) == 1:
        return "only one fits"
    if not as_good:
        return "best guess"
    return "cheapest of those as good" if len(as_good) > 1 else "alone as good"


def _cheapest(candidates: Sequence[Candidate], latencies: Mapping[str, float]) -> Candidate:
    """The fastest; of equally fast ones the smaller, then the first named."""
    return min(candidates, key=lambda c: (latencies.get(c.name, math.inf), _size(c)))


def _best_guess(results: Results, able: Sequence[Candidate]) -> Candidate:
    """The one with the best outcome, of equally good ones the smaller, then the first named."""
    # Means over different seeds, after failures, may rank a network above one it was shown to be worse than.
    unbeaten = [c for c in able if not _beaten(results, c, able)] or able
    merit = results.question.scoring.merit
    return min(unbeaten, key=lambda c: (-merit(_value(c)), _size(c)))


def _broken(
    candidate: Candidate, latencies: Mapping[str, float], limits: Limits, results: Results
) -> tuple[Excess, ...]:
    """The limits that a candidate breaks."""
    counts, outcome = candidate.counts, results.question.scoring
    costs: tuple[tuple[Quantity, float | None, float | None], ...] = (
        ("latency", latencies.get(candidate.name), limits.latency),
        ("size", weight_bytes(candidate), limits.size),
        ("multiply-adds", None if counts is None else counts.multiply_adds, limits.multiply_adds),
    )
    broken = [
        Excess(quantity=quantity, value=value, limit=limit)
        for quantity, value, limit in costs
        if limit is not None and (value is None or value > limit)
    ]
    if limits.outcome is not None:
        reached = None if candidate.outcome is None else candidate.outcome.value
        if reached is None or outcome.merit(reached) < outcome.merit(limits.outcome):
            broken.append(Excess(quantity="outcome", value=reached, limit=limits.outcome))
    return tuple(broken)


def _worst(results: Results, candidate: Candidate, able: Sequence[Candidate]) -> Pair | None:
    """Returns the pair with the candidate that this one may be furthest behind; None if there is no other."""
    pairs = []
    most = 1.0 if results.question.scoring.higher_is_better else math.inf
    for other in able:
        if other is not candidate:
            pair = results.advantage(candidate.name, other.name)
            # Two networks may each have runs and share fewer than two seeds; then anything may be lost.
            unknown = Pair(candidate.name, other.name, 0.0, -most, most, "unresolved", False, seeds=0, images=0)
            pairs.append(pair or unknown)
    return min(pairs, key=lambda pair: pair.low, default=None)


def _beaten(results: Results, candidate: Candidate, able: Sequence[Candidate]) -> bool:
    pairs = (results.pair(candidate.name, other.name) for other in able if other is not candidate)
    return any(pair is not None and pair.verdict == "worse" for pair in pairs)


def _is_open(results: Results, choice: Candidate, other: Candidate) -> bool:
    pair = results.pair(choice.name, other.name)
    return pair is None or pair.verdict == "unresolved"


def _faster(choice: Candidate, names: Sequence[str], latencies: Mapping[str, float]) -> Faster | None:
    """The fastest of some candidates, if it is faster than the choice."""
    here = latencies.get(choice.name, 0.0)
    faster = [name for name in names if latencies.get(name, math.inf) < here]
    if not faster:
        return None
    name = min(faster, key=lambda n: latencies[n])
    return Faster(name=name, latency=latencies[name])


def _is_as_good(results: Results, other: Candidate, choice: Candidate) -> bool:
    """Returns whether another candidate is shown to be less than the margin worse than the choice."""
    pair = results.advantage(other.name, choice.name)
    return pair is not None and pair.low > -results.question.tolerance


def _not_reached(results: Results, choice: Candidate, limits: Limits) -> float | None:
    """The outcome that was asked for, where the interval of the choice reaches beyond it."""
    if limits.outcome is None or choice.outcome is None:
        return None
    outcome = results.question.scoring
    worst = choice.outcome.low if outcome.higher_is_better else choice.outcome.high
    return limits.outcome if outcome.merit(worst) < outcome.merit(limits.outcome) else None


def _value(candidate: Candidate) -> float:
    return candidate.outcome.value if candidate.outcome is not None else 0.0


def _size(candidate: Candidate) -> float:
    return candidate.counts.parameters if candidate.counts is not None else math.inf
