"""What a person sees in the terminal while something runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from skipwise.comparison.plan.plan import Job, Plan
from skipwise.comparison.run.executor import Event
from skipwise.comparison.run.observer import Observer
from skipwise.comparison.wording import plans
from skipwise.core.progress import ESTIMATING, SHOWN_SECONDS, Bar, about, duration, of_limit
from skipwise.core.remaining import Remaining
from skipwise.training.loop.schedule import relative_cost
from skipwise.training.plan import RunPlan
from skipwise.training.run.progress import Epoch, Standing
from skipwise.training.train import TrainObserver

if TYPE_CHECKING:
    from skipwise.comparison.budget.forecast import Forecast

WARM_UP = 5
"""Steps that say nothing of the others: memory is got, kernels are chosen."""
ENDING = 2.0
"""Seconds for each network when all runs are done: its latency, and its part of the report."""


def left_of(job: Job, done: int) -> float:
    """What is left of a run after so many epochs, in epochs at full size."""
    recipe, size = job.spec.recipe, job.spec.preprocessing.size
    left = recipe.epochs - done
    return left * relative_cost(recipe, size, done / recipe.epochs) if left > 0 else 0.0


class Screen(Bar, Observer):
    """What a comparison tells.

    Args:
        began: when a time limit began, on the monotonic clock; None is now.
    """

    def __init__(self, stream: IO[str], began: float | None = None) -> None:
        super().__init__(stream)
        self.began = time.monotonic() if began is None else began

    def starting(self, plan: Plan, folder: Path, expected: Forecast | None) -> None:
        for line in (*plans.outlined(plan), *([] if expected is None else plans.expected(plan, expected, folder))):
            self._line(line)
        self._line(f"in {folder}  (stop at any time; the same command goes on)")
        self.remaining = Remaining(
            slots=plan.processes,
            prior=expected.epochs if expected is not None else {},
            after=ENDING * len(plan.trained),
        )
        self.limit = plan.time_limit
        self.told: set[Job] = set()

    def doing(self, jobs: Sequence[Job], why: str) -> None:
        self.why = why
        self.runs_done = 0
        self.remaining.expect({job: (job.spec.model, left_of(job, 0)) for job in jobs})
        self._show(f"{why}: {self._runs()}", 0, 1, "starting")

    def happened(self, event: Event) -> None:
        spec, now = event.job.spec, time.monotonic()
        if event.job not in self.remaining.tasks:  # of an earlier look
            pass
        elif event.record is not None:
            self.remaining.end(event.job, now)
        else:
            self.remaining.note(event.job, left_of(event.job, event.epoch), event.seconds, now)
        if event.record is not None:
            self.runs_done += 1
            if event.record.status == "failed" and event.job not in self.told:
                self.told.add(event.job)
                self._line(f"{spec.model}, seed {spec.seed}, failed: {event.record.reason}")
        total, work = self.remaining.total, self.remaining.work
        rest = ""
        if self.limit is not None:
            rest = of_limit(self.began + self.limit - now)
        elif work:
            rest = about(self.remaining.seconds(now))
        doing = f"{spec.model}, seed {spec.seed}, epoch {event.epoch}" if event.record is None else ""
        self._show(f"{self.why}: {self._runs()}", total - work, total, "  ".join(filter(None, (rest, doing))))

    def _runs(self) -> str:
        return f"{self.runs_done} of {len(self.remaining.tasks)} runs"

    def finishing(self, what: str) -> None:
        self._show(what, 1, 1, "")


class TrainScreen(Bar, TrainObserver):
    """What a run tells.

    Args:
        began: when a time limit began, on the monotonic clock; None is now.
    """

    def __init__(self, stream: IO[str], began: float | None = None) -> None:
        super().__init__(stream)
        self.began = time.monotonic() if began is None else began

    def starting(self, terms: RunPlan, folder: Path) -> None:
        spec, counts = terms.spec, terms.split_images
        self._line(
            f"{terms.data}: {len(spec.classes)} classes, {counts['train']:,} training, {counts['val']:,} validation "
            f"and {counts['test']:,} test images, {spec.preprocessing.size} x {spec.preprocessing.size} pixels"
        )
        compiled = ", compiled" if spec.execution.compile else ""
        limit = spec.time_limit
        length = (
            f"{spec.recipe.epochs} epoch{'s' * (spec.recipe.epochs != 1)}"
            if limit is None
            else f"as many epochs as fit into {duration(limit)}"
        )
        start = "" if terms.start is None else f" from the weights of {terms.start.name}"
        self._line(
            f"{spec.model}{start}, seed {spec.seed}, {length} of recipe '{spec.recipe.name}' in batches of "
            f"{spec.recipe.batch_size}, {spec.stem} stem, width {spec.width:g}, on {spec.execution.device} in "
            f"{spec.execution.precision}{compiled}"
        )
        self._line(f"in {folder}  (stop at any time; the same command goes on)")
        self.per_epoch = counts["train"] // spec.recipe.batch_size
        self.recipe, self.size = spec.recipe, spec.preprocessing.size
        self.limit = limit
        self.remaining = Remaining()
        self.steps_seen, self.shown = 0, 0.0
        self.validation = ""
        self._show("Training", 0, 1, ESTIMATING)

    def step_done(self, at: Standing) -> None:
        now, share = time.monotonic(), at.pace.share(at.steps)
        self.steps_seen += 1
        if self.steps_seen == 1:  # what an earlier process took of the limit, counted from then
            self.began -= max(0.0, at.seconds_in_all - (now - self.began))
        if self.steps_seen <= WARM_UP or now - self.shown < SHOWN_SECONDS:
            return
        left = relative_cost(self.recipe, self.size, share) * (1 - share)
        if not self.remaining.tasks:
            self.remaining.expect({"run": ("", left)})
        else:
            self.remaining.note("run", left, now - self.shown, now)
        self.shown = now
        rest = about(self.remaining.seconds(now)) if self.limit is None else of_limit(self.began + self.limit - now)
        steps = at.steps - len(at.history) * self.per_epoch
        loss = f", loss {at.loss / steps:.3f}" if steps else ""
        self._show("Training", at.steps, at.pace.steps, f"{rest}  epoch {len(at.history) + 1}{loss}{self.validation}")

    def epoch_done(self, epoch: Epoch) -> None:
        self.validation = f", validation {epoch.val.accuracy * 100:.2f}%" if epoch.val else ""
