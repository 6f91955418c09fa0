"""Tuning of one run: its trials are done one after the other, in folders below its own, before it begins.

    tuning.json, tuning.db   the search, see search.py
    tuning/t3, tuning/t3-e2  the runs of a trial: its number, and the epochs of one that may have been given up

No trial sees a test image, and none keeps its weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from skipwise.data.images import Images, without_test
from skipwise.evaluation.outcomes import OUTCOMES
from skipwise.training.callbacks import Callback, Epoch, Phase, RunEnd
from skipwise.training.folder.dropped import drop_weights
from skipwise.training.folder.names import TUNING
from skipwise.training.folder.record import Job, RunRecord, find_run
from skipwise.training.loop.recipe import shortened
from skipwise.training.planning.plan import RunPlan
from skipwise.training.tuning.space import LR
from skipwise.training.tuning.tried import Point, Tried, Tuned, best_values
from skipwise.training.tuning.tuning import Tuning

Execute = Callable[[Job, Images, Callback], RunRecord]
"""Does a run in its folder, below that of the run that it tunes for."""


def tune_run(plan: RunPlan, folder: Path, images: Images, watch: Callback, execute: Execute) -> Tuned:
    """Chooses the hyperparameters of a run; a search that was stopped goes on.

    Args:
        plan: of the run, with `tuning`.
        folder: the run's.
        images: all of them; trials get those that are not for testing.
        watch: is called with every phase, and with every epoch and end of a trial.
        execute: does a run.
    """
    tuning = plan.tuning
    assert tuning is not None
    trials = _Trials(plan, tuning, folder, without_test(images), watch, execute)
    if tuning.trials is None:
        points = [
            Point(model=plan.spec.model, trial=number, values={LR: rate})
            for number, rate in enumerate(dict.fromkeys(tuning.rates))
        ]
        found = tuple(trials.train(points, tuning.epochs, "Tuning"))
    else:
        from skipwise.training.tuning.search import search  # which needs Optuna

        recipes = {plan.spec.model: plan.spec.recipe}
        found = search(tuning, recipes, folder, trials.train, lambda run: run.outcome)
    watch.on_phase(Phase(name="Training"))
    best = best_values(found, OUTCOMES["accuracy"], tuning)
    return Tuned(values=best.get(plan.spec.model, {}), tried=found)


class _Trials(Callback):
    """Does the trials of a run, and tells `watch` of their epochs and ends, but not of their steps."""

    def __init__(
        self, plan: RunPlan, tuning: Tuning, folder: Path, images: Images, watch: Callback, execute: Execute
    ) -> None:
        self.plan, self.tuning, self.folder = plan, tuning, folder
        self.images, self.watch, self.execute = images, watch, execute

    def train(self, points: Sequence[Point], epochs: int, phase: str) -> list[Tried]:
        """Trains at some points, one after the other."""
        jobs = [self._job(point, epochs) for point in points]
        ended = {job.folder for job in jobs if find_run(job.spec, self.folder / job.folder) is not None}
        self.watch.on_phase(Phase(name=phase, runs=tuple(jobs), ended=frozenset(ended)))
        return [self._tried(point, job) for point, job in zip(points, jobs, strict=True)]

    def on_epoch(self, epoch: Epoch) -> None:
        self.watch.on_epoch(epoch)

    def on_run_end(self, end: RunEnd) -> None:
        self.watch.on_run_end(end)

    def _job(self, point: Point, epochs: int) -> Job:
        spec = self.plan.tuned_spec(point.values)
        recipe = shortened(spec.recipe, epochs, self.plan.split_images["train"])
        name = self.tuning.name_of(point.values, point.trial, epochs)
        return Job(spec=replace(spec, seed=self.tuning.seed, recipe=recipe), folder=f"{TUNING}/{name}")

    def _tried(self, point: Point, job: Job) -> Tried:
        record = self.execute(job, self.images, self)
        if record.status == "finished":
            drop_weights(self.folder / job.folder, "the run only tuned")
        return Tried(
            model=job.spec.model,
            lr=job.spec.recipe.lr,
            outcome=None if record.val is None else record.val.accuracy,
            nll=None if record.val is None else record.val.nll,
            epochs=job.spec.recipe.epochs,
            trial=point.trial,
            values=dict(point.values),
        )
