"""The summary of an audit in the terminal; it needs no torch."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from skipwise.auditing.record import AuditReport
from skipwise.auditing.wording import TITLES, TO_MEND, summary
from skipwise.cli.program import as_typed
from skipwise.core.progress import Console
from skipwise.core.text import command, finished_already, first, without

MOST_LINES = 3


def print_audit(report: AuditReport, *, typed: Sequence[str]) -> None:
    """Prints the findings by kind with examples, those that must be corrected, where the rest is, and the next command.

    Args:
        typed: the command line that led here, the program's name first.
    """
    console = Console()
    record = report.record
    if report.repeated:
        console.print(Text(finished_already(report.folder)), soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("found", no_wrap=True)
    table.add_column("times", justify="right")
    table.add_column("for example", overflow="fold")
    for kind, title in TITLES.items():
        mine = [finding for finding in record.findings if finding.kind == kind]
        if mine and kind != "layout":  # those are faults, which follow
            files = ", ".join(mine[0].files[:3]) + (", ..." if len(mine[0].files) > 3 else "")
            # A duplicate is a finding of several files; what is left out is one of all of them.
            times = sum(len(finding.files) for finding in mine) if kind == "ignored" else len(mine)
            table.add_row(title, f"{times:,}", Text(f"{files}: {mine[0].detail}" if files else mine[0].detail))
    if table.row_count:
        console.print()
        console.print(table)
    console.print()
    console.print(Text(summary(record), style="bold"), soft_wrap=not console.is_terminal)
    if record.faults:
        console.print()
        console.print(Text(f"{TO_MEND}:", style="bold"))
    for line in first(record.faults, MOST_LINES):
        console.print(Text(f"  {line}"), soft_wrap=not console.is_terminal)
    console.print()
    console.print(Text(f"Page:   {report.page}"), soft_wrap=True)
    console.print(Text(f"Record: {report.file}"), soft_wrap=True)
    for line in _after_audit(report, typed):
        console.print(Text(line), soft_wrap=True)


def _after_audit(report: AuditReport, typed: Sequence[str]) -> list[str]:
    """Returns the next commands, with how the images were read; where there are faults, how to remove them."""
    kept = [word for word in without(typed[2:], "--run", "--output", "-o") if word != "--json"]
    excluding = any(finding.exclude for finding in report.record.findings) and report.trainable_without
    compare = command("skipwise", "compare", *kept, *(("--exclude", report.file) if excluding else ()))
    if not report.record.faults:
        return [f"Next:   {as_typed(compare)}"]
    again = f"Next:   {as_typed(command('skipwise', 'audit', *kept))}  # once that is corrected"
    return [again, *([f"Or:     {as_typed(compare)}  # without what is flagged"] if excluding else [])]
