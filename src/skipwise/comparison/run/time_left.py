"""The time that the runs of a comparison still take, by their epochs so far."""

from __future__ import annotations

import time

from skipwise.comparison.plan.plan import Job, Plan
from skipwise.core.remaining import Remaining
from skipwise.training.callbacks import Callback, Epoch, Phase, RunEnd
from skipwise.training.loop.schedule import relative_cost

ENDING = 2.0
"""Seconds for each network when all runs are done: its latency, and its part of the report."""


def left_of(job: Job, done: int) -> float:
    """Returns how much of a run remains after `done` epochs, in epochs of all training images at full size."""
    recipe, size = job.spec.recipe, job.spec.preprocessing.size
    left = recipe.epochs - done
    if left <= 0:
        return 0.0
    return left * job.spec.share_of_images * relative_cost(recipe, size, done / recipe.epochs)


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
