"""Sections of the report, and of its Markdown, on the outcomes beside the first one."""

from __future__ import annotations

from typing import Any

from skipwise.comparison.question.question import Question
from skipwise.comparison.report.tables import table
from skipwise.comparison.results.judged import JudgedOutcome
from skipwise.comparison.results.records import Results
from skipwise.comparison.wording import pairs, phrases
from skipwise.comparison.wording.further import claims, decides, further
from skipwise.core.escaping import markdown as escaped
from skipwise.pages import figures


def page_of_further(results: Results) -> dict[str, Any] | None:
    """The section of the page; None where there is one outcome."""
    shown = [_shown(results, question, judged) for question, judged in further(results)]
    return {"decides": decides(results), "outcomes": shown} if shown else None


def _shown(results: Results, question: Question, judged: JudgedOutcome) -> dict[str, Any]:
    scoring, measure = question.scoring, phrases.measure(question)
    known = [each.outcome for each in judged.networks if each.outcome is not None]
    ends = (min((o.low for o in known), default=0.0), max((o.high for o in known), default=1.0))
    numbers = {candidate.name: number for number, candidate in enumerate(results.candidates)}
    return {
        "title": measure[0].upper() + measure[1:],
        "measure": measure,
        "higher_is_better": scoring.higher_is_better,
        "margin": phrases.margin(question),
        "heading": scoring.heading,
        "claims": claims(question, judged),
        "networks": [
            {
                "mark": figures.mark(numbers[each.name]),
                "name": each.name,
                "value": "none" if each.outcome is None else scoring.value(each.outcome.value),
                "interval": "" if each.outcome is None else scoring.bounds(each.outcome.low, each.outcome.high),
                "figure": ""
                if each.outcome is None
                else figures.interval(each.outcome.value, each.outcome.low, each.outcome.high, ends=ends),
            }
            for each in judged.networks
        ],
        "pairs": [
            {
                "name": f"{pair.a} - {pair.b}",
                "kind": pair.verdict,
                "difference": scoring.difference(pair.difference),
                "span": scoring.differences(pair.low, pair.high),
                "verdict": pairs.short_verdict(pair),
            }
            for pair in judged.pairs
        ],
    }


def markdown_of_further(results: Results) -> list[str]:
    """For each further outcome what it shows, and its table; nothing where there is one outcome."""
    found = [escaped(decides(results))] if results.further else []
    for question, judged in further(results):
        headings = ["network", f"{phrases.measure(question)} ({phrases.sure(results.question)} interval)"]
        rows = [[escaped(each.name), phrases.mean(each.outcome, question)] for each in judged.networks]
        said = "\n".join(f"- {escaped(sentence)}" for sentence in claims(question, judged))
        found += [table(headings, rows, left=1), said]
    return found
