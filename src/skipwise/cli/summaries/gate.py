"""The summary of a gate in the terminal; it needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from skipwise.cli.program import as_typed
from skipwise.core.progress import Console
from skipwise.core.text import command
from skipwise.gating import wording
from skipwise.gating.record import GateReport


def print_gate(report: GateReport, *, data: str | None, markdown: Path | None) -> None:
    """Both networks, the classes, the answer, and what to type next.

    Args:
        report: what was found.
        data: the images, as they were named, for the next command.
        markdown: where the report for a pull request is.
    """
    console = Console()
    console.print()
    console.print(_table(("", "old", "new"), wording.side_rows(report), left=1))
    console.print()
    rows, more = wording.class_rows(report)
    console.print(_table(wording.CLASS_HEADINGS, rows, left=1))
    console.print()
    beside = [f"{more:,} more classes lost fewer."] if more else []
    beside.append(wording.DESCRIPTIVE)
    if report.speed is not None:
        beside.append(wording.about_speed(report.speed))
    for sentence in beside:
        console.print(Text(sentence), soft_wrap=not console.is_terminal)
    console.print()
    first, *rest = report.verdict
    console.print(Text(first, style="bold"), soft_wrap=not console.is_terminal)
    for sentence in rest:
        console.print(Text(sentence), soft_wrap=not console.is_terminal)
    console.print()
    if markdown is not None:
        console.print(Text(f"Report: {markdown}"), soft_wrap=True)
    console.print(Text(f"Next:   {as_typed(_next(report, data))}"), soft_wrap=True)


def _next(report: GateReport, data: str | None) -> str:
    old, new = Path(report.old.name), Path(report.new.name)
    images = Path(data) if data is not None else None
    if report.outcome == "cannot tell":
        return command("skipwise", "gate", *_with_more_images(report), "--margin", f"{report.margin:g}")
    if report.new.kind == "predictions":
        return command("skipwise", "judge", old, new)
    if report.outcome == "fail" or report.new.kind == "run":
        verb = "evaluate" if report.outcome == "fail" else "export"
        return command("skipwise", verb, new, *([images] if images is not None else []))
    return command("skipwise", "verify", new, *([images] if images is not None else []))


def _with_more_images(report: GateReport) -> list[str]:
    """Lists the arguments of a gate on more images: predictions for these come in files of their own."""
    sides = [(report.old, "path/to/more/old.csv"), (report.new, "path/to/more/new.csv")]
    named = [file if side.kind == "predictions" else side.name for side, file in sides]
    return named if all(side.kind == "predictions" for side, _ in sides) else [*named, "path/to/more/images"]


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, left: int) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number < left else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table
