"""Work that goes on, and what is left of it, in a notebook."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from skipwise.cleaning.record import Cleaning
from skipwise.comparison.restore import Restored
from skipwise.core.text import byte_size, count
from skipwise.deploy.hub.push import Pushed
from skipwise.pages import card
from skipwise.watching import wording
from skipwise.watching.record import Status

MOST_ROWS = 15


def status(found: Status) -> str:
    """The progress of the work, its runs, and what the last look has shown."""
    first, *rest = _parts(found)
    return card.card(card.lead(wording.headline(found), "bad" if found.state == "damaged" else ""), first, *rest)


def _parts(found: Status) -> Iterator[Markup]:
    yield card.said([wording.counted(found), wording.expectation(found), *wording.silences(found)])
    if found.state in ("damaged", "waiting"):
        return
    runs = list(found.runs) if found.kind == "run" else wording.chosen_runs(found.runs)
    rows = [
        (wording.run_name(run), run.state, wording.progress_of(run), wording.accuracy_of(run), wording.left_of(run))
        for run in runs[:MOST_ROWS]
    ]
    yield card.table(("run", "state", "progress", "validation", "time"), rows, left=2)
    if found.interim is not None:
        pairs = [(f"{pair.a} - {pair.b}", wording.at_look(pair), pair.text) for pair in found.interim.pairs[:MOST_ROWS]]
        heading = f"{found.interim.heading} ({found.interim.sure} for all pairs)"
        yield card.table(("pair", "at this look", heading), pairs, left=2, caption=wording.interim_title(found))
    yield card.said([found.next_cost, wording.peeking(found)])
    for part in found.parts[:MOST_ROWS]:
        yield card.said([wording.headline(part)])
        yield from _parts(part)


def cleaning(found: Cleaning) -> str:
    """The list of what may go, or of what was freed, and what was left."""
    if found.done:
        lead = f"Freed {byte_size(found.freed)}."
    elif found.found:
        lead = f"{byte_size(found.size)} in {count(len(found.found), 'file')} may go. Nothing was removed."
    else:
        lead = "Nothing may go."
    rows = [(str(each.path), each.kind, each.why, each.again, byte_size(each.size)) for each in found.found[:MOST_ROWS]]
    more = len(found.found) - MOST_ROWS
    return card.card(
        card.lead(lead),
        card.table(("what", "kind", "why it may go", "to get it back", "size"), rows, left=4),
        card.said([f"And {more:,} more." if more > 0 else ""], soft=True),
        card.listed([f"Left {each.path}: {each.why}" for each in found.left]),
    )


def restored(found: Restored) -> str:
    """Whether the run has its weights again."""
    again = "The run has its weights again, and they are the same bytes."
    lead = card.lead("The run had its weights." if found.repeated else again, "sure")
    return card.card(lead, card.where(("Run", found.folder)))


def pushed(found: Pushed) -> str:
    """The place of the network on the Hub."""
    places = card.where(("Address", found.url), ("Sent", found.folder))
    return card.card(card.lead(f"{found.name} is on the Hub."), places)
