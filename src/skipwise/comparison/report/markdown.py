"""A comparison in GitHub's Markdown, for a pull request."""

from __future__ import annotations

import re

from skipwise.comparison.plan.command import command
from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.report.by_seed import markdown_of_seeds
from skipwise.comparison.report.evidence import ranked
from skipwise.comparison.report.further import markdown_of_further
from skipwise.comparison.report.learning_curve import markdown_of_curve
from skipwise.comparison.report.tables import table
from skipwise.comparison.results.records import Candidate, Costs, Results
from skipwise.comparison.wording import pairs, phrases, study
from skipwise.comparison.wording.answer import answer, excess
from skipwise.comparison.wording.notes import notes
from skipwise.comparison.wording.tuning import tuned
from skipwise.core.escaping import lines
from skipwise.core.escaping import markdown as escaped
from skipwise.evaluation.outcomes import OUTCOMES


def markdown(plan: Plan, results: Results, costs: Costs) -> str:
    """The answer, the networks, the pairs, what to mind, what is not covered and how to repeat it."""
    said = answer(results, costs.recommendation, costs)
    first, *others = said.head
    sections = [
        f"**{escaped(first)}**",
        *map(escaped, others),
        f"<sub>{escaped(study.when_and_how_long(plan, costs))}</sub>",
        "\n".join(f"- {escaped(sentence)}" for sentence in said.rest),
        escaped(study.asked(results)),
        "\n".join(f"- {escaped(note)}" for note in notes(plan, results)),
        _networks(results, costs),
        escaped(" ".join((*study.looks_taken(plan, results), *tuned(results, costs)))),
        _pairs(results, costs),
        *markdown_of_further(results),
        *markdown_of_seeds(results),
        *markdown_of_curve(results),
        escaped(study.not_covered(plan)),
        _code(command(plan)),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _networks(results: Results, costs: Costs) -> str:
    question = results.question
    also = not question.scoring.is_accuracy
    headings = [
        "network",
        f"{phrases.measure(question)} ({phrases.sure(question)} interval)",
        *([OUTCOMES["accuracy"].measure()] if also else []),
        "runs",
        "latency",
        "size",
        "multiply-adds",
    ]
    rows = [_network(candidate, results, costs, also_accuracy=also) for _, candidate in ranked(results)]
    return table(headings, rows, left=1)


def _network(candidate: Candidate, results: Results, costs: Costs, *, also_accuracy: bool) -> list[str]:
    name = escaped(candidate.name)
    if candidate.name == costs.recommendation.candidate:
        name = f"**{name}**"
    broken = "; ".join(excess(each, results) for each in costs.recommendation.unfit.get(candidate.name, ()))
    return [
        f"{name}, does not fit: {escaped(broken)}" if broken else name,
        phrases.reached(candidate, results.question),
        *([phrases.accuracy(candidate.accuracy)] if also_accuracy else []),
        phrases.runs_done(candidate),
        phrases.latency(costs.latencies.get(candidate.name)),
        phrases.size(candidate.counts),
        phrases.operations(candidate.counts),
    ]


def _pairs(results: Results, costs: Costs) -> str:
    rows = []
    for name, pair in pairs.pair_lines(results):
        if pair is None:
            rows.append([escaped(name), "", pairs.NOT_JUDGED])
            continue
        said = filter(None, (pairs.verdict(pair, results.question), pairs.left_open(pair, results, costs)))
        rows.append([escaped(name), phrases.difference(pair, results.question), escaped("; ".join(said))])
    unit = results.question.scoring.unit
    return table(["pair", f"difference in {unit}" if unit else "difference", "verdict"], rows, left=1)


def _code(text: str) -> str:
    """A block that no backticks in the text can end."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sh\n{lines(text)}\n{fence}"
