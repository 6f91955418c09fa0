"""Does a run: trains, saves on the way, evaluates, and writes the run folder."""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

from skipwise.core.errors import SkipwiseError, TrainingFailed
from skipwise.core.files.atomic import clear_leftovers, write_text
from skipwise.core.files.folders import make_folder
from skipwise.data.images import Images
from skipwise.training.callbacks import Callback, Epoch, RunEnd
from skipwise.training.folder.files import remove_checkpoint
from skipwise.training.folder.names import CHECKPOINT, RECORD
from skipwise.training.folder.predictions import Predictions
from skipwise.training.folder.record import RunRecord, RunSpec, failed_run, find_run, write_run
from skipwise.training.folder.state import TrainState
from skipwise.training.machine.compiling import lacks_compiler
from skipwise.training.machine.faults import enough_memory, in_short
from skipwise.training.machine.ranks import ALONE, Ranks
from skipwise.training.run.pulse import RunPulse
from skipwise.training.run.session import Session
from skipwise.training.run.time_budget import Timekeeper
from skipwise.training.tuning.tried import Tuned

RunEvent = TrainState | Epoch | RunEnd
"""A step of a run: its state after each step, each finished epoch, and last its end."""


def run_events(
    spec: RunSpec,
    images: Images,
    folder: Path,
    *,
    name: str | None = None,
    outcome: Callable[[Predictions], float | None] | None = None,
    init: Path | None = None,
    retries: int = 0,
    keeper: Timekeeper | None = None,
    notice: Callable[[str], None] = lambda _: None,
    ranks: Ranks = ALONE,
    depth_epochs: tuple[int, ...] = (),
    tuned: Tuned | None = None,
) -> Generator[RunEvent, None, None]:
    """Trains, evaluates after the last epoch and writes the run folder; resumes from a checkpoint if there is one.

    Training waits until the next event is asked for. Closing the generator stops the run: its state is saved, and the
    same call resumes it. A run that has ended before, under the same spec, is read, and only its `RunEnd` is yielded.

    Args:
        name: what the events call the run; None is the folder's name.
        outcome: computes `Epoch.outcome` from the predictions on the validation images.
        init: the file of weights to start from, where the spec has one.
        retries: how often a run whose loss diverges is resumed from its last good state, each time at half the learning
            rate. In a comparison 0: anything else would not be fair.
        keeper: keeps the time limit, where the spec has one.
        notice: is called with what a person should know.
        ranks: the processes that do the run together; only the first one writes, and yields epochs.
        depth_epochs: the epochs after which `DepthNorms` asked for the sizes of activations and gradients.
        tuned: what was tried to choose the spec's hyperparameters, for the record; None where nothing was.

    Raises:
        SkipwiseError: the folder can't be written, or holds another run; there is no memory or no compiler for it here.
        Exception: whatever the network's code raises. What was saved stays.
    """
    name = folder.name if name is None else name
    record = find_run(spec, folder)
    if record is None:
        if spec.execution.compile and lacks_compiler(spec.execution.device):
            raise SkipwiseError(
                f"{folder} was begun compiled, and there is no C++ compiler here any more; install g++, or begin "
                "another run with --no-compile."
            )
        make_folder(folder)
        if ranks.first:
            (folder / RECORD).unlink(missing_ok=True)  # of a run that was damaged
            clear_leftovers(folder)
        started = time.perf_counter()
        pulse = RunPulse(spec, folder) if ranks.first else None
        try:
            with enough_memory():
                session = Session(
                    spec, images, folder, name, outcome, init, retries, keeper, notice, ranks, depth_epochs, pulse
                )
                record = yield from session.events()
        except TrainingFailed as error:
            record = failed_run(spec, str(error), time.perf_counter() - started)
        finally:
            if pulse is not None:
                pulse.close()
        if tuned is not None:
            record = replace(record, tuned=tuned)
        if ranks.first:
            write_run(folder, record)
    if ranks.first:
        remove_checkpoint(folder / CHECKPOINT)
    yield RunEnd(run=name, record=record)


def execute_run(
    spec: RunSpec, images: Images, folder: Path, callback: Callback | None = None, **options: Any
) -> RunRecord:
    """Does a run to its end, calls the callback on the way, and returns the record.

    Args:
        options: the keyword arguments of `run_events`, which see.
    """
    callback = callback or Callback()
    with contextlib.closing(run_events(spec, images, folder, **options)) as events:
        for event in events:
            if isinstance(event, TrainState):
                callback.on_step(event)
            elif isinstance(event, Epoch):
                callback.on_epoch(event)
            else:
                callback.on_run_end(event)
                return event.record
    raise AssertionError("the last event of a run is its RunEnd")


def give_up(spec: RunSpec, folder: Path, error: BaseException) -> RunRecord:
    """Ends a run for good, as failed for what its network's code raised; the traceback is in error.txt."""
    write_text(folder / "error.txt", "".join(traceback.format_exception(error)))
    record = failed_run(spec, in_short(error))
    write_run(folder, record)
    remove_checkpoint(folder / CHECKPOINT)
    return record
