"""Records for trackers: a run, and how it ended; and what is known of a run that was tracked before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Value = str | int | float | bool
Table = Mapping[str, list[Any]]
"""Columns by their headings."""


@dataclass(frozen=True, kw_only=True)
class TrackedRun:
    """A run of Skipwise's, or a whole comparison, as a tracker is told of it.

    Args:
        key: the run's folder in that of the comparison; "" for the comparison itself, and for the run of `train`.
        name: what people call it, such as "resnet18 seed 0".
        kind: "comparison", "run", or "tuning" for a run that only chooses hyperparameters.
        group: the name of the comparison's folder, or of the run's.
        parameters: the recipe, the network and the images, by name.
    """

    key: str
    name: str
    kind: Literal["comparison", "run", "tuning"]
    group: str
    parameters: Mapping[str, Value]


@dataclass(frozen=True, kw_only=True)
class KnownRun:
    """A run that was tracked before.

    Args:
        id: the tracker's own name of it.
        epoch: the last epoch that the tracker has.
        ended: whether the tracker has its end, too.
    """

    id: str
    epoch: int = 0
    ended: bool = False


@dataclass(frozen=True, kw_only=True)
class Ending:
    """The contents of the log at the end of a run or a comparison.

    Args:
        status: "finished" or "failed".
        epoch: the last one.
        metrics: numbers by name.
        text: a summary in Markdown; "" for none.
        tables: tables by name.
        figures: drawings by name, each the text of an SVG file.
        files: records and pages to keep.
        weights: files of weights to keep: those of `train`; a comparison's runs are many.
    """

    status: Literal["finished", "failed"]
    epoch: int = 0
    metrics: Mapping[str, float]
    text: str = ""
    tables: Mapping[str, Table] = field(default_factory=dict)
    figures: Mapping[str, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    weights: tuple[Path, ...] = ()
