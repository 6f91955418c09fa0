"""Tuning in words: which hyperparameters each network got, how good they were, and what finding them took."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, UnsetType

from skipwise.comparison.results.records import Candidate, Costs, Results
from skipwise.comparison.wording import phrases
from skipwise.core.text import duration, listed
from skipwise.pages import figures
from skipwise.training.tuning.space import LR, said
from skipwise.training.tuning.tried import Tried
from skipwise.training.tuning.tuning import Tuning


def tuned(results: Results, costs: Costs) -> list[str]:
    """States what tuning chose, in a sentence; none without tuning."""
    if not results.tried:
        return []
    each = []
    for candidate in results.candidates:
        best = _chosen(results, candidate)
        reached = "" if best is None or best.outcome is None else f" ({results.question.scoring.value(best.outcome)})"
        each.append(f"{_values(candidate)} for {candidate.name}{reached}")
    took = "" if costs.tuning_seconds is None else f" Tuning took {duration(costs.tuning_seconds)} of training."
    return [
        f"{_title(results)} by {phrases.measure(results.question, on='validation')}: {_joined(results, each)}; "
        f"{len(results.tried)} runs tried.{took}"
    ]


def searched(results: Results) -> list[dict[str, Any]] | None:
    """A row for each run of a search; None without a search."""
    if not any(run.epochs is not UNSET for run in results.tried):
        return None
    outcome, rows = results.question.scoring, []
    for number, candidate in enumerate(results.candidates):
        best = _chosen(results, candidate)
        for run in sorted((run for run in results.tried if run.model == candidate.name), key=_order):
            rows.append(
                {
                    "mark": figures.mark(number),
                    "name": candidate.name,
                    "rate": f"{run.lr:.3g}" if isinstance(run.values, UnsetType) else said(run.values),
                    "trial": run.trial if isinstance(run.trial, int) else None,
                    "epochs": run.epochs,
                    "value": "failed" if run.outcome is None else outcome.value(run.outcome),
                    "chosen": run is best,
                }
            )
    return rows


def tuned_what(tuning: Tuning) -> str:
    """The hyperparameters that are tuned, in a phrase."""
    return "learning rates" if tuning.names == (LR,) else "hyperparameters"


def _order(run: Tried) -> tuple[float, int]:
    """By the learning rate, or by the number of the trial; the shorter run first."""
    first = run.trial if isinstance(run.trial, int) else run.lr
    return first, run.epochs if isinstance(run.epochs, int) else 0


def _title(results: Results) -> str:
    return "Hyperparameters" if _many(results) else "Learning rates"


def _many(results: Results) -> bool:
    """Whether more than named learning rates was searched."""
    return any(not isinstance(run.values, UnsetType) for run in results.tried)


def _values(candidate: Candidate) -> str:
    if isinstance(candidate.tuned, UnsetType):
        return f"{candidate.lr:.3g}"
    return said(candidate.tuned) or "the recipe's own"


def _joined(results: Results, each: list[str]) -> str:
    """Values with commas in them are set apart by semicolons."""
    return "; ".join(each) if _many(results) else listed(each)


def _chosen(results: Results, candidate: Candidate) -> Tried | None:
    """The run by which the candidate got its values; None where all runs failed."""
    runs = [run for run in results.tried if run.model == candidate.name and run.searched == candidate.chosen]
    return max((run for run in runs if run.outcome is not None), key=_order, default=None)
