"""The state of a run between two steps, and the metrics of its epochs: records, without torch."""

from __future__ import annotations

from dataclasses import dataclass

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
        pace: how its steps share the schedule.
        steps: the number of steps so far.
        history: the finished epochs.
        loss: the sum over the steps of the current epoch.
        seconds: of training in the current epoch.
        cuts: the steps at which the run went astray and its rate was cut.
    """

    pace: StepSchedule
    steps: int = 0
    history: tuple[EpochMetrics, ...] = ()
    loss: float = 0.0
    seconds: float = 0.0
    cuts: tuple[int, ...] = ()

    @property
    def seconds_in_all(self) -> float:
        """The seconds of training and validation together, over all sessions of the run."""
        return sum(epoch.seconds for epoch in self.history) + self.seconds
