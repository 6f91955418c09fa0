"""Pairs of networks in words: verdicts, why one stayed open, and what would settle it."""

from __future__ import annotations

from skipwise.comparison.question.question import Question
from skipwise.comparison.results.effort import Effort, effort_for
from skipwise.comparison.results.records import Bootstrap, Costs, Results
from skipwise.comparison.wording.phrases import margin, rounded_up
from skipwise.core.text import count, duration
from skipwise.cost.price import Price, spent_in_brackets
from skipwise.statistics import Pair

NOT_JUDGED = "not judged: that takes two runs of each network that finished and learned"
IF = "if they really differ as much as they did here"
WIDE = 0.5
"""An interval of a difference wider than this says nothing, and its ends would read as if it did."""


def pair_lines(results: Results) -> list[tuple[str, Pair | None]]:
    """Every pair of the candidates that were trained as "a - b", judged or not."""
    names = [candidate.name for candidate in results.candidates if candidate.not_trained is None]
    return [(f"{a} - {b}", results.pair(a, b)) for index, a in enumerate(names) for b in names[index + 1 :]]


def verdict(pair: Pair, question: Question) -> str:
    """States the verdict on a pair."""
    if pair.verdict in ("better", "worse"):
        small = f", though by less than {margin(question)}" if pair.equivalent else ""
        return f"{pair.a} is {pair.verdict} than {pair.b}{small}"
    if pair.verdict == "equivalent":
        return f"equivalent: they differ by less than {margin(question)}"
    if is_wide(pair, question):
        return f"unresolved: {count(pair.seeds, 'seed')} on these images can't tell them apart"
    most = question.scoring.amount(max(-pair.low, pair.high))
    return f"unresolved: either may be the better one, by up to {most}"


def short_verdict(pair: Pair) -> str:
    """The same in a few words; "slightly" is by less than the margin."""
    if pair.verdict in ("better", "worse"):
        return f"{pair.a if pair.verdict == 'better' else pair.b} is {'slightly ' * pair.equivalent}better"
    return pair.verdict


def is_wide(pair: Pair, question: Question) -> bool:
    """Returns whether an interval is too wide to be useful; never for losses, which have no fixed scale."""
    return question.scoring.higher_is_better and pair.high - pair.low > WIDE


def remedy(pair: Pair, results: Results, costs: Costs | None = None) -> str:
    """States what would decide an unresolved pair, and what that costs; "" for other pairs.

    Args:
        costs: for how long runs take here; None where that is not known.
    """
    if pair.verdict != "unresolved":
        return ""
    effort = effort_for([pair], results, costs)
    if effort.seeds is None and effort.images is None and effort.groups is None:
        more = "more test images" if pair.groups is None else "more groups of test images"
        return f"neither more seeds nor {more} alone would settle it, {IF}"
    only = "" if effort.seeds is not None else "; more seeds can't"
    return f"{ways(effort, timed=True)} would settle it, {IF}{only}"


def ways(effort: Effort, *, timed: bool = False) -> str:
    """Each way to settle something: "about 31 seeds instead of 12 or about 9,400 test images instead of 2,000".

    Args:
        timed: whether to say how long more seeds take.
    """
    takes = "" if not timed or effort.seconds is None else f" (about {duration(effort.seconds)} here)"
    amounts = (
        (effort.seeds, "seeds", takes),
        (effort.images, "test images", ""),
        (effort.groups, "groups of test images", ""),
    )
    return " or ".join(
        f"about {rounded_up(amount.needed):,} {noun} instead of {amount.now:,}{behind}"
        for amount, noun, behind in amounts
        if amount is not None
    )


def cost_of(effort: Effort, price: Price | None = None) -> str:
    """States the cost of each way: "38 more runs, about 2 h here (2.0 machine-hours, $1.80); or about 7,400 more test
    images with their labels".

    Args:
        price: of a machine, where it was named.
    """
    found = []
    if effort.seeds is not None:
        seconds = effort.seconds
        time = "" if seconds is None else f", about {duration(seconds)} here ({spent_in_brackets(seconds, price)})"
        found.append(f"{count(effort.runs, 'more run')}{time}")
    if effort.images is not None:
        found.append(f"about {rounded_up(effort.images.more):,} more test images with their labels")
    if effort.groups is not None:
        found.append(f"the images of about {rounded_up(effort.groups.more):,} more groups")
    return "; or ".join(found)


def left_open(pair: Pair, results: Results, costs: Costs | None = None) -> str:
    """Explains why an unresolved pair got no more seeds, and what would decide it; "" for other pairs."""
    if pair.verdict != "unresolved":
        return ""
    above, question = results.beaten(), results.question
    gone = [name for name in (pair.a, pair.b) if name in above]
    if gone and not question.every_pair:
        behind = question.scoring.behind
        below = [f"{name} is more than {margin(question)} {behind} {above[name]}" for name in gone]
        return f"left open, since nobody would choose {' or '.join(gone)}: {' and '.join(below)}"
    if pair.seeds_needed is None:
        return remedy(pair, results, costs)
    return f"still open after {count(question.looks[-1], 'seed')}, the last look; {remedy(pair, results, costs)}"


def beside_resampling(pair: Pair, check: Bootstrap | None) -> str:
    """Explains why a pair is unresolved although its bootstrap interval excludes zero; "" where it does not."""
    if pair.verdict != "unresolved" or check is None or check.low <= 0 <= check.high:
        return ""
    return (
        "unresolved although the interval by resampling leaves out zero: that one is for this pair alone and too "
        "narrow with few seeds, while a verdict has to hold for all pairs at once"
    )


def would_separate(results: Results, names: frozenset[str], costs: Costs | None = None) -> list[str]:
    """For each pair of some networks that is open and matters to a choice, what would settle it, a sentence each."""
    left = names - results.beaten().keys()
    return [
        f"{pair.a} or {pair.b}: {remedy(pair, results, costs)}."
        for pair in results.pairs
        if pair.verdict == "unresolved" and {pair.a, pair.b} <= left
    ]
