"""The verb `clean` on the command line."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skipwise.cleaning.options import CleanOptions
from skipwise.cli.declared import Line
from skipwise.cli.options import PrintOptions, print_json
from skipwise.cli.program import as_typed
from skipwise.core.escaping import say
from skipwise.core.text import byte_size, command

if TYPE_CHECKING:
    from skipwise.cleaning.record import Cleaning

Folders = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FOLDER",
        help="Folders of results; runs where none is named. An address stands for the copies of what lies there.",
        show_default=False,
    ),
]


def clean(line: Line[CleanOptions], shown: PrintOptions, folders: Folders = None) -> int:
    """List what may be removed from results and from the cache. It is removed only when asked for."""
    from skipwise.cleaning.clean import clean as run
    from skipwise.cleaning.clean import free

    # Where nothing is named, and nothing was made here yet, the cache is what is left.
    found = run(folders or ["runs"] * Path("runs").is_dir(), **line.given())
    if shown.json:
        print_json(_plain(found))
        return 2 if found.left else 0
    from skipwise.cli.summaries.clean import print_freed, print_removable

    print_removable(found)
    if found.found and not found.done and sys.stdin.isatty() and sys.stdout.isatty() and _agreed(found.size):
        # The answer may have taken an hour: what may still go of what was shown goes.
        shown_before, listed = {(each.kind, each.path) for each in found.found}, time.time()
        now = run(folders or ["runs"] * Path("runs").is_dir(), **line.given()).found
        found = free([each for each in now if (each.kind, each.path) in shown_before], listed=listed)
    if found.done:
        print_freed(found)
    elif found.found:
        say(f"Next:   {as_typed(command('skipwise', 'clean', *line.words(without={'yes'}), '--yes'))}")
    return 2 if found.left else 0


def _plain(found: Cleaning) -> dict[str, object]:
    """The record, with paths as text."""
    may_go = [{**vars(each), "path": str(each.path), "home": str(each.home)} for each in found.found]
    left = [{"path": str(each.path), "why": each.why} for each in found.left]
    return {"found": may_go, "size": found.size, "freed": found.freed, "left": left, "done": found.done}


def _agreed(size: int) -> bool:
    print(f"Free {byte_size(size)}? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
