"""The folders of comparisons, runs and studies, found by what is in them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from skipwise.core.errors import SkipwiseError
from skipwise.watching.plans import ComparisonPart, StudyPart, read_plan

Work = Literal["comparison", "study", "run", "damaged"]

DEEPEST = 4
"""Folders below the one that is named, in which works are looked for."""
MOST = 20_000
"""Entries of folders that are looked at, at most."""
OF_A_RUN = ("terms.json", "run.json", "metrics.jsonl", "heartbeat.json")


def work_in(folder: Path) -> Work | None:
    """Returns the kind of work in a folder; None where there is none."""
    path = folder / "plan.json"
    if path.is_file():
        try:
            plan = read_plan(path)
        except SkipwiseError:
            return "damaged"
        if isinstance(plan, ComparisonPart):
            return "comparison"
        if isinstance(plan, StudyPart):
            return "study"
    return "run" if any((folder / name).is_file() for name in OF_A_RUN) else None


def works_below(top: Path) -> Iterator[tuple[Path, Work]]:
    """The works below a folder, in order, but for those that are a part of another one. Links are not followed."""
    seen, waiting = 0, [(top, 0)]
    while waiting:
        folder, depth = waiting.pop()
        for inner in folders_in(folder):
            seen += 1
            if seen > MOST:
                return
            try:
                found = work_in(inner)
            except OSError:
                continue
            if found is not None:
                yield inner, found
            elif depth + 1 < DEEPEST:
                waiting.append((inner, depth + 1))


def folders_in(folder: Path) -> list[Path]:
    """The folders in a folder, hidden ones and links left out; [] where it can't be read."""
    try:
        entries = list(os.scandir(folder))
    except OSError:  # removed, or somebody else's
        return []
    return sorted(
        Path(entry.path) for entry in entries if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
    )
