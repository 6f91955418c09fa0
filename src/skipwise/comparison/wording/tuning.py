"""Tuning in words: which learning rate each network got, how good it was, and what finding it took."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from skipwise.comparison.results.records import Candidate, Costs, Results, Tried
from skipwise.comparison.wording import phrases
from skipwise.core.text import duration, listed
from skipwise.pages import figures


def tuned(results: Results, costs: Costs) -> list[str]:
    """States what tuning chose, in a sentence; none without tuning."""
    if not results.tried:
        return []
    each = []
    for candidate in results.candidates:
        best = _chosen(results, candidate)
        reached = "" if best is None or best.outcome is None else f" ({results.question.scoring.value(best.outcome)})"
        each.append(f"{candidate.lr:.3g} for {candidate.name}{reached}")
    took = "" if costs.tuning_seconds is None else f" Tuning took {duration(costs.tuning_seconds)} of training."
    return [
        f"Learning rates by {phrases.measure(results.question, on='validation')}: {listed(each)}; "
        f"{len(results.tried)} runs tried.{took}"
    ]


def searched(results: Results) -> list[dict[str, Any]] | None:
    """A row for each learning rate that a search tried; None without a search."""
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
                    "rate": f"{run.lr:.3g}",
                    "epochs": run.epochs,
                    "value": "failed" if run.outcome is None else outcome.value(run.outcome),
                    "chosen": run is best,
                }
            )
    return rows


def _order(run: Tried) -> tuple[float, int]:
    return run.lr, run.epochs if isinstance(run.epochs, int) else 0


def _chosen(results: Results, candidate: Candidate) -> Tried | None:
    """The run by which the candidate got its rate; None where all runs failed."""
    runs = [run for run in results.tried if run.model == candidate.name and run.lr == candidate.lr]
    return max((run for run in runs if run.outcome is not None), key=_order, default=None)
