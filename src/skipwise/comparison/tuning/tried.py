"""The runs that tune learning rates: what each reached on the validation images, and which rate is the best."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import UNSET

from skipwise.comparison.plan.plan import Job, Plan
from skipwise.comparison.plan.tuning import Tuning
from skipwise.comparison.results.records import Tried
from skipwise.comparison.run.keeping import validation_outcome
from skipwise.evaluation.outcomes import Outcome
from skipwise.training.folder.record import RunRecord


def tried(plan: Plan, folder: Path, job: Job, record: RunRecord) -> Tried:
    """The outcome that a run for tuning reached."""
    searched = plan.tuning is not None and plan.tuning.trials is not None
    return Tried(
        model=job.spec.model,
        lr=job.spec.recipe.lr,
        outcome=validation_outcome(plan, folder / job.folder, record),
        nll=None if record.val is None else record.val.nll,
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
