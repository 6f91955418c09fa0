"""A status in words, once for all who read it: terminal, plain lines and page."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence

from skipwise.comparison.results.interim import InterimPair
from skipwise.core.text import count, duration
from skipwise.watching.presence import SILENT
from skipwise.watching.record import Expected, Place, RunState, RunStatus, Status

NOUNS = {"comparison": "Comparison", "run": "Run", "study": "Study", "folder": "Folder"}
STATES: tuple[RunState, ...] = ("done", "running", "waiting", "failed")


def headline(status: Status) -> str:
    """Describes the work and its state in a line."""
    what = f"{NOUNS[status.kind]} {status.folder}" + (f" ({status.about})" if status.about else "")
    match status.state:
        case "finished":
            return f"{what}: finished{f'; {status.result}' if status.result else ''}."
        case "running":
            where = "" if status.place is None else f" on {where_of(status.place)}"
            # That a run is trained goes without saying.
            said = status.doing if status.kind != "run" or status.doing != "Training" else ""
            doing = f"; {said[0].lower()}{said[1:]}" if said else ""
            return f"{what}: running{where}{doing}."
        case "waiting":
            return f"{what}: not begun."
        case "damaged":
            return f"{what}: can't be read. {status.problem}"
        case _ if status.kind == "folder":
            return f"{what}: nothing is running."
    return f"{what}: unfinished, and nobody is seen working on it; the command that began it continues it."


def where_of(place: Place) -> str:
    """The machine and the process: "node7, process 4711"."""
    return f"{place.host}, process {place.pid}"


def counted(status: Status) -> str:
    """Counts the runs, and says how fast they are: "12 of 20 runs done, 2 running (2,400 images/s), 6 waiting"."""
    runs = list(status.all_runs)
    if not runs:
        return ""
    states = Counter(run.state for run in runs)
    speed = sum(run.images_per_second or 0.0 for run in runs if run.state == "running")
    rate = f" ({speed:,.0f} training images/s)" if speed else ""
    parts = [f"{states['done']:,} of {count(len(runs), 'run')} done"]
    parts += [f"{states['running']:,} running{rate}"] if states["running"] else []
    parts += [f"{states[state]:,} {state}" for state in ("waiting", "failed") if states[state]]
    return f"{', '.join(parts)}."


def expectation(status: Status) -> str:
    """States when the next look and the answer are expected; "" where nobody works on it."""
    if status.state != "running" or status.kind not in ("comparison", "run"):
        return ""
    following, last = status.next_look, status.last_look
    if following is None:
        return "How long it takes is not known yet."
    if following.limit:
        return f"The time limit ends {_when(following)}, and with it the comparison."
    if following.seeds is None:
        return f"It is expected to end {_when(following)}."
    if last is None:
        return f"The answer is expected {_when(following)}, after {count(following.seeds, 'seed')} of each network."
    return (
        f"The look after {count(following.seeds, 'seed')} is expected {_when(following)}, and the answer then, or "
        f"{_when(last)}, after {count(last.seeds or 0, 'seed')}, if all looks are needed."
    )


def silences(status: Status) -> list[str]:
    """Names processes that were not heard of for long, and clocks that are off, a sentence each."""
    found = []
    for what, place in _places(status):
        if place.heard is not None and place.heard > SILENT:
            found.append(f"{what} on {where_of(place)} was not heard of for {duration(place.heard)}.")
    off = {place.host: place.clock_off for _, place in _places(status) if place.clock_off}
    for host, seconds in off.items():
        way = "ahead of" if seconds > 0 else "behind"
        found.append(f"The clock of {host} is {duration(abs(seconds))} {way} that of the disk; nothing depends on it.")
    return found


def _places(status: Status) -> Iterable[tuple[str, Place]]:
    if status.place is not None and status.kind != "run":
        yield status.folder, status.place
    for run in status.runs:
        if run.place is not None:
            yield run_name(run), run.place


def run_name(run: RunStatus) -> str:
    """A run as it is called in sentences: "resnet18, seed 3"."""
    fold = "" if run.fold is None else f", fold {run.fold}"
    kind = ", tuning" if run.folder.startswith("tuning/") else ""
    if run.folder.startswith("curve/"):
        kind = f", a {run.folder.rpartition('-')[2]} of the images"
    return f"{run.model or 'run'}, seed {run.seed}{fold}{kind}"


def progress_of(run: RunStatus) -> str:
    """The progress of a run: "epoch 4 of 15"."""
    if run.state == "failed":
        return run.reason or "failed"
    if not run.epoch and run.state == "waiting":
        return ""
    return f"epoch {run.epoch}" + (f" of {run.epochs}" if run.epochs is not None else "")


def rate_of(run: RunStatus) -> str:
    """The training images per second."""
    return "" if run.images_per_second is None else f"{run.images_per_second:,.0f}"


def accuracy_of(run: RunStatus) -> str:
    """The accuracy on the validation images."""
    return "" if run.val_accuracy is None else f"{run.val_accuracy * 100:.2f}%"


def left_of(run: RunStatus) -> str:
    """The time that a run still takes, or took."""
    if run.state == "running":
        return "" if run.left is None else f"about {duration(run.left)} left"
    return "" if run.seconds is None or run.state == "failed" else f"took {duration(run.seconds)}"


def interim_title(status: Status) -> str:
    """Names the interim results in a sentence; "" where there are none."""
    interim = status.interim
    if interim is None:
        return ""
    return (
        f"Interim, from the look after {count(interim.looks[-1], 'seed')} (look {len(interim.looks)} of "
        f"{len(interim.planned)}):"
    )


def at_look(pair: InterimPair) -> str:
    """The verdict of the last look on a pair: "resnet18 is better", or that it is open."""
    if pair.verdict in ("better", "worse"):
        return f"{pair.a if pair.verdict == 'better' else pair.b} is better"
    return "open" if pair.verdict == "unresolved" else pair.verdict


def peeking(status: Status) -> str:
    """Warns of deciding by what is seen so far; "" where nothing is seen."""
    if status.kind != "comparison" or status.state == "finished" or status.state == "damaged":
        return ""
    if status.interim is None:
        return (
            "Nothing was judged yet. Accuracies on validation images show that training works, and no more: whoever "
            "stops when they look good is wrong more often than the comparison promises."
        )
    return (
        "A pair that this look has settled stays settled. The rest is interim: the intervals are made for the looks of "
        "the plan, and whoever stops in between, because a difference looks good just then, is wrong more often than "
        "the comparison promises."
    )


def line(status: Status) -> str:
    """The status in one plain line, for a log."""
    when = time.strftime("%H:%M:%S")
    parts = [counted(status), expectation(status)] if status.state == "running" else [headline(status), counted(status)]
    return " ".join([when, *filter(None, parts)])


def chosen_runs(runs: Sequence[RunStatus]) -> list[RunStatus]:
    """The runs that a person wants to see one by one: those that are running, were interrupted or have failed."""
    return [run for run in runs if run.state in ("running", "failed") or (run.state == "waiting" and run.epoch)]


def by_network(runs: Sequence[RunStatus]) -> list[tuple[str, Counter[RunState], str]]:
    """For each network how many of its runs are in which state, and the mean validation accuracy of those done."""
    found = []
    for model in dict.fromkeys(run.model for run in runs):
        own = [run for run in runs if run.model == model]
        reached = [
            run.val_accuracy
            for run in own
            if run.state == "done" and run.val_accuracy is not None and not run.folder.startswith(("tuning/", "curve/"))
        ]
        mean = f"{sum(reached) / len(reached) * 100:.2f}%" if reached else ""
        found.append((model, Counter(run.state for run in own), mean))
    return found


def _when(expected: Expected) -> str:
    """In how long, and at what time: "in about 12 min (15:20)"."""
    then = time.localtime(time.time() + expected.seconds)
    day = "" if expected.seconds < 12 * 3600 else time.strftime("%Y-%m-%d ", then)
    return f"in about {duration(expected.seconds)} ({day}{time.strftime('%H:%M', then)})"
