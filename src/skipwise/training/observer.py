"""`train(observer=...)`, which `callbacks` replaces: it still works, with a DeprecationWarning."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from skipwise.training.callbacks import Callback, Epoch, Start
from skipwise.training.folder.state import EpochMetrics, TrainState

if TYPE_CHECKING:
    from skipwise.training.planning.plan import RunPlan


class TrainObserver:
    """Replaced by `Callback`. Every method may be overridden; here they do nothing."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """Images are inspected or decoded."""

    def noticed(self, sentence: str) -> None:
        """Something that a person should know, and that is not an error."""

    def starting(self, plan: RunPlan, folder: Path) -> None:
        """The run begins or continues."""

    def step_done(self, at: TrainState) -> None:
        """One more step is done."""

    def epoch_done(self, epoch: EpochMetrics) -> None:
        """One more epoch is done."""


class Observed(Callback):
    """Calls a `TrainObserver` as a callback.

    Args:
        observer: anything with the methods of `TrainObserver`.
    """

    def __init__(self, observer: TrainObserver) -> None:
        self.observer = observer

    def on_prepare(self, what: str, done: int, total: int) -> None:
        self.observer.preparing(what, done, total)

    def on_notice(self, sentence: str) -> None:
        self.observer.noticed(sentence)

    def on_start(self, start: Start) -> None:
        self.observer.starting(start.plan, start.folder)

    def on_step(self, state: TrainState) -> None:
        self.observer.step_done(state)

    def on_epoch(self, epoch: Epoch) -> None:
        self.observer.epoch_done(epoch)
