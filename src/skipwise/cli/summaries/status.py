"""The status of work in a terminal, or as plain lines."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from skipwise.core.text import command
from skipwise.watching import wording
from skipwise.watching.record import Status

MOST_RUNS = 30
"""Runs that are shown one by one, at most."""
MOST_FINISHED = 10
"""Comparisons, runs and studies in a folder that are finished and named, at most."""


def shown(status: Status) -> RenderableType:
    """The status for a terminal."""
    return Group(*_parts(status))


def following(status: Status) -> str:
    """The command to type next."""
    if status.is_running:
        return command("skipwise", "status", _path(status), "--watch")
    finished = next((part for part in (status, *status.parts) if part.state == "finished"), None)
    if finished is None or status.kind == "study":
        return ""
    if finished.kind == "comparison":
        return command("skipwise", "report", _path(finished), "--format", "md")
    return command("skipwise", "evaluate", _path(finished)) if finished.kind == "run" else ""


def _parts(status: Status) -> Iterator[RenderableType]:
    yield Text(wording.headline(status))
    if status.state in ("damaged", "waiting"):
        return
    for line in filter(None, (wording.counted(status), wording.expectation(status), *wording.silences(status))):
        yield Text(line)
    if status.kind == "comparison" and status.state != "finished":
        yield Text()
        yield _networks(status)
    runs = list(status.runs) if status.kind == "run" else wording.chosen_runs(status.runs)
    if runs:
        yield Text()
        yield _runs(status)
        if len(runs) > MOST_RUNS:
            yield Text(f"And {len(runs) - MOST_RUNS:,} more runs; --json has them all.")
    if status.interim is not None:
        yield Text()
        yield Text(wording.interim_title(status))
        yield _interim_networks(status)
        yield Text()
        yield _interim_pairs(status)
    if status.next_cost:
        yield Text()
        yield Text(status.next_cost)
    if peeking := wording.peeking(status):
        yield Text()
        yield Text(peeking)
    over = [part for part in status.parts if status.kind == "folder" and part.state == "finished"]
    for part in (part for part in status.parts if part not in over):
        yield Text()
        yield from _parts(part)
    if over:
        yield Text()
    for part in over[:MOST_FINISHED]:
        yield Text(wording.headline(part))
    if len(over) > MOST_FINISHED:
        yield Text(f"And {len(over) - MOST_FINISHED:,} more are finished; --json has them all.")


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="left" if place == 0 else "right", no_wrap=place == 0)
    return table


def _networks(status: Status) -> Table:
    table = _table("network", *wording.STATES, "validation accuracy")
    for model, counts, mean in wording.by_network(status.runs):
        table.add_row(Text(model), *(str(counts[state]) for state in wording.STATES), mean)
    return table


def _runs(status: Status) -> Table:
    table = _table("run", "state", "progress", "images/s", "validation", "time", "where")
    for run in (status.runs if status.kind == "run" else wording.chosen_runs(status.runs))[:MOST_RUNS]:
        where = "" if run.place is None else wording.where_of(run.place)
        cells = (run.state, wording.progress_of(run), wording.rate_of(run), wording.accuracy_of(run))
        table.add_row(Text(wording.run_name(run)), *map(Text, (*cells, wording.left_of(run), where)))
    return table


def _interim_networks(status: Status) -> Table:
    assert status.interim is not None
    interim = status.interim
    table = _table("network", "seeds", f"{interim.measure} ({interim.sure})")
    for each in interim.networks:
        table.add_row(Text(each.name), str(each.seeds), each.text)
    return table


def _interim_pairs(status: Status) -> Table:
    assert status.interim is not None
    interim = status.interim
    table = _table("pair", f"{interim.heading} ({interim.sure} for all pairs)", "at this look")
    for pair in interim.pairs:
        table.add_row(Text(f"{pair.a} - {pair.b}"), pair.text, Text(wording.at_look(pair)))
    return table


def _path(status: Status) -> str:
    return status.folder if not status.folder.startswith("-") else f"./{status.folder}"
