"""The verb `report` on the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from skipwise.cli.options import Folder
from skipwise.core.escaping import say
from skipwise.core.machine.streams import need_output


def report(
    comparison: Folder,
    format: Annotated[
        str, typer.Option(help="The format: html writes the page anew; md (for a pull request) and json are printed.")
    ] = "html",
) -> None:
    """Write the report of a finished comparison again, or print it for a pull request or a machine."""
    from skipwise.comparison.results.finished import report as run

    if format != "html":
        need_output("leave it open, or give --format html")
    found = run(comparison, format=format)
    say(f"Report: {found}" if format == "html" else str(found).rstrip("\n"))
