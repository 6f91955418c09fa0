"""A small run that a process of its own does, to be killed; a fork server imports it, so that starting is quick."""

from __future__ import annotations

import itertools
import signal
import sys
import time
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

from skipwise.training.folder.record import RunSpec
from skipwise.training.folder.state import TrainState
from skipwise.training.run import saving
from skipwise.training.run.runner import execute_run
from tests.calling import calls
from tests.test_training import IMAGES, RECIPE, make_spec


def spec(*, epochs: int = 20, compile: bool = False) -> RunSpec:
    """Three steps an epoch, with every kind of state that a checkpoint holds."""
    made = make_spec("se_resnet18", recipe=replace(RECIPE, epochs=epochs, optimizer="muon", average=0.1))
    return replace(made, execution=replace(made.execution, compile=compile))


def work(folder: Path, run: RunSpec, save: bool, most: int, pipe: Connection) -> None:
    """Does the run, and tells of every step. Saves after every step, or never, and then steps are slow.

    After `most` steps it waits for a signal: it is not over before somebody ends it, however fast the machine is.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as the command line has it: an exception
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where tests run in the background, without it
    saving.Saves.due = lambda *_, **__: save
    steps = itertools.count(1)

    def on_step(at: TrainState) -> None:
        pipe.send(at.steps)
        time.sleep(0.0 if save else 0.05)
        if next(steps) == most:
            signal.pause()

    execute_run(run, IMAGES, folder, calls(on_step=on_step))
