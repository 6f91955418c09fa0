"""A comparison in GitHub's Markdown, for a pull request."""

from __future__ import annotations

import re
from collections.abc import Sequence

from skipwise.comparison.plan.command import command
from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.report.evidence import ranked
from skipwise.comparison.report.notes import notes
from skipwise.comparison.results import wording
from skipwise.comparison.results.records import Candidate, Costs, Results
from skipwise.core.escaping import lines
from skipwise.core.escaping import markdown as escaped
from skipwise.core.text import first

MOST_SENTENCES = 5


def markdown(plan: Plan, results: Results, costs: Costs) -> str:
    """The answer, the networks, the pairs, what to mind, what is not covered and how to repeat it."""
    choice = costs.recommendation
    sections = [
        f"**{escaped(choice.sentence)}**",
        escaped(wording.asked(results)),
        "\n".join(f"- {escaped(note)}" for note in notes(plan, results)),
        _networks(results, costs),
        escaped(" ".join(wording.course(plan, results))),
        _pairs(results),
        "\n".join(f"- {escaped(sentence)}" for sentence in first(choice.separating, MOST_SENTENCES)),
        escaped(wording.not_covered(plan)),
        _code(command(plan)),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _networks(results: Results, costs: Costs) -> str:
    question = results.question
    also = not question.scoring.is_accuracy
    headings = [
        "network",
        f"{wording.measure(question)} ({wording.sure(question)} interval)",
        *(["test accuracy"] if also else []),
        "runs",
        "latency",
        "size",
        "multiply-adds",
    ]
    rows = [_network(candidate, results, costs, also_accuracy=also) for _, candidate in ranked(results)]
    return _table(headings, rows, left=1)


def _network(candidate: Candidate, results: Results, costs: Costs, *, also_accuracy: bool) -> list[str]:
    name = escaped(candidate.name)
    if candidate.name == costs.recommendation.candidate:
        name = f"**{name}**"
    phrases = "; ".join(costs.recommendation.unfit.get(candidate.name, ()))
    plain = "" if candidate.accuracy is None else f"{candidate.accuracy * 100:.2f}%"
    return [
        f"{name}, does not fit: {escaped(phrases)}" if phrases else name,
        wording.reached(candidate, results.question),
        *([plain] if also_accuracy else []),
        wording.runs_done(candidate),
        wording.latency(costs.latencies.get(candidate.name)),
        wording.size(candidate.counts),
        wording.operations(candidate.counts),
    ]


def _pairs(results: Results) -> str:
    rows = []
    for name, pair in wording.pair_lines(results):
        if pair is None:
            rows.append([escaped(name), "", wording.NOT_JUDGED])
            continue
        said = filter(None, (wording.verdict(pair, results.question), wording.left_open(pair, results)))
        rows.append([escaped(name), wording.difference(pair, results.question), escaped("; ".join(said))])
    unit = results.question.scoring.unit
    return _table(["pair", f"difference in {unit}" if unit else "difference", "verdict"], rows, left=1)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, left: int) -> str:
    """Its first `left` columns and those that hold sentences are aligned to the left, the others to the right."""
    rules = ["---" if index < left or heading == "verdict" else "---:" for index, heading in enumerate(headings)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, rules, *rows))


def _code(text: str) -> str:
    """A block that no backticks in the text can end."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sh\n{lines(text)}\n{fence}"
