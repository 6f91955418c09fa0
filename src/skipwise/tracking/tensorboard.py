"""TensorBoard: a folder of event files for each run, below one folder for all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skipwise.core.errors import require
from skipwise.core.files.paths import user_path
from skipwise.tracking.records import Ending, KnownRun, Table, TrackedRun, Value
from skipwise.tracking.tracker import Tracker

FOLDER = "tensorboard"
COMPARISON = "comparison"
"""The folder of a comparison's own events, beside those of its runs."""


class TensorBoard(Tracker):
    """Writes event files for TensorBoard: curves, hyperparameters, and the report's tables as text.

    Args:
        folder: where the event files go; None is the folder "tensorboard" beside the results.

    Raises:
        SkipwiseError: TensorBoard is not installed.

    Example:
        >>> from skipwise.tracking import TensorBoard
        >>> tracker = TensorBoard("events")  # for skipwise.train("digits", callbacks=[tracker])
        >>> tracker.where
        'events'
    """

    name, title = "tensorboard", "TensorBoard"

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        require("tensorboard", extra="tracking")
        self.folder = None if folder is None else user_path(folder)
        self._events = Path(FOLDER)
        self._writers: dict[str, Any] = {}
        self._last: dict[str, int] = {}

    @property
    def where(self) -> str:
        return FOLDER if self.folder is None else str(self.folder)

    def connect(self, folder: Path) -> None:
        from torch.utils import tensorboard  # noqa: F401 - fails here where it can't be imported

        self._events = folder / FOLDER if self.folder is None else self.folder
        self._writers, self._last = {}, {}

    def begin(self, run: TrackedRun, *, parent: str | None, known: KnownRun | None) -> str:  # noqa: ARG002
        id = run.key or (COMPARISON if run.kind == "comparison" else run.name)
        # What a process that was killed wrote of later epochs does not count.
        self._open(id, None if known is None else known.epoch + 1)
        self._last[id] = 0 if known is None else known.epoch
        return id

    def log(self, id: str, epoch: int, metrics: Mapping[str, float], seconds: float) -> None:
        if epoch <= self._last[id]:
            self._open(id, epoch)
        for name, value in metrics.items():
            self._writers[id].add_scalar(name, value, epoch, walltime=seconds)
        self._writers[id].flush()  # before it is noted that these are written
        self._last[id] = epoch

    def end(self, id: str, run: TrackedRun, ending: Ending) -> None:
        from torch.utils.tensorboard.summary import hparams

        writer = self._writers[id]
        for name, value in ending.metrics.items():
            writer.add_scalar(name, value, ending.epoch)
        if ending.text:
            writer.add_text("summary", ending.text)
        for name, table in ending.tables.items():
            writer.add_text(name, _markdown(table))
        parameters = {name: _plain(value) for name, value in run.parameters.items()}
        for summary in hparams(parameters, dict(ending.metrics)):  # type: ignore[no-untyped-call]
            writer.file_writer.add_summary(summary)
        self.stop(id)

    def stop(self, id: str) -> None:
        self._writers.pop(id).close()

    def disconnect(self) -> None:
        for id in list(self._writers):
            self.stop(id)

    def _open(self, id: str, purge_step: int | None) -> None:
        from torch.utils.tensorboard import SummaryWriter

        if id in self._writers:
            self.stop(id)
        self._writers[id] = SummaryWriter(str(self._events / id), purge_step=purge_step)


def _plain(value: Value) -> Value:
    return value if isinstance(value, bool | int | float) else str(value)


def _markdown(table: Table) -> str:
    rows = [
        list(table),
        ["---"] * len(table),
        *([_cell(value) for value in row] for row in zip(*table.values(), strict=True)),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(value: object) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
