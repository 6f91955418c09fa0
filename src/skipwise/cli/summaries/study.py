"""Summaries of studies: the list of them, a plan, and the result of one."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from skipwise.cli.program import program_of
from skipwise.comparison.wording.plans import outlined
from skipwise.core.progress import Console
from skipwise.core.text import command, duration, finished_already
from skipwise.studies.listing import ListedStudy
from skipwise.studies.page import difference, verdict_of
from skipwise.studies.records import PlannedStudy, StudyReport


def print_studies(studies: Sequence[ListedStudy], *, typed: Sequence[str]) -> None:
    """Prints the studies with their claims and forecasts.

    Args:
        typed: the command line that led here, the program's name first.
    """
    console = Console()
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("study", no_wrap=True)
    table.add_column("claim", overflow="fold")
    table.add_column("runs", justify="right")
    table.add_column("now takes about", no_wrap=True)
    for each in studies:
        table.add_row(each.name, Text(each.claim), str(each.runs), duration(each.seconds))
    console.print(table)
    console.print()
    following = command(*program_of(typed), "study", studies[0].name, "--dry-run")
    console.print(Text(f"Next:   {following}"), soft_wrap=True)


def print_planned_study(planned: PlannedStudy, following: str) -> None:
    """Prints the result of a dry run, and the command that carries it out."""
    console = Console()
    lines = [planned.claim, *planned.setup.measured]
    for design, each in zip(planned.setup.designs, planned.comparisons, strict=True):
        lines += ["", f"{design.title}:", *outlined(each.plan)]
    lines.append("")
    if planned.finished:
        lines.append(f"Nothing was trained now. The study in {planned.folder} is finished; the same command shows it.")
    else:
        expected = "" if planned.seconds is None else f"Expected: about {duration(planned.seconds)}. "
        lines.append(f"{expected}Nothing was trained. The results would go to {planned.folder}.")
    for line in lines:
        console.print(Text(line), soft_wrap=not console.is_terminal)
    console.print()
    console.print(Text(f"Next:   {following}"), soft_wrap=True)


def print_study(report: StudyReport, *, typed: Sequence[str]) -> None:
    """Prints what a study found, where its page is, and what to type next.

    Args:
        typed: the command line that led here, the program's name first.
    """
    console, record = Console(), report.record
    if report.repeated:
        console.print(Text(finished_already(report.folder)), soft_wrap=True)
    console.print(Text(f"{record.claim} {verdict_of(record)}", style="bold"), soft_wrap=not console.is_terminal)
    for each in record.findings:
        line = f"  {each.part.claim}: {each.answer}, {difference(each)}"
        console.print(Text(line), soft_wrap=not console.is_terminal)
    console.print()
    console.print(Text(f"Page:   {report.page}"), soft_wrap=True)
    console.print(Text(f"Record: {report.page.with_suffix('.json')}"), soft_wrap=True)
    first = report.folder / record.comparisons[0].name
    following = command(*program_of(typed), "report", first, "--format", "md")
    console.print(Text(f"Next:   {following}"), soft_wrap=True)
