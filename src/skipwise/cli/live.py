"""Progress in the terminal while a comparison or a run is going on."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import IO

from skipwise.comparison.run.time_left import StudyTime
from skipwise.comparison.wording import plans
from skipwise.core.progress import ESTIMATING, Bar, Surface, about, of_limit
from skipwise.core.text import count, duration
from skipwise.training.callbacks import Callback, Epoch, Phase, RunEnd, Start
from skipwise.training.folder.state import TrainState
from skipwise.training.planning.plan import RunPlan
from skipwise.training.run.time_left import RunTime
from skipwise.training.tuning.time_left import TuningTime
from skipwise.training.tuning.wording import tuning_outlined

RESUMABLE = "(stop at any time; the same command resumes it)"


class Display(Bar, Callback):
    """The progress bar of a verb that trains, or plain lines where there is no terminal.

    Args:
        where: a stream, or another surface.
        began: when a time limit began, on the monotonic clock; None is now.
    """

    def __init__(self, where: IO[str] | Surface, began: float | None = None) -> None:
        super().__init__(where)
        self.began = time.monotonic() if began is None else began
        self.limit: float | None = None

    def on_prepare(self, what: str, done: int, total: int) -> None:
        self.preparing(what, done, total)

    def on_notice(self, sentence: str) -> None:
        self.noticed(sentence)

    def _says_where(self, folder: Path) -> None:
        self.surface.line(f"in {folder}  {RESUMABLE}")

    def _left(self, seconds: float | None) -> str:
        """The time that is left: of the limit, where there is one."""
        return about(seconds) if self.limit is None else of_limit(self.began + self.limit - time.monotonic())


class Screen(Display):
    """Shows the progress of a comparison."""

    def on_start(self, start: Start) -> None:
        plan, forecast, folder = start.plan, start.forecast, start.folder
        for line in (*plans.outlined(plan), *([] if forecast is None else plans.expected(plan, forecast, folder))):
            self.surface.line(line)
        self._says_where(folder)
        self.left = StudyTime(plan, {} if forecast is None else forecast.epochs)
        self.limit = plan.time_limit
        self.phase = ""
        self.failed: set[str] = set()

    def on_phase(self, phase: Phase) -> None:
        if not phase.runs:
            self.surface.show(phase.name, 1, 1, "")
            return
        self.left.on_phase(phase)
        self.phase = phase.name
        self._show_runs("starting")

    def on_epoch(self, epoch: Epoch) -> None:
        self.left.on_epoch(epoch)
        self._show_runs(self._estimate(), f"{epoch.model}, seed {epoch.seed}, epoch {epoch.epoch}")

    def on_run_end(self, end: RunEnd) -> None:
        self.left.on_run_end(end)
        spec = end.record.spec
        if end.record.status == "failed" and end.run not in self.failed:
            self.failed.add(end.run)
            self.surface.line(f"{spec.model}, seed {spec.seed}, failed: {end.record.reason}")
        self._show_runs(self._estimate())

    def _estimate(self) -> str:
        return self._left(self.left.seconds) if self.limit is not None or self.left.remaining.work else ""

    def _show_runs(self, *status: str) -> None:
        total, work = self.left.remaining.total, self.left.remaining.work
        ended = f"{len(self.left.ended)} of {len(self.left.remaining.tasks)} runs"
        self.surface.show(f"{self.phase}: {ended}", total - work, total or 1, "  ".join(filter(None, status)))


class AgainScreen(Screen):
    """Shows the progress of a run of a comparison that is trained again."""

    def on_start(self, start: Start) -> None:
        self._says_where(start.folder)
        self.left = StudyTime(replace(start.plan, processes=1), {})
        self.phase = ""
        self.failed: set[str] = set()


class TrainScreen(Display):
    """Shows the progress of a run."""

    def on_start(self, start: Start) -> None:
        plan: RunPlan = start.plan
        for line in _outlined(plan):
            self.surface.line(line)
        self._says_where(start.folder)
        spec = plan.spec
        self.per_epoch = plan.split_images["train"] // spec.recipe.batch_size
        self.limit = spec.time_limit
        self.left = RunTime(spec.recipe, spec.preprocessing.size)
        self.tuning = None if plan.tuning is None else TuningTime(plan.tuning, spec.recipe.epochs)
        self.shown = 0.0
        self.validation = ""
        if self.tuning is None:
            self.surface.show("Training", 0, 1, ESTIMATING)

    def on_phase(self, phase: Phase) -> None:
        if self.tuning is None:
            return
        if phase.runs:
            self.tuning.on_phase(phase)
            self._show_trials("")
        else:
            self.tuning, self.validation = None, ""
            self.surface.show(phase.name, 0, 1, ESTIMATING)

    def _show_trials(self, status: str) -> None:
        if self.tuning is not None:
            work, total = self.tuning.remaining.work, self.tuning.remaining.total
            runs = f"{self.tuning.phase}: {self.tuning.ended} of {self.tuning.runs} runs"
            left = about(self.tuning.seconds)
            self.surface.show(runs, total - work, total, "  ".join(filter(None, (left, status))))

    def on_step(self, state: TrainState) -> None:
        first = self.left.steps == 0
        self.left.on_step(state)
        if first:  # what an earlier process took of the limit is counted from then
            self.began -= max(0.0, state.seconds_in_all - (time.monotonic() - self.began))
        if self.left.noted == self.shown:
            return
        self.shown = self.left.noted
        steps = state.steps - len(state.history) * self.per_epoch
        loss = f", loss {state.loss / steps:.3f}" if steps else ""
        epoch = f"epoch {len(state.history) + 1}{loss}{self.validation}"
        self.surface.show(
            "Training", state.steps, state.step_schedule.steps, f"{self._left(self.left.seconds)}  {epoch}"
        )

    def on_epoch(self, epoch: Epoch) -> None:
        self.validation = f", validation {epoch.val.accuracy * 100:.2f}%" if epoch.val else ""
        if self.tuning is not None:
            self.tuning.on_epoch(epoch)
            self._show_trials(f"{epoch.run.rpartition('/')[2]}, epoch {epoch.epoch}{self.validation}")

    def on_run_end(self, end: RunEnd) -> None:
        if self.tuning is not None:
            self.tuning.on_run_end(end)
            self._show_trials("")


def _outlined(plan: RunPlan) -> list[str]:
    """The images, and how the network is trained on them, a line each."""
    spec, counts = plan.spec, plan.split_images
    compiled = ", compiled" if spec.execution.compile else ""
    length = (
        count(spec.recipe.epochs, "epoch")
        if spec.time_limit is None
        else f"as many epochs as fit into {duration(spec.time_limit)}"
    )
    weights = "" if plan.start is None else f" from the weights of {plan.start.name}"
    tuned = [] if plan.tuning is None else [tuning_outlined(plan.tuning)]
    return [
        f"{plan.data}: {len(spec.classes)} classes, {counts['train']:,} training, {counts['val']:,} validation "
        f"and {counts['test']:,} test images, {spec.preprocessing.size} x {spec.preprocessing.size} pixels",
        f"{spec.model}{weights}, seed {spec.seed}, {length} of recipe '{spec.recipe.name}' in batches of "
        f"{spec.recipe.batch_size}, {spec.stem} stem, width {spec.width:g}, on {spec.execution.device} in "
        f"{spec.execution.precision}{compiled}",
        *tuned,
    ]
