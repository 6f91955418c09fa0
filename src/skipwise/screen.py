"""What a person sees in the terminal while something runs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from skipwise.comparison.executor import Event
from skipwise.comparison.observer import Observer
from skipwise.comparison.plan import Job, Plan
from skipwise.progress import Bar, duration
from skipwise.text import byte_size
from skipwise.training.schedule import relative_cost
from skipwise.training.standing import Epoch, Standing
from skipwise.training.terms import Terms
from skipwise.training.train import TrainObserver

if TYPE_CHECKING:
    from skipwise.comparison.forecast import Forecast

SHOWN_SECONDS = 0.2
"""Steps may be quicker than anybody can read."""


class Remaining:
    """Estimates how long the rest of some runs takes, from the epochs done so far.

    Networks differ several times over in the time of an epoch, so each is estimated from its own; one that has
    not run yet from the mean of the others. Epochs of smaller images count as much less as they cost.
    """

    def __init__(self, processes: int) -> None:
        self.processes = processes
        self.left: dict[Job, float] = {}  # epochs at full size
        self.total = 0.0  # of those, at the beginning
        self.taken: dict[str, list[tuple[float, float]]] = {}  # seconds, and of how many of those

    def expect(self, jobs: Sequence[Job]) -> None:
        """From now on, these runs are what there is to do."""
        self.left = {job: _left(job, 0) for job in jobs}
        self.total = sum(self.left.values())

    def note(self, event: Event) -> None:
        """Counts an epoch or the end of a run."""
        self.left[event.job] = 0.0 if event.record is not None else _left(event.job, event.epoch)
        if event.record is None:
            cost = _left(event.job, event.epoch - 1) - self.left[event.job]
            self.taken.setdefault(event.job.spec.model, []).append((event.seconds, cost))

    def seconds(self) -> float | None:
        """The estimate; None before the first epoch."""
        means = {name: sum(s for s, _ in taken) / sum(cost for _, cost in taken) for name, taken in self.taken.items()}
        if not means:
            return None
        usual = sum(means.values()) / len(means)
        left = [(job.spec.model, epochs) for job, epochs in self.left.items()]
        work = sum(epochs * means.get(model, usual) for model, epochs in left)
        # With fewer runs left than processes, some have nothing to do.
        return work / min(self.processes, max(1, sum(epochs > 0 for epochs in self.left.values())))


def _left(job: Job, done: int) -> float:
    """What is left of a run after so many epochs, in epochs at full size."""
    recipe, size = job.spec.recipe, job.spec.preprocessing.size
    left = recipe.epochs - done
    return left * relative_cost(recipe, size, done / recipe.epochs) if left > 0 else 0.0


class Screen(Bar, Observer):
    """What a comparison tells."""

    def starting(self, plan: Plan, folder: Path, expected: Forecast | None) -> None:
        question, counts, recipe = plan.question, plan.split_images, plan.recipe
        split = f"{counts['train']:,} training, {counts['val']:,} validation and {counts['test']:,} test images"
        if plan.folds is not None:
            split = f"{plan.test_images:,} images, each tested once per seed in {plan.folds} folds"
        size = plan.preprocessing.size
        self._line(f"{plan.data}: {len(plan.classes)} classes, {split}, {size} x {size} pixels")
        looks = ", ".join(map(str, question.looks[:-1]))
        looks = f"{looks} and {question.looks[-1]} seeds" if looks else f"{question.looks[-1]} seeds"
        tuned = f", after tuning at {len(plan.tuning.rates)} learning rates" if plan.tuning else ""
        self._line(
            f"{', '.join(question.contenders)}: a look after {looks} each{tuned}; margin {question.margin:g} points, "
            f"alpha {question.alpha:g}, {question.outcome}"
        )
        compiled = ", compiled" if plan.execution.compile else ""
        self._line(
            f"{recipe.epochs} epoch{'s' * (recipe.epochs != 1)} of recipe '{recipe.name}' in batches of "
            f"{recipe.batch_size}, {plan.stem} stem, width {plan.width:g}; {plan.processes} at once on "
            f"{plan.execution.device} in {plan.execution.precision}{compiled}"
        )
        if expected is not None:
            taking = ""
            if expected.first is not None and expected.last is not None:
                most = f", {duration(expected.last)} if all looks are needed" if len(question.looks) > 1 else ""
                taking = f"about {duration(expected.first)}{most}; "
            self._line(f"Expected: {taking}{byte_size(expected.kept)} of results on the disk")
            free = shutil.disk_usage(folder).free
            if free < expected.needed:
                self._line(f"Mind that the disk has only {byte_size(free)} left.")
        self._line(f"in {folder}  (stop at any time; the same command goes on)")
        self.remaining = Remaining(plan.processes)
        self.told: set[Job] = set()

    def doing(self, jobs: Sequence[Job], why: str) -> None:
        self.why = why
        self.runs_done = 0
        self.remaining.expect(jobs)
        self._show(f"{why}: {self._runs()}", 0, 1, "starting")

    def happened(self, event: Event) -> None:
        self.remaining.note(event)
        spec = event.job.spec
        if event.record is not None:
            self.runs_done += 1
            if event.record.status == "failed" and event.job not in self.told:
                self.told.add(event.job)
                self._line(f"{spec.model}, seed {spec.seed}, failed: {event.record.reason}")
        total = self.remaining.total
        done = total - sum(self.remaining.left.values())
        left = self.remaining.seconds()
        rest = f"about {duration(left)} left" if left is not None and any(self.remaining.left.values()) else ""
        now = f"{spec.model}, seed {spec.seed}, epoch {event.epoch}" if event.record is None else ""
        self._show(f"{self.why}: {self._runs()}", done, total, "  ".join(filter(None, (rest, now))))

    def _runs(self) -> str:
        return f"{self.runs_done} of {len(self.remaining.left)} runs"

    def finishing(self, what: str) -> None:
        self._show(what, 1, 1, "")


class TrainScreen(Bar, TrainObserver):
    """What a run tells."""

    def starting(self, terms: Terms, folder: Path) -> None:
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
        self.since: tuple[float, float] | None = None
        self.shown = 0.0
        self.validation = ""
        self._show("Training", 0, 1, "first step")

    def step_done(self, at: Standing) -> None:
        now, share = time.monotonic(), at.pace.share(at.steps)
        if now - self.shown < SHOWN_SECONDS:
            return
        self.shown = now
        left = relative_cost(self.recipe, self.size, share) * (1 - share)
        if self.since is None:
            self.since = now, left
        taken, done = now - self.since[0], self.since[1] - left
        rest = f"about {duration(taken / done * left)} left  " if taken > 1 and done > 0 and left > 0 else ""
        steps = at.steps - len(at.history) * self.per_epoch
        loss = f", loss {at.loss / steps:.3f}" if steps else ""
        self._show("Training", at.steps, at.pace.steps, f"{rest}epoch {len(at.history) + 1}{loss}{self.validation}")

    def epoch_done(self, epoch: Epoch) -> None:
        self.validation = f", validation {epoch.val.accuracy * 100:.2f}%" if epoch.val else ""
