"""The summary of an explanation in the terminal."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from skipwise.core.progress import Console
from skipwise.core.text import finished_already
from skipwise.explaining.record import ExplanationReport
from skipwise.explaining.wording import about_centre, about_checks, about_gates, summary

MOST_LINES = 20


def print_explanation(report: ExplanationReport) -> None:
    """Each image with its answer, what the checks and the gates say, and where the rest is."""
    console, record = Console(), report.record
    if report.repeated:
        console.print(Text(finished_already(report.folder)), soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("image", overflow="fold")
    table.add_column("answer", overflow="fold")
    table.add_column("probability", justify="right")
    table.add_column("label", overflow="fold")
    table.add_column("in the middle quarter", justify="right")
    for image in record.images[:MOST_LINES]:
        share = image.maps[0].centre_share
        table.add_row(
            Text(image.image),
            Text(image.answer),
            f"{image.probability:.1%}",
            Text(image.label or ""),
            "" if share is None else f"{share:.0%}",
        )
    console.print()
    console.print(table)
    if (more := len(record.images) - MOST_LINES) > 0:
        console.print(f"and {more:,} more")
    console.print()
    sentences = [summary(record), f"Made by {record.method} at the layer {record.layer}.", about_centre(record)]
    sentences += [] if record.checks is None else about_checks(record.checks)
    sentences += [] if record.gates is None else [f"Gates: {about_gates(record.gates)}"]
    for sentence in filter(None, sentences):
        console.print(Text(sentence), soft_wrap=not console.is_terminal)
    console.print()
    console.print(Text(f"Page:   {report.page}"), soft_wrap=True)
    console.print(Text(f"Record: {report.file}"), soft_wrap=True)
