"""The status of a run, from its folder."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from skipwise.core.text import count
from skipwise.training.folder.names import CHECKPOINT, METRICS, RECORD, TUNING, previous
from skipwise.watching.plans import EpochPart, RecipePart, RecordPart, RunPlanPart, read_epochs, read_part
from skipwise.watching.presence import Presence, at_work
from skipwise.watching.record import Expected, Place, RunStatus, Status

FRESH = 600.0
"""Seconds since a file of a run was written, up to which the run is taken for running where its process writes no
heartbeat, as those of earlier versions do not, and the comparison's is at work."""


def run_status(
    folder: Path, run: RunStatus, *, recipe: RecipePart | None, train_images: int, by: Place | None
) -> RunStatus:
    """The status of a run.

    Args:
        folder: its folder.
        run: what is known of it beforehand.
        recipe: its recipe; None where it is not known.
        train_images: the number of its training images; 0 where that is not known.
        by: the process that carries out its comparison; None where none is seen.
    """
    record = read_part(folder / RECORD, RecordPart)
    if record is not None:
        return _ended(run, record, train_images)
    epochs = read_epochs(folder)
    run = replace(run, epoch=epochs[-1].epoch if epochs else 0, epochs=None if recipe is None else recipe.epochs)
    run = replace(run, images_per_second=_rate(epochs, recipe, train_images), val_accuracy=_accuracy(epochs))
    present = at_work(folder)
    if present is not None and present.said is not None:
        return replace(run, state="running", place=present.place, left=_left(present))
    if by is not None and last_written(folder) > time.time() - FRESH:
        return replace(run, state="running", place=Place(host=by.host, pid=by.pid))
    return replace(run, state="waiting")


def single_run(folder: Path) -> Status:
    """The status of a run that `train` began, or of one in the folder of a comparison."""
    plan = read_part(folder / "terms.json", RunPlanPart)
    record = read_part(folder / RECORD, RecordPart)
    spec = plan.spec if plan is not None else None if record is None else record.spec
    present = at_work(folder)
    known = RunStatus(
        folder=".",
        model="" if spec is None else spec.model,
        seed=0 if spec is None else spec.seed,
        fold=None if spec is None or spec.fold is None else spec.fold[0],
        state="waiting",
    )
    images = 0 if plan is None else plan.split_images.get("train", 0)
    run = run_status(
        folder,
        known,
        recipe=None if spec is None else spec.recipe,
        train_images=images,
        by=None if present is None else present.place,
    )
    about = [] if plan is None else [plan.data]
    about += [] if spec is None else [f"{spec.model}, seed {spec.seed}"]
    ended = run.state in ("done", "failed")
    left = run.left if run.state == "running" else None
    return Status(
        folder=str(folder),
        kind="run",
        state="finished" if ended else "running" if present is not None or run.state == "running" else "stopped",
        about=": ".join(about),
        place=None if ended or present is None else present.place,
        doing="Training" if run.state == "running" else _tuning(folder, plan) if present is not None else "",
        runs=(run,),
        next_look=None if left is None else Expected(seeds=None, seconds=left),
        result=_result(run, record) if ended else "",
        problem="" if ended or not (folder / RECORD).exists() else f"{folder / RECORD} can't be read.",
    )


def _tuning(folder: Path, plan: RunPlanPart | None) -> str:
    """The progress of the runs that tune for a run; "" where it is not tuned."""
    if plan is None or plan.tuning is None:
        return ""
    return f"Tuning: {count(len(list(folder.glob(f'{TUNING}/*/{RECORD}'))), 'run')} done"


def _ended(run: RunStatus, record: RecordPart, train_images: int) -> RunStatus:
    recipe = record.spec.recipe
    images = _images(recipe, train_images) * recipe.epochs if record.spec.time_limit is None else 0
    return replace(
        run,
        state="failed" if record.status == "failed" else "done",
        epoch=recipe.epochs if record.status != "failed" else 0,
        epochs=recipe.epochs,
        images_per_second=images / record.seconds if images and record.seconds and record.status != "failed" else None,
        val_accuracy=None if record.val is None else record.val.accuracy,
        seconds=record.seconds,
        reason=record.reason or "",
    )


def _result(run: RunStatus, record: RecordPart | None) -> str:
    if run.state == "failed":
        return f"failed: {run.reason}"
    tested = None if record is None or record.test is None else record.test.accuracy
    return "" if tested is None else f"{tested * 100:.2f}% of the test images right"


def _images(recipe: RecipePart, train_images: int) -> int:
    """The training images of an epoch: whole batches, or the steps of a run that has less than an epoch."""
    return recipe.batch_size * (recipe.steps or train_images // max(recipe.batch_size, 1))


def _rate(epochs: list[EpochPart], recipe: RecipePart | None, train_images: int) -> float | None:
    if not epochs or recipe is None or epochs[-1].seconds <= 0:
        return None
    return _images(recipe, train_images) / epochs[-1].seconds or None


def _accuracy(epochs: list[EpochPart]) -> float | None:
    return None if not epochs or epochs[-1].val is None else epochs[-1].val.accuracy


def _left(present: Presence) -> float | None:
    """The estimate of the process, less the time since it made it."""
    if present.said is None or present.said.left is None:
        return None
    left = present.said.left - (present.place.heard or 0.0)
    return left if left > 0 else None


def last_written(folder: Path) -> float:
    """When a file of a run was written last."""
    times = [0.0]
    for name in (METRICS, CHECKPOINT, previous(folder / CHECKPOINT).name):
        try:
            times.append((folder / name).stat().st_mtime)
        except OSError:
            continue
    return max(times)
