"""Verdicts, costs and a user's limits -> a choice. It rests on what was shown, not on what was not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skipwise.comparison.results import wording
from skipwise.comparison.results.records import Candidate, Recommendation, Results
from skipwise.evaluation.outcomes import Outcome
from skipwise.statistics import Pair


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a network may cost and has to reach; None is no limit.

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
    """What the weights take in float32."""
    return None if candidate.counts is None else 4.0 * candidate.counts.parameters


def choose(
    results: Results,
    latencies: Mapping[str, float],
    limits: Limits = Limits(),
    *,
    where: str = "this machine's processor",
) -> Recommendation:
    """The cheapest candidate among those within the limits that are shown to be no more than the margin below every
    other one within them; else, of those that none was shown to beat, the one with the highest observed outcome.

    Args:
        latencies: seconds per image and candidate; what cheap means.
        where: these were measured, for the sentence.
    """
    unfit = {c.name: broken for c in results.candidates if (broken := _broken(results, c, latencies, limits))}
    able = [c for c in results.candidates if c.outcome is not None and c.name not in unfit]
    compared = sum(c.outcome is not None for c in results.candidates)
    if not able or compared < 2:
        return _none(results, unfit, compared)
    margin, outcome = results.question.tolerance, results.question.scoring
    worst = {c.name: _worst(results, c, able) for c in able}
    shown = [c for c in able if (pair := worst[c.name]) is None or pair.low > -margin]
    # Among equally cheap or equally accurate networks the smaller one, then the first named.
    if shown:
        choice = min(shown, key=lambda c: (latencies.get(c.name, math.inf), _size(c)))
    else:
        # Means over different seeds, after failures, may rank a network above one it was shown to be worse than.
        standing = [c for c in able if not _beaten(results, c, able)] or able
        choice = min(standing, key=lambda c: (-outcome.merit(_value(c)), _size(c)))
    against = worst[choice.name]
    sentence = _sentence(results, choice, able, shown, latencies, where, limited=bool(unfit))
    return Recommendation(
        candidate=choice.name,
        shown=bool(shown),
        largest_loss=None if against is None or math.isinf(against.low) else max(-against.low, 0.0),
        against=None if against is None else against.b,
        sentence=sentence + _reservations(results, choice, limits),
        unfit=unfit,
        separating=_separating(results, able),
    )


def _broken(results: Results, candidate: Candidate, latencies: Mapping[str, float], limits: Limits) -> tuple[str, ...]:
    """Which limits a candidate breaks, and by how much."""
    size, counts = weight_bytes(candidate), candidate.counts
    operations = None if counts is None else counts.multiply_adds
    checks = (
        ("latency", latencies.get(candidate.name), limits.latency, 1e3, "ms"),
        ("size", size, limits.size, 1e-6, "MB"),
        ("multiply-adds", operations, limits.multiply_adds, 1e-6, "M"),
    )
    broken = []
    for name, value, limit, scale, unit in checks:
        if limit is not None and value is None:
            broken.append(f"its {name} is not known")
        elif limit is not None and value is not None and value > limit:
            over = f"{value / limit - 1:.0%} over" if value < 10 * limit else f"{value / limit:.0f} times"
            over = "just over" if over == "0% over" else over
            broken.append(f"{name} {_short(value * scale)} {unit}, {over} the limit of {_short(limit * scale)} {unit}")
    if limits.outcome is not None:
        broken += _short_of(results.question.scoring, candidate, limits.outcome)
    return tuple(broken)


def _short_of(outcome: Outcome, candidate: Candidate, limit: float) -> list[str]:
    """By how much a candidate's outcome is not as good as was asked for."""
    if candidate.outcome is None:
        return [f"its {outcome.measure()} is not known"]
    short = outcome.merit(limit) - outcome.merit(candidate.outcome.value)
    if short <= 0:
        return []
    visible = short * outcome.scale >= 0.5 * 10**-outcome.digits
    by = outcome.amount(short, digits=outcome.digits) if visible else "just"
    reached = f"{outcome.measure()} {outcome.value(candidate.outcome.value)}"
    return [f"{reached}, {by} {outcome.behind} the {outcome.limit(limit)} asked for"]


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 1000 else f"{number:.4g}"


def _none(results: Results, unfit: dict[str, tuple[str, ...]], compared: int) -> Recommendation:
    if unfit and compared >= 2:
        sentence = "No network fits the limits: " + "; ".join(
            f"{name} ({', '.join(reasons)})" for name, reasons in unfit.items()
        )
        sentence += "."
    else:
        able = [c.name for c in results.candidates if c.outcome is not None]
        left = f"only {able[0]} has" if able else "no network has"
        nothing = any(c.not_learned is not None and c.not_learned.count for c in results.candidates)
        runs = "two runs that learned something" if nothing else "two finished runs"
        sentence = f"No network can be recommended: {left} {runs}, and it takes two of each to compare."
    return Recommendation(
        candidate=None, shown=False, largest_loss=None, against=None, sentence=sentence, unfit=unfit, separating=()
    )


def _worst(results: Results, candidate: Candidate, able: Sequence[Candidate]) -> Pair | None:
    """How much better it is than the candidate that it may be furthest behind; None if there is no other."""
    pairs = []
    most = 1.0 if results.question.scoring.right_or_wrong else math.inf
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


