"""The runs that tune learning rates: what each reached on the validation images, and which rate is the best."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import UNSET

from skipwise.comparison.plan.plan import Job, Plan, Tuning
from skipwise.comparison.results.records import Tried
from skipwise.evaluation.outcomes import Outcome
from skipwise.training.run.predictions import read_predictions
from skipwise.training.run.record import RunRecord


def tried(plan: Plan, folder: Path, job: Job, record: RunRecord) -> Tried:
    """What a run that tunes reached."""
    reached, nll = None, None
    if record.val is not None:
        outcome, found = plan.question.scoring, read_predictions(folder / job.folder, "val")
        counts = outcome.members(found.labels, plan.classes)
        reached = float(outcome.scores(found.logits[counts], found.labels[counts]).mean())
        nll = record.val.nll
    searched = plan.tuning is not None and plan.tuning.trials is not None
    return Tried(
        model=job.spec.model,
        lr=job.spec.recipe.lr,
        outcome=reached,
        nll=nll,
        epochs=job.spec.recipe.epochs if searched else UNSET,
    )


def best_rates(runs: Sequence[Tried], outcome: Outcome, tuning: Tuning | None = None) -> dict[str, float]:
    """Each candidate's best learning rate: by the outcome on validation images, then by the loss, then the smaller one.

    Only runs of all epochs count. A candidate whose runs all failed is not in it, and keeps the recipe's.
    """
    best: dict[str, tuple[tuple[float, float, float], float]] = {}
    for run in runs:
        whole = run.epochs is UNSET or tuning is None or run.epochs == tuning.epochs
        if whole and run.outcome is not None and run.nll is not None:
            merit = (outcome.merit(run.outcome), -run.nll, -run.lr)
            if run.model not in best or merit > best[run.model][0]:
                best[run.model] = (merit, run.lr)
    return {model: lr for model, (_, lr) in best.items()}
