"""`metrics.jsonl`, as a callback."""

from __future__ import annotations

from pathlib import Path

from skipwise.training.callbacks import Callback, Epoch
from skipwise.training.folder.files import write_history
from skipwise.training.folder.state import EpochMetrics


class MetricsFile(Callback):
    """Writes a line for each epoch of one run.

    Args:
        folder: the run's folder.
        history: the epochs that were finished before.
    """

    def __init__(self, folder: Path, history: tuple[EpochMetrics, ...] = ()) -> None:
        self.folder, self.history = folder, history

    def on_epoch(self, epoch: Epoch) -> None:
        # A run that diverged goes back to an earlier epoch.
        self.history = (*self.history[: epoch.epoch - 1], epoch.metrics)
        write_history(self.folder, self.history)
