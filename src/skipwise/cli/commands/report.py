"""The verb `report` on the command line."""

from __future__ import annotations

from skipwise.cli.declared import Line
from skipwise.cli.options import Folder
from skipwise.comparison.options import ReportOptions
from skipwise.core.escaping import say
from skipwise.core.machine.streams import need_output


def report(line: Line[ReportOptions], comparison: Folder) -> None:
    """Write or print the report of a finished comparison. A pull request takes Markdown, a program JSON."""
    format = line.options.format
    from skipwise.comparison.results.finished import report as run

    if format != "html":
        need_output("leave it open, or give --format html")
    found = run(comparison, **line.given())
    say(f"Report: {found}" if format == "html" else str(found).rstrip("\n"))
