"""Where a run stands, and what its epochs came to: records, without torch."""

from __future__ import annotations

from dataclasses import dataclass

from skipwise.evaluation.metrics import Metrics
from skipwise.training.loop.schedule import Pace


@dataclass(frozen=True)
class Epoch:
    """One finished epoch, counted from 1. The validation metrics are None where there is no validation split."""

    epoch: int
    train_loss: float
    learning_rate: float
    val: Metrics | None
    seconds: float


@dataclass(frozen=True)
class Standing:
    """Where a run stands between two steps.

    Args:
        pace: how its steps share the schedule.
        steps: done in all.
        history: the finished epochs.
        loss: the sum over the current epoch's steps.
        seconds: of training in the current epoch.
        cuts: the steps at which the run went astray and its rate was cut.
    """

    pace: Pace
    steps: int = 0
    history: tuple[Epoch, ...] = ()
    loss: float = 0.0
    seconds: float = 0.0
    cuts: tuple[int, ...] = ()

    @property
    def seconds_in_all(self) -> float:
        """The seconds of training and validation together, over all sessions of the run."""
        return sum(epoch.seconds for epoch in self.history) + self.seconds