def _value(candidate: Candidate) -> float:
    return candidate.outcome.value if candidate.outcome is not None else 0.0


def _size(candidate: Candidate) -> float:
    return candidate.counts.parameters if candidate.counts is not None else math.inf


def _sentence(
    results: Results,
    choice: Candidate,
    able: Sequence[Candidate],
    shown: Sequence[Candidate],
    latencies: Mapping[str, float],
    where: str,
    *,
    limited: bool,
) -> str:
    margin, outcome = wording.margin(results.question), results.question.scoring
    within = " within the limits" if limited else ""
    if len(able) == 1:
        unknown = [c.name for c in results.candidates if c.outcome is None]
        rest = f"; of {wording.listed(unknown)} there are not two finished runs" if unknown else ""
        return f"Use {choice.name}: it is the only network{within}{rest}."
    if len(shown) > 1:
        latency = latencies.get(choice.name)
        cheap = "the smallest" if latency is None else f"the fastest on {where} ({latency * 1000:.2f} ms per image)"
        return (
            f"Use {choice.name}: it is {cheap} of the {len(shown)} networks{within} shown to lose less than {margin} "
            "to any other."
        )
    if shown:
        return f"Use {choice.name}: it alone{within} is shown to lose less than {margin} to any other."
    against = _worst(results, choice, able)
    assert against is not None
    loss = f"it may still be up to {outcome.amount(max(-against.low, 0.0))} behind {against.b}"
    if math.isinf(against.low) or wording.is_wide(against, results.question):
        loss = f"how far it may be behind {against.b} can't be told"
    reached = outcome.value(_value(choice))
    others = [c for c in able if c is not choice]
    pairs = {other.name: results.pair(choice.name, other.name) for other in others}
    rivals = [name for name, pair in pairs.items() if pair is None or pair.verdict == "unresolved"]
    # Either may be too few.
    seeds = max((pair.seeds for pair in pairs.values() if pair is not None), default=0)
    tried = f"{wording.counted(seeds, 'seed')} on these {wording.tested(results)}"
    level = [other for other in others if _value(other) == _value(choice)]
    if level:
        smaller = _size(choice) < min(map(_size, level))
        named = " and ".join([choice.name, *(other.name for other in level)])
        led = f"{named} did equally well ({reached}){f', and {choice.name} is the smaller' * smaller}"
    else:
        led = f"{choice.name} did best ({reached})"
    if results.pairs and all(pair.verdict == "unresolved" for pair in results.pairs):
        return (
            f"{tried[0].upper()}{tried[1:]} cannot tell the networks apart: {led}, so use {choice.name} if you must "
            f"choose now, but {loss}."
        )
    use = f"Use {choice.name}: {led};" if level else f"Use {choice.name}, which did best ({reached});"
    cheaper = _as_good(results, choice, others, latencies)
    return f"{cheaper}{use} {tried} cannot tell it from {' and '.join(rivals)}, and {loss}."


def _as_good(results: Results, choice: Candidate, others: Sequence[Candidate], latencies: Mapping[str, float]) -> str:
    """A sentence about the fastest network that is faster than the choice and shown to be as good; "" if none is."""
    here = latencies.get(choice.name)
    pairs = {other.name: results.advantage(other.name, choice.name) for other in others}
    good = [n for n, pair in pairs.items() if pair is not None and pair.low > -results.question.tolerance]
    faster = [name for name in good if here is not None and latencies.get(name, math.inf) < here]
    if here is None or not faster:
        return ""
    name = min(faster, key=lambda n: latencies[n])
    return (
        f"{name} is faster than {choice.name} ({latencies[name] * 1000:.2f} instead of {here * 1000:.2f} ms per image) "
        f"and shown to be as good but for {wording.margin(results.question)}: take it where speed counts. "
    )


def _reservations(results: Results, choice: Candidate, limits: Limits) -> str:
    said, outcome = "", results.question.scoring
    if choice.not_learned is not None and choice.not_learned.count:
        said += (
            f" Mind that {choice.not_learned.count} of its {choice.not_learned.runs} runs learned nothing: train it "
            "several times, and keep a run that learned."
        )
    elif choice.failed:
        said += f" Mind that {choice.failed} of its {len(choice.runs)} runs failed."
    if limits.outcome is not None and choice.outcome is not None:
        worst = choice.outcome.low if outcome.higher_is_better else choice.outcome.high
        if outcome.merit(worst) < outcome.merit(limits.outcome):
            goes = "down" if outcome.higher_is_better else "up"
            said += (
                f" That it reaches {outcome.limit(limits.outcome)} is not shown: its interval goes {goes} to "
                f"{outcome.bound(worst)}."
            )
    return said


def _separating(results: Results, able: Sequence[Candidate]) -> tuple[str, ...]:
    """For each pair of networks that fit, that are not out and not told apart, what would do it."""
    names = {c.name for c in able} - results.beaten().keys()
    return tuple(
        f"{pair.a} or {pair.b}: {wording.remedy(pair)}, if what was observed is the truth."
        for pair in results.pairs
        if pair.verdict == "unresolved" and {pair.a, pair.b} <= names
    )
