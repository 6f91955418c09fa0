"""Files that may go in the folders of comparisons, runs and studies."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skipwise.cleaning.measured import last_used, size_of
from skipwise.cleaning.record import Kind, Removable
from skipwise.comparison.plan.layout import COSTS, CURVE, PLAN, REPORT, RESULTS
from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.restore import WORK
from skipwise.comparison.run.keeping import Merit, merit_of
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.atomic import leftovers
from skipwise.core.files.checksums import KEY, read_sealed
from skipwise.core.files.json_records import read_json
from skipwise.core.text import command
from skipwise.core.workspace.heartbeat import HEARTBEAT
from skipwise.data.location import FILE as LOCATION
from skipwise.nets.external import is_external
from skipwise.training.folder.names import CHECKPOINT, RECORD, TUNING, WEIGHTS, previous
from skipwise.training.folder.record import read_run
from skipwise.watching.found import Work, folders_in, works_below
from skipwise.watching.presence import at_work

RUNS_IN = ("runs", TUNING, CURVE)
"""The folders of a comparison that hold runs."""


@dataclass(frozen=True, kw_only=True)
class References:
    """References to runs: by exported networks, comparisons that include them, and networks that started from them.

    Args:
        weights: the SHA-256 of weights.
        folders: of runs, as they were named.
    """

    weights: set[str] = field(default_factory=set)
    folders: set[Path] = field(default_factory=set)

    def include(self, run: Path) -> bool:
        """Whether a comparison includes a run. Where its command was given is not known, so that the end of the path of
        a run has to do where it was named from there."""
        place = run.resolve()
        for folder in self.folders:
            parts = [part for part in folder.parts if part not in (".", "..")]
            if folder.resolve() == place or (not folder.is_absolute() and place.parts[-len(parts) :] == tuple(parts)):
                return True
        return False


def works_in(folder: Path) -> list[tuple[Path, Work]]:
    """The works in a folder, or the folder itself; a study stands for itself and for its comparisons."""
    from skipwise.watching.found import work_in

    itself = work_in(folder)
    found = [(folder, itself)] if itself is not None else list(works_below(folder))
    inner = [(each, "comparison") for home, kind in found if kind == "study" for each in _comparisons_in(home)]
    return [*found, *inner]  # type: ignore[list-item]


def removable(works: list[tuple[Path, Work]], references: References, *, before: float) -> Iterator[Removable]:
    """Lists what may go in these works; nothing in those that a process is at work in.

    Args:
        before: the time, in seconds since 1970, before which unfinished work has to be changed last to be abandoned.
    """
    for home, kind in works:
        if kind == "damaged" or at_work(home) is not None or is_used(home):
            continue
        if (home.parent / PLAN).is_file() and at_work(home.parent) is not None:  # a study needs its comparisons
            continue
        runs = [home] if kind == "run" else [run for part in RUNS_IN for run in folders_in(home / part)]
        yield from _leftovers(home, [home, *runs])
        for run in runs:
            if at_work(run) is None:
                yield from _checkpoints(run, home, before=before)
        if kind == "comparison":
            yield from _restoring(home, before=before)
            yield from _weights(home, runs, references)


def is_used(home: Path) -> bool:
    """Whether a part of a work is at work: a worker may outlive the process that it works for."""
    return any(at_work(run) is not None for part in RUNS_IN for run in folders_in(home / part))


def references_of(works: list[tuple[Path, Work]], artifacts: list[Path]) -> References:
    """Returns the runs that these works, and exported networks, refer to."""
    found = References()
    for record in artifacts:
        found.weights.update(_texts(record, "provenance", "weights"))
    for home, kind in works:
        if kind == "run":
            found.weights.update(_texts(home / "terms.json", "spec", "init"))
        elif kind == "comparison":
            plain = _plain(home / PLAN)
            starts = plain.get("init")
            for start in starts.values() if isinstance(starts, dict) else ():
                found.weights.update([start["sha256"]] if isinstance(start, dict) and "sha256" in start else [])
            included = plain.get("included")
            for each in included if isinstance(included, list) else ():
                if isinstance(each, dict) and isinstance(each.get("folder"), str):
                    found.folders.add(Path(each["folder"]))
    return found


def artifacts_below(folder: Path) -> list[Path]:
    """The records of exported networks below a folder."""
    found = []
    for top, inner, files in os.walk(folder):
        if "artifact.json" in files:
            found.append(Path(top) / "artifact.json")
        if len(Path(top).relative_to(folder).parts) >= 4:
            inner.clear()
    return found


def _comparisons_in(study: Path) -> list[Path]:
    return [inner for inner in folders_in(study) if (inner / PLAN).is_file()]


def _leftovers(home: Path, folders: list[Path]) -> Iterator[Removable]:
    """Files that a killed process was writing, and its heartbeat."""
    again = "nothing is lost"
    for folder in folders:
        for path in leftovers(folder):
            yield _file(path, "leftover", "a process was killed while it wrote this", again, home)
        if (folder / HEARTBEAT).is_file():
            yield _file(folder / HEARTBEAT, "leftover", "the process that wrote this is gone", again, home)


def _checkpoints(run: Path, home: Path, *, before: float) -> Iterator[Removable]:
    """The saved states of a run that has ended, or that is abandoned."""
    there = [path for path in (run / CHECKPOINT, previous(run / CHECKPOINT)) if path.is_file()]
    if not there:
        return
    if (run / RECORD).is_file():
        for path in there:
            yield _file(path, "leftover", "its run has ended", "nothing is lost", home)
    elif max(path.stat().st_mtime for path in there) < before:
        for path in there:
            yield _file(path, "checkpoint", "its run was stopped, and nobody went on", "the run begins anew", home)


def _restoring(home: Path, *, before: float) -> Iterator[Removable]:
    place = home / WORK
    if place.is_dir() and not place.is_symlink() and last_used(place) < before and not is_used(place):
        size = size_of(place)
        why, again = "'skipwise restore' was stopped, and nobody went on", "it begins anew"
        yield Removable(kind="checkpoint", path=place, size=size, why=why, again=again, home=home)


def _weights(home: Path, runs: list[Path], references: References) -> Iterator[Removable]:
    """Weights of a finished comparison's runs that nothing refers to and that can be trained again. Each network keeps
    those of the run that did best on the validation images."""
    if not all((home / name).is_file() for name in (RESULTS, COSTS, REPORT, LOCATION)):
        return
    best: dict[str, tuple[Merit, Path]] = {}
    able: list[tuple[Path, str]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            plan = read_sealed(home / PLAN, Plan)
            for run in runs:
                if not (run / WEIGHTS).is_file() or not (run / RECORD).is_file():
                    continue
                record = read_run(run)
                model = record.spec.model
                if record.status != "finished" or is_external(model):  # whose code may be another by now
                    continue
                if run.parent.name == RUNS_IN[0]:
                    merit = merit_of(plan, run, record)
                    best[model] = max(best.get(model, (merit, run)), (merit, run))
                able.append((run, model))
        except SkipwiseError:  # damaged: nothing of it is touched
            return
    kept = {run for _, run in best.values()}
    for run, _ in able:
        sums = _plain(run / RECORD).get(KEY)
        digest = sums.get(WEIGHTS) if isinstance(sums, dict) else None
        if run in kept or digest is None or digest in references.weights or references.include(run):
            continue
        why = "another run of its network did better on the validation images, and nothing refers to this one"
        again = command("skipwise", "restore", run)
        yield _file(run / WEIGHTS, "weights", why, again, home)


def _file(path: Path, kind: Kind, why: str, again: str, home: Path) -> Removable:
    return Removable(kind=kind, path=path, size=path.stat().st_size, why=why, again=again, home=home)


def _plain(path: Path) -> dict[str, Any]:
    try:
        return read_json(path, dict[str, Any])
    except SkipwiseError:
        return {}


def _texts(path: Path, *keys: str) -> list[str]:
    """The text at some place of a record; [] where there is none."""
    found: Any = _plain(path)
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return [found] if isinstance(found, str) else []
