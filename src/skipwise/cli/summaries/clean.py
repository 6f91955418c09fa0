"""What may go, for a terminal."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from skipwise.cleaning.record import Cleaning
from skipwise.core.progress import Console
from skipwise.core.text import byte_size, count

MOST = 50
"""Rows that are shown, at most."""


def print_removable(found: Cleaning) -> None:
    """Prints what may go, how large it is, and why."""
    console = Console()
    if not found.found:
        console.print(Text("Nothing may go."))
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("size", "kind", "what", "why it may go", "to get it back"):
        table.add_column(heading, justify="right" if heading == "size" else "left", overflow="fold")
    for each in found.found[:MOST]:
        table.add_row(byte_size(each.size), each.kind, *map(Text, (str(each.path), each.why, each.again)))
    console.print(table)
    if len(found.found) > MOST:
        console.print(Text(f"And {len(found.found) - MOST:,} more; --json has them all."))
    console.print()
    console.print(Text(f"{byte_size(found.size)} in {count(len(found.found), 'file')} may go."))


def print_freed(found: Cleaning) -> None:
    """Prints what was freed, and what was left."""
    console = Console()
    for each in found.left:
        console.print(Text(f"Left {each.path}: {each.why}"), soft_wrap=True)
    console.print(Text(f"Freed {byte_size(found.freed)}."))
