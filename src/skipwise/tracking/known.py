"""The file that keeps which runs a tracker has, so that a comparison that goes on continues the same ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.json_records import read_json, write_json
from skipwise.tracking.records import KnownRun


@dataclass(frozen=True, kw_only=True)
class Known:
    """The runs that a tracker has of one folder.

    Args:
        where: the server, project or folder that has them.
        runs: what it has, by the key of the run; see `TrackedRun`.
    """

    where: str
    runs: dict[str, KnownRun] = field(default_factory=dict)


def known_file(folder: Path, tracker: str) -> Path:
    """Returns the file in the folder of a comparison or run that keeps what a tracker has of it."""
    return folder / f"tracking-{tracker}.json"


def read_known(folder: Path, tracker: str, where: str) -> Known:
    """Reads what a tracker has. Where that can't be read, or it was another server, nothing is known."""
    path = known_file(folder, tracker)
    if path.is_file():
        try:
            found = read_json(path, Known)
        except SkipwiseError:
            return Known(where=where)
        if found.where == where:
            return found
    return Known(where=where)


def write_known(folder: Path, tracker: str, known: Known) -> None:
    """Keeps what a tracker has."""
    write_json(known_file(folder, tracker), known)


def find_known(folder: Path, tracker: str, where: str, *, title: str) -> KnownRun:
    """The run that a tracker has of a folder: that of `train`, or one of a comparison.

    Raises:
        SkipwiseError: it was told of no such run.
    """
    home = folder.resolve()
    for place, key in ((home, ""), (home.parent.parent, f"{home.parent.name}/{home.name}")):
        found = read_known(place, tracker, where).runs.get(key)
        if found is not None:
            return found
    raise SkipwiseError(
        f"{title} ({where}) has no run of {folder}; train it with --track {tracker}, or leave --track out."
    )
