"""The verb `status` on the command line."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from skipwise.cli.declared import Line
from skipwise.cli.options import PrintOptions, print_json
from skipwise.cli.program import as_typed
from skipwise.core.escaping import say
from skipwise.core.options import group, option, options
from skipwise.watching.options import StatusOptions

if TYPE_CHECKING:
    from skipwise.watching.record import Status

Folder = Annotated[
    str,
    typer.Argument(
        metavar="FOLDER",
        help="The folder of a comparison, a run of 'train' or a study, or one that holds several of them; or the "
        "address of a copy.",
    ),
]
LOOKS_APART = 2.0
"""Seconds between two looks at the folder."""
ELSEWHERE_APART = 30.0
"""Seconds between two looks at an address, each of which lists what lies there."""
LINES_APART = 60.0
"""Seconds after which a line is printed where there is no terminal, though no run has ended."""


@options("Watching")
class WatchOptions:
    """The options for watching."""

    watch: bool = option(False, "Look again and again until the work ends or is stopped; --page is written each time.")


@options()
class StatusOutput:
    """The output options of `status`."""

    watching: WatchOptions = group(WatchOptions)
    record: PrintOptions = group(PrintOptions)


def status(line: Line[StatusOptions], folder: Folder, shown: StatusOutput) -> int:
    """Say how far a comparison, a run or a study is. It says what runs where, and when the end is expected."""
    from skipwise.watching.status import status as run

    if shown.watching.watch:
        found = _follow(line, folder, json=shown.record.json)
    else:
        found = run(folder, **line.given())
        if shown.record.json:
            print_json(found)
        else:
            _print(found)
    page = line.options.page
    if page is not None and not shown.record.json:
        say(f"Page: {page}")
    return 2 if found.state == "damaged" else 0


def _print(found: Status) -> None:
    from skipwise.cli.summaries.status import following
    from skipwise.cli.summaries.status import shown as rendered
    from skipwise.core.progress import Console

    Console().print(rendered(found))
    if next_command := following(found):
        say()
        say(f"Next:   {as_typed(next_command)}")


def _follow(line: Line[StatusOptions], folder: str, *, json: bool) -> Status:
    """Shows the status until nobody works on it any more; returns the last one."""
    from skipwise.core.progress import Console

    console, page = Console(), line.options.page
    looks = _looks(folder, page, line.options.price)
    if json:
        for found in _changed(looks):
            print_json(found)
            sys.stdout.flush()
    elif console.is_terminal:
        from rich.live import Live

        from skipwise.cli.summaries.status import shown as rendered

        with Live(console=console, auto_refresh=False, transient=True) as live:
            for found in looks:
                live.update(rendered(found), refresh=True)
        _print(found)
    else:
        from skipwise.watching import wording

        for found in _changed(looks):
            say(wording.line(found))
            sys.stdout.flush()
        _print(found)
    return found


def _looks(folder: str, page: str | None, price: str | None) -> Iterator[Status]:
    """The status again and again, up to the first at which nobody works on it."""
    from skipwise.core.addresses import is_address
    from skipwise.core.files.paths import user_path
    from skipwise.watching.page import write_page
    from skipwise.watching.status import status_of

    apart = ELSEWHERE_APART if is_address(folder) else LOOKS_APART
    while True:
        found = status_of(folder, price)
        if page is not None:
            write_page(user_path(page), found, again=apart if found.is_running else None)
        yield found
        if not found.is_running:
            return
        time.sleep(apart)


def _changed(looks: Iterator[Status]) -> Iterator[Status]:
    """Those that are worth a line: a run has begun or ended, a part of the work has, or a minute is over."""
    before: object = None
    printed = 0.0
    for found in looks:
        states = [(run.folder, run.state) for run in found.all_runs], found.state, found.doing, found.interim
        if states != before or time.monotonic() - printed >= LINES_APART:
            before, printed = states, time.monotonic()
            yield found
