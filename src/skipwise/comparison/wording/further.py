"""Several outcomes in words: what each of them shows of the networks, a sentence for each claim."""

from __future__ import annotations

from skipwise.comparison.question.question import Question
from skipwise.comparison.results.judged import JudgedOutcome
from skipwise.comparison.results.records import Results
from skipwise.comparison.wording.phrases import margin
from skipwise.core.text import listed
from skipwise.evaluation.outcomes import Outcome
from skipwise.statistics import Pair


def further(results: Results) -> list[tuple[Question, JudgedOutcome]]:
    """The outcomes beside the first one, each with the question that it answers."""
    return list(zip(results.question.questions, results.judged, strict=True))[1:]


def and_outcomes(question: Question) -> str:
    """Returns " and outcomes" where intervals hold for several outcomes together; "" for one."""
    return " and outcomes" if question.further else ""


def beside(question: Question) -> str:
    """The further outcomes by their names, behind the first one: ", and also by test log-loss"; "" for none."""
    return f", and also by {listed([each.scoring.measure() for each in question.further])}" if question.further else ""


def decides(results: Results) -> str:
    """Names the outcome that decides the choice, where there are several; "" for one."""
    if not results.question.further:
        return ""
    several = len(results.question.looks) > 1
    decided = "The recommendation, and who got more seeds, go" if several else "The recommendation goes"
    return (
        f"{decided} by {results.question.scoring.measure()}. The intervals hold for all "
        f"{len(results.question.outcomes)} outcomes together, each of which has its share of the "
        f"{results.question.alpha * 100:g}% that may be wrong."
    )


def claims(question: Question, judged: JudgedOutcome, *, about: str | None = None) -> list[str]:
    """A sentence for each pair that is settled by an outcome, and one for those that are not.

    Args:
        question: the outcome's own.
        judged: what was found.
        about: the network whose pairs alone are told; None: all pairs.
    """
    pairs = [pair for pair in judged.pairs if about is None or about in (pair.a, pair.b)]
    said = [claim(pair, question) for pair in pairs if pair.verdict != "unresolved"]
    return [*said, *_left_open([pair for pair in pairs if pair.verdict == "unresolved"], question, of=len(pairs))]


def claim(pair: Pair, question: Question) -> str:
    """States what is shown of a pair: "By test log-loss, a is better than b by 0.031 nats (0.012 to 0.050)."."""
    outcome = question.scoring
    if pair.verdict == "equivalent":
        span = outcome.differences(pair.low, pair.high)
        return f"{outcome.under}, {pair.a} and {pair.b} differ by less than {margin(question)} ({span})."
    first = pair if pair.verdict == "better" else pair.turned()
    least, most = outcome.advantage(first.low, first.high)
    by = f"{outcome.amount(abs(first.difference))} ({outcome.bounds(least, most)})"
    if round(least * outcome.scale, outcome.digits - 1) <= 0:  # what is shown to be above 0 should look so
        by = f"{outcome.amount(abs(first.difference), digits=outcome.digits)} ({_precise(outcome, least, most)})"
    small = f", which is less than {margin(question)}" if pair.equivalent else ""
    return f"{outcome.under}, {first.a} is better than {first.b} by {by}{small}."


def _precise(outcome: Outcome, least: float, most: float) -> str:
    return f"{outcome.difference(least)} to {outcome.difference(most)}".replace("+", "")


def _left_open(pairs: list[Pair], question: Question, *, of: int) -> list[str]:
    """One sentence for the pairs that are not settled, so many `of` all."""
    if not pairs:
        return []
    under = question.scoring.under
    if len(pairs) == 1:
        return [f"{under}, {pairs[0].a} and {pairs[0].b} are not told apart."]
    if len(pairs) == of:
        return [f"{under}, none of these {of} pairs is told apart."]
    return [f"{under}, these pairs are not told apart: {', '.join(f'{pair.a} - {pair.b}' for pair in pairs)}."]
