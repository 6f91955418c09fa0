"""The status as a page: one light file that opens offline, and reads itself again while it is written again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from skipwise.core.files.atomic import write_text
from skipwise.pages import render
from skipwise.watching import wording
from skipwise.watching.record import Status

ELSEWHERE = "name another file with --page"


def write_page(path: Path, status: Status, *, again: float | None) -> None:
    """Writes the page, whole or not at all.

    Args:
        again: the seconds after which a browser reads it again; None where it is not written again.

    Raises:
        SkipwiseError: it can't be written.
    """
    write_text(path, page_of(status, again=again), mend=ELSEWHERE)


def page_of(status: Status, *, again: float | None) -> str:
    """The page as text; see `write_page`."""
    return render(
        "status.html",
        title=f"{wording.NOUNS[status.kind]} {status.folder}",
        again=None if again is None else max(1, round(again)),
        written=time.strftime("%Y-%m-%d %H:%M:%S %Z"),
        work=_work(status),
        parts=[_work(part) for part in _flat(status)],
    )


def _flat(status: Status) -> list[Status]:
    """The parts, and theirs."""
    return [each for part in status.parts for each in (part, *_flat(part))]


def _work(status: Status) -> dict[str, Any]:
    runs = list(status.all_runs)
    total = max(len(runs), 1)
    states = {state: sum(run.state == state for run in runs) for state in wording.STATES}
    return {
        "name": status.folder,
        "state": status.state,
        "headline": wording.headline(status),
        "counted": wording.counted(status),
        "expected": wording.expectation(status),
        "silences": wording.silences(status),
        "bar": [(state, states[state] / total * 100) for state in ("done", "failed", "running") if states[state]],
        "networks": [
            {"name": model, "mean": mean, **{state: counts[state] for state in wording.STATES}}
            for model, counts, mean in (wording.by_network(status.runs) if status.kind == "comparison" else [])
        ],
        "runs": [
            {
                "name": wording.run_name(run),
                "state": run.state,
                "progress": wording.progress_of(run),
                "rate": wording.rate_of(run),
                "accuracy": wording.accuracy_of(run),
                "left": wording.left_of(run),
                "where": "" if run.place is None else wording.where_of(run.place),
            }
            for run in (status.runs if status.kind == "run" else wording.chosen_runs(status.runs))
        ],
        "interim_title": wording.interim_title(status),
        "interim": status.interim,
        "pairs": [
            (f"{pair.a} - {pair.b}", pair.text, wording.at_look(pair))
            for pair in (() if status.interim is None else status.interim.pairs)
        ],
        "next_cost": status.next_cost,
        "peeking": wording.peeking(status),
    }
