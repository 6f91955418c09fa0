"""The summary of the outcomes beside the first one: a table of each, and a sentence for each claim."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from skipwise.comparison.question.question import Question
from skipwise.comparison.results.judged import JudgedOutcome
from skipwise.comparison.results.records import Costs, Results
from skipwise.comparison.wording import phrases
from skipwise.comparison.wording.further import claims, decides, further
from skipwise.core.progress import Console

MOST_PAIRS = 15
"""If there are more pairs than this, only those of the recommended network are told."""


def print_further(console: Console, results: Results, costs: Costs) -> None:
    """Prints a table of each further outcome, and below it what it shows."""
    for question, judged in further(results):
        console.print(_table(question, judged, phrases.sure(results.question)))
        about = costs.recommendation.candidate if len(judged.pairs) > MOST_PAIRS else None
        _print(console, claims(question, judged, about=about))
        console.print()
    if said := decides(results):
        _print(console, [said])


def _table(question: Question, judged: JudgedOutcome, sure: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("network", no_wrap=True)
    table.add_column(f"{phrases.measure(question)} ({sure})", justify="right", no_wrap=True)
    for each in judged.networks:
        table.add_row(Text(each.name), phrases.mean(each.outcome, question))
    return table


def _print(console: Console, sentences: list[str]) -> None:
    for line in sentences:
        console.print(Text(line), soft_wrap=not console.is_terminal)
