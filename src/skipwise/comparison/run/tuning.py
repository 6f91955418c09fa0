"""The short runs of a comparison that tune: which are done, and what each reached."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import UNSET

from skipwise.comparison.plan.plan import Job, Plan
from skipwise.comparison.run.keeping import validation_outcome
from skipwise.comparison.run.rounds import Rounds
from skipwise.training.folder.record import RunRecord
from skipwise.training.tuning.tried import Point, Tried


def tune(plan: Plan, folder: Path, rounds: Rounds) -> tuple[Tried, ...]:
    """Does the runs that hyperparameters are chosen by, and returns what each reached; none without tuning.

    Args:
        folder: the comparison's.
        rounds: does the runs.
    """
    tuning = plan.tuning
    if tuning is None:
        return ()
    if tuning.trials is None:
        jobs = list(plan.tuning_jobs().values())
        rounds.do([jobs], "Tuning", tuning=True)
        return tuple(_tried(plan, folder, job, rounds.records[job.folder], None) for job in jobs)
    from skipwise.training.tuning.search import search  # which needs Optuna

    def train(points: Sequence[Point], epochs: int, phase: str) -> list[Tried]:
        jobs = [plan.tuning_job(each.model, each.values, trial=each.trial, epochs=epochs) for each in points]
        rounds.do([list({job.folder: job for job in jobs}.values())], phase, tuning=True)
        return [
            _tried(plan, folder, job, rounds.records[job.folder], point)
            for job, point in zip(jobs, points, strict=True)
        ]

    def merit(run: Tried) -> float | None:
        return None if run.outcome is None else plan.question.scoring.merit(run.outcome)

    return search(tuning, {name: plan.recipe_of(name) for name in plan.trained}, folder, train, merit)


def _tried(plan: Plan, folder: Path, job: Job, record: RunRecord, point: Point | None) -> Tried:
    """The outcome that a run for tuning reached.

    Args:
        point: of the search; None where there is none.
    """
    named = point is not None and plan.tuning is not None and bool(plan.tuning.space)
    return Tried(
        model=job.spec.model,
        lr=job.spec.recipe.lr,
        outcome=validation_outcome(plan, folder / job.folder, record),
        nll=None if record.val is None else record.val.nll,
        epochs=UNSET if point is None else job.spec.recipe.epochs,
        trial=point.trial if point is not None and named else UNSET,
        values=dict(point.values) if point is not None and named else UNSET,
    )
