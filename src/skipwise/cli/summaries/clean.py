"""The list of what may go, for a terminal."""

from __future__ import annotations

from collections import defaultdict

from rich.table import Table
from rich.text import Text

from skipwise.cleaning.record import Cleaning, Removable
from skipwise.core.progress import Console
from skipwise.core.text import byte_size, command, count

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
    rows = _rows(found.found)
    for size, kind, *texts in rows[:MOST]:
        table.add_row(byte_size(size), kind, *map(Text, texts))
    console.print(table)
    if len(rows) > MOST:
        console.print(Text(f"And {len(rows) - MOST:,} more; --json has them all."))
    console.print()
    console.print(Text(f"{byte_size(found.size)} in {count(len(found.found), 'file')} may go."))


def _rows(found: tuple[Removable, ...]) -> list[tuple[int, str, str, str, str]]:
    """The rows of the list, the largest first; the weights of one comparison, maybe hundreds of files, are one row."""
    together: dict[object, list[Removable]] = defaultdict(list)
    for each in found:
        together[(each.path.parent.parent, each.why) if each.kind == "weights" else each.path].append(each)
    rows = []
    for alike in together.values():
        first, size = alike[0], sum(each.size for each in alike)
        if len(alike) == 1:
            rows.append((size, first.kind, str(first.path), first.why, first.again))
            continue
        runs = first.path.parent.parent
        what = f"{runs}: {len(alike):,} runs, such as {first.path.parent.name}"
        rows.append((size, first.kind, what, f"of each: {first.why}", f"{command('skipwise', 'restore', runs)}/RUN"))
    return sorted(rows, key=lambda row: -row[0])


def print_freed(found: Cleaning) -> None:
    """Prints what was freed, and what was left."""
    console = Console()
    for each in found.left:
        console.print(Text(f"Left {each.path}: {each.why}"), soft_wrap=True)
    console.print(Text(f"Freed {byte_size(found.freed)}."))
