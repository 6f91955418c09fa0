"""The summary of a judgement on predictions in the terminal; it needs no torch."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table
from rich.text import Text

from skipwise.cli.program import as_typed
from skipwise.cli.summaries.comparison import pair_table
from skipwise.comparison.wording import pairs, phrases
from skipwise.core.progress import Console
from skipwise.core.text import command, finished_already
from skipwise.judging.record import Judged, JudgeReport


def print_judgement(report: JudgeReport) -> None:
    """The tables, what to know beside them, the answer, where the report is and what to type next."""
    console, judged = Console(), report.judged
    if report.repeated:
        console.print(Text(finished_already(report.folder)), soft_wrap=True)
    console.print()
    console.print(_networks(judged))
    console.print()
    console.print(pair_table(pairs.pair_lines(judged.results), judged.results))
    console.print()
    for note in judged.notes:
        console.print(Text(note), soft_wrap=not console.is_terminal)
    if judged.notes:
        console.print()
    first, *rest = judged.verdict
    console.print(Text(first, style="bold"), soft_wrap=not console.is_terminal)
    for sentence in rest:
        console.print(Text(sentence), soft_wrap=not console.is_terminal)
    console.print()
    console.print(Text(f"Report: {report.page}"), soft_wrap=True)
    console.print(Text(f"Next:   {as_typed(_next(report))}"), soft_wrap=True)


def _networks(judged: Judged) -> Table:
    question = judged.question
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("network", no_wrap=True)
    table.add_column(f"{phrases.measure(question)} ({phrases.sure(question)})", justify="right", no_wrap=True)
    also = not question.scoring.is_accuracy
    if also:
        table.add_column("accuracy", justify="right", no_wrap=True)
    table.add_column("seeds", justify="right", no_wrap=True)
    for candidate in judged.results.candidates:
        accuracy = [phrases.accuracy(candidate.accuracy)] if also else []
        table.add_row(
            Text(candidate.name), phrases.reached(candidate, question), *accuracy, phrases.runs_done(candidate)
        )
    return table


def _next(report: JudgeReport) -> str:
    """Returns the command to type next: with more seeds where there is one of each, or else the gate before one network
    takes another's place."""
    if report.judged.has_one_seed:
        names = [network.name for network in report.judged.networks[:2]]
        files = [Path(f"{name}-s{seed}.csv") for name in names for seed in range(2)]
        return command("skipwise", "judge", *files)
    return command("skipwise", "gate", "path/to/old", "path/to/new", "path/to/images", "--margin", "1")
