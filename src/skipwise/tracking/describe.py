"""Runs and comparisons as trackers show them: their names, and the parameters of their plans."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from skipwise.comparison.plan.arguments import arguments
from skipwise.comparison.plan.plan import Plan
from skipwise.core.text import count
from skipwise.tracking.records import TrackedRun, Value
from skipwise.training.folder.names import TUNING
from skipwise.training.folder.record import RunSpec
from skipwise.training.planning.plan import RunPlan

LONGEST = 500
"""The most letters of a parameter; class names can be many."""


def described(plan: Plan | RunPlan, folder: Path) -> TrackedRun:
    """The comparison of a plan, or the run of `train`."""
    name = folder.resolve().name
    if isinstance(plan, RunPlan):
        of_spec = _of_spec(plan.spec)
        # Tools let no parameter change, and what is tuned is known at the end.
        open_ones = set() if plan.tuning is None else set(plan.tuning.names)
        of_spec = {key: value for key, value in of_spec.items() if key.rpartition(".")[2] not in open_ones}
        parameters = {"data": plan.data, **_counts(plan), **of_spec}
        return TrackedRun(key="", name=name, kind="run", group=name, parameters=parameters)
    said = {name: _value(value) for name, value in arguments(plan).said().items()}
    parameters = {"data": plan.data, "classes": len(plan.classes), **_counts(plan), **said}
    return TrackedRun(key="", name=name, kind="comparison", group=name, parameters=parameters)


def as_tuned(run: TrackedRun, spec: RunSpec) -> TrackedRun:
    """The run of `train` with the hyperparameters that it got in the end."""
    return replace(run, parameters={**run.parameters, **_of_spec(spec)})


def described_run(spec: RunSpec, key: str, group: str) -> TrackedRun:
    """One run of a comparison."""
    tuning, share = key.startswith(f"{TUNING}/"), spec.share_of_images
    name = f"{spec.model} seed {spec.seed}"
    if spec.fold is not None:
        name += f" fold {spec.fold[0]}"
    if share < 1:
        name += f" on {100 * share:g}% of the training images"
    if tuning:
        trial = re.search(r"(?:^|-)t(\d+)(?:-e\d+)?$", key.rpartition("/")[2])
        what = f"lr {spec.recipe.lr:.3g}" if trial is None else f"trial {trial[1]}"
        name = f"{spec.model} {what} for {count(spec.recipe.epochs, 'epoch')}"
    return TrackedRun(key=key, name=name, kind="tuning" if tuning else "run", group=group, parameters=_of_spec(spec))


def _counts(plan: Plan | RunPlan) -> dict[str, Value]:
    return {f"images.{split}": count for split, count in plan.split_images.items()}


def _of_spec(spec: RunSpec) -> dict[str, Value]:
    said: dict[str, Value] = {
        "model": spec.model,
        "seed": spec.seed,
        "stem": spec.stem,
        "width": spec.width,
        "img_size": spec.preprocessing.size,
        "classes": len(spec.classes),
        "fingerprint": spec.fingerprint,
    }
    if spec.init is not None:
        said["init"] = spec.init
    recipe = {f"recipe.{name}": value for name, value in _flat(msgspec.to_builtins(spec.recipe)).items()}
    execution = {f"execution.{name}": value for name, value in _flat(msgspec.to_builtins(spec.execution)).items()}
    return {**said, **recipe, **execution}


def _flat(record: Mapping[str, Any], prefix: str = "") -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        elif value is not None:
            found[f"{prefix}{name}"] = _value(value)
    return found


def _value(value: object) -> Value:
    if isinstance(value, bool | int | float):
        return value
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
