"""`compare(observer=...)`, which `callbacks` replaces: it still works, with a DeprecationWarning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from skipwise.comparison.plan.plan import Job, Plan
from skipwise.training.callbacks import Callback, Epoch, Phase, RunEnd, Start
from skipwise.training.folder.record import RunRecord

if TYPE_CHECKING:
    from skipwise.comparison.budget.forecast import Forecast


@dataclass(frozen=True)
class Event:
    """A change in a run. `epoch` counts from 1; `record` is there once the run has ended."""

    job: Job
    epoch: int = 0
    seconds: float = 0.0
    record: RunRecord | None = None


class Observer:
    """Replaced by `Callback`. Every method may be overridden; here they do nothing."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """Images are inspected or decoded."""

    def noticed(self, sentence: str) -> None:
        """Something that a person should know, and that is not an error."""

    def starting(self, plan: Plan, folder: Path, expected: Forecast | None) -> None:
        """The plan is fixed, and runs begin. Nothing is forecast for a comparison that continues."""

    def doing(self, jobs: Sequence[Job], why: str) -> None:
        """These runs are done next; those that are done already are among them."""

    def happened(self, event: Event) -> None:
        """A run finished an epoch, or ended."""

    def finishing(self, what: str) -> None:
        """All runs are done."""


class Observed(Callback):
    """Calls an `Observer` as a callback.

    Args:
        observer: anything with the methods of `Observer`.
    """

    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self.jobs: dict[str, Job] = {}
        self.records: dict[str, RunRecord] = {}

    def on_prepare(self, what: str, done: int, total: int) -> None:
        self.observer.preparing(what, done, total)

    def on_notice(self, sentence: str) -> None:
        self.observer.noticed(sentence)

    def on_start(self, start: Start) -> None:
        self.observer.starting(start.plan, start.folder, start.forecast)

    def on_phase(self, phase: Phase) -> None:
        if not phase.runs:
            self.observer.finishing(phase.name)
            return
        self.jobs |= {job.folder: job for job in phase.runs}
        self.observer.doing(list(phase.runs), phase.name)
        for job in phase.runs:
            if job.folder in phase.ended:
                self._ended(job.folder)

    def on_epoch(self, epoch: Epoch) -> None:
        self.observer.happened(Event(self.jobs[epoch.run], epoch=epoch.epoch, seconds=epoch.seconds))

    def on_run_end(self, end: RunEnd) -> None:
        self.records[end.run] = end.record
        self._ended(end.run)

    def _ended(self, run: str) -> None:
        record = self.records[run]
        self.observer.happened(Event(self.jobs[run], epoch=record.spec.recipe.epochs, record=record))
