"""Weights of runs that were removed to save space: recorded, and named with the command that trains them again.

`dropped.json` in the run's folder is written before the weights are removed. Where both are there, a kill came between;
the weights count.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.checksums import read_sealed, sha256, write_sealed
from skipwise.core.files.os_errors import explained
from skipwise.core.text import command
from skipwise.training.folder.names import WEIGHTS

DROPPED = "dropped.json"


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """The record of weights that were removed.

    Args:
        sha256: of the file.
        size: of the file, in bytes.
        why: a phrase.
    """

    sha256: str
    size: int
    why: str


def drop_weights(folder: Path, why: str) -> int:
    """Removes the weights of a finished run; returns how many bytes that freed.

    Args:
        folder: of the run.
        why: a phrase.

    Raises:
        SkipwiseError: the disk is full or read-only.
    """
    weights = folder / WEIGHTS
    if not weights.is_file():
        return 0
    size = weights.stat().st_size
    write_sealed(folder / DROPPED, Dropped(sha256=sha256(weights), size=size, why=why))
    with explained(weights):
        weights.unlink()
    return size


def weights_hash(folder: Path) -> str | None:
    """The SHA-256 of the weights of a run, also of those that were dropped; None where there are none.

    Raises:
        SkipwiseError: the record of what was dropped is damaged.
    """
    if (folder / WEIGHTS).is_file():
        return sha256(folder / WEIGHTS)
    dropped = folder / DROPPED
    return read_sealed(dropped, Dropped).sha256 if dropped.is_file() else None


def has_dropped_weights(folder: Path) -> bool:
    """Returns whether the weights of a run were removed to save space."""
    return (folder / DROPPED).is_file() and not (folder / WEIGHTS).is_file()


def need_weights(folder: Path) -> Path:
    """Returns the weights of a finished run.

    Raises:
        SkipwiseError: they are gone; the sentence says how to get them back.
    """
    weights = folder / WEIGHTS
    if weights.is_file():
        return weights
    was = "were dropped to save space" if (folder / DROPPED).is_file() else "are gone"
    if (folder.absolute().parent.parent / "plan.json").is_file():
        again = f"train them again with: {command('skipwise', 'restore', folder)}"
    else:
        again = "train it again"
    raise SkipwiseError(f"The weights of the run in {folder} {was}; {again}")
