"""Progress in the terminal while a comparison or a run is going on."""

from __future__ import annotations

import time
from pathlib import Path
from typing import IO

from skipwise.comparison.plan.plan import Job, Plan
from skipwise.comparison.wording import plans
from skipwise.core.progress import ESTIMATING, SHOWN_SECONDS, Bar, Surface, about, of_limit
from skipwise.core.remaining import Remaining
from skipwise.core.text import count, duration
from skipwise.training.callbacks import Callback, Epoch, Phase, RunEnd, Start
from skipwise.training.loop.recipe import Recipe
from skipwise.training.loop.schedule import relative_cost
from skipwise.training.plan import RunPlan
from skipwise.training.run.state import TrainState

WARM_UP = 5
"""Steps that say nothing of the others: memory is allocated, kernels are chosen."""
ENDING = 2.0
"""Seconds for each network when all runs are done: its latency, and its part of the report."""
RESUMABLE = "(stop at any time; the same command resumes it)"


def left_of(job: Job, done: int) -> float:
    """Returns how much of a run remains after `done` epochs, in epochs at full image size."""
    recipe, size = job.spec.recipe, job.spec.preprocessing.size
    left = recipe.epochs - done
    return left * relative_cost(recipe, size, done / recipe.epochs) if left > 0 else 0.0


class StudyTime(Callback):
    """Estimates how long the runs of a comparison still take.

    Args:
        plan: the comparison.
        prior: what an epoch of each network is expected to take, beside the others.
    """

    def __init__(self, plan: Plan, prior: dict[str, float]) -> None:
        self.remaining = Remaining(slots=plan.processes, prior=prior, after=ENDING * len(plan.trained))
        self.jobs: dict[str, Job] = {}
        self.ended: set[str] = set()

    def on_phase(self, phase: Phase) -> None:
        self.jobs = {job.folder: job for job in phase.runs}
        self.ended = set(phase.ended)
        self.remaining.expect({job.folder: (job.spec.model, left_of(job, 0)) for job in phase.runs})
        for run in phase.ended:
            self.remaining.end(run, time.monotonic())

    def on_epoch(self, epoch: Epoch) -> None:
        if (job := self.jobs.get(epoch.run)) is not None:
            self.remaining.note(epoch.run, left_of(job, epoch.epoch), epoch.seconds, time.monotonic())

    def on_run_end(self, end: RunEnd) -> None:
        if end.run in self.jobs:
            self.ended.add(end.run)
            self.remaining.end(end.run, time.monotonic())

    @property
    def seconds(self) -> float | None:
        """The estimate; None where nothing is known yet."""
        return self.remaining.seconds(time.monotonic())


class RunTime(Callback):
    """Estimates how long one run still takes.

    Args:
        recipe: of the run.
        size: of its images at full size, in pixels a side.
    """

    def __init__(self, recipe: Recipe, size: int) -> None:
        self.recipe, self.size = recipe, size
        self.remaining = Remaining()
        self.steps, self.noted = 0, 0.0

    def on_step(self, state: TrainState) -> None:
        now = time.monotonic()
        self.steps += 1
        # Steps may be quicker than anybody can read.
        if self.steps <= WARM_UP or now - self.noted < SHOWN_SECONDS:
            return
        share = state.step_schedule.share(state.steps)
        left = relative_cost(self.recipe, self.size, share) * (1 - share)
        if not self.remaining.tasks:
            self.remaining.expect({"run": ("", left)})
        else:
            self.remaining.note("run", left, now - self.noted, now)
        self.noted = now

    @property
    def seconds(self) -> float | None:
        """The estimate; None where nothing is known yet."""
        return self.remaining.seconds(time.monotonic()) if self.remaining.tasks else None


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
        self.shown = 0.0
        self.validation = ""
        self.surface.show("Training", 0, 1, ESTIMATING)

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
    return [
        f"{plan.data}: {len(spec.classes)} classes, {counts['train']:,} training, {counts['val']:,} validation "
        f"and {counts['test']:,} test images, {spec.preprocessing.size} x {spec.preprocessing.size} pixels",
        f"{spec.model}{weights}, seed {spec.seed}, {length} of recipe '{spec.recipe.name}' in batches of "
        f"{spec.recipe.batch_size}, {spec.stem} stem, width {spec.width:g}, on {spec.execution.device} in "
        f"{spec.execution.precision}{compiled}",
    ]
