"""The state of a run between two steps, and the metrics of its epochs: records, without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from skipwise.evaluation.metrics import Metrics
from skipwise.training.loop.schedule import StepSchedule


@dataclass(frozen=True)
class EpochMetrics:
    """A line of `metrics.jsonl`: one finished epoch, counted from 1.

    Args:
        train_loss: the mean loss over its steps, in nats.
        learning_rate: of the next step; after the last step, of that one.
        val: None where there is no validation split.
        seconds: of training and validation together.
    """

    epoch: int
    train_loss: float
    learning_rate: float
    val: Metrics | None
    seconds: float


@dataclass(frozen=True)
class TrainState:
    """The state of a run between two steps.

    Args:
        step_schedule: how far the schedule is after each step.
        steps: the number of steps so far.
        history: the finished epochs.
        loss: the sum over the steps of the current epoch.
        seconds: of training in the current epoch.
        lr_cuts: the steps at which the loss diverged and the learning rate was halved.
    """

    step_schedule: StepSchedule
    steps: int = 0
    history: tuple[EpochMetrics, ...] = ()
    loss: float = 0.0
    seconds: float = 0.0
    lr_cuts: tuple[int, ...] = ()

    EARLIER_NAMES: ClassVar[dict[str, str]] = {"step_schedule": "pace", "lr_cuts": "cuts"}

    @property
    def seconds_in_all(self) -> float:
        """The seconds of training and validation together, over all sessions of the run."""
        return sum(epoch.seconds for epoch in self.history) + self.seconds
