"""The records of work whose folder was copied to an address. Nothing else of it is fetched."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from skipwise.comparison.plan.layout import REPORT
from skipwise.core.remote.copies import copied, known, named
from skipwise.watching.record import Place, Status

PART = "records"
"""The name of this part of what lies at an address."""
KINDS = (".json", ".jsonl")
"""Suffixes of records. Weights, predictions and saved states are left where they are."""


@contextlib.contextmanager
def records_at(address: str | os.PathLike[str]) -> Iterator[tuple[Path, Callable[[Status], Status]]]:
    """A copy of the records below an address, as new as what lies there, and a function that names the address in a
    status.

    Within it errors name the address, too.

    Raises:
        SkipwiseError: the address can't be read, or holds no records.
    """
    shown = known(address).rstrip("/")
    path = copied(address, skip=_is_no_record, part=PART)
    with named(path, shown):
        yield path, lambda status: _told(status, str(path), shown)


def _is_no_record(name: str) -> bool:
    file = name.rpartition("/")[2]
    return not file.endswith(KINDS) and file != REPORT


def _told(status: Status, path: str, address: str) -> Status:
    return replace(
        status,
        folder=status.folder.replace(path, address),
        problem=status.problem.replace(path, address),
        place=_heard(status.place),
        runs=tuple(replace(run, place=_heard(run.place)) for run in status.runs),
        parts=tuple(_told(part, path, address) for part in status.parts),
    )


def _heard(place: Place | None) -> Place | None:
    """The same without a word on its clock: a file's time at an address is when it was copied there."""
    return None if place is None else replace(place, clock_off=0.0)
