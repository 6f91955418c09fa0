"""The tuning of a run in words."""

from __future__ import annotations

from dataclasses import dataclass

from skipwise.core.text import count, listed
from skipwise.training.tuning.space import said
from skipwise.training.tuning.tried import Tried, Tuned
from skipwise.training.tuning.tuning import Tuning


@dataclass(frozen=True, kw_only=True)
class TriedRow:
    """A run that tuned, as a row of a table.

    Args:
        trial: the number of the trial.
        values: what was tried.
        epochs: of the run.
        reached: on the validation images.
        chosen: whether the values were chosen by this run.
    """

    trial: str
    values: str
    epochs: str
    reached: str
    chosen: bool


def tuning_outlined(tuning: Tuning) -> str:
    """Names what is going to be tuned, with its ranges, in a phrase."""
    short, long = tuning.runs
    first = f"{count(short, 'run')} of {count(tuning.first_epochs, 'epoch')}, " if short else ""
    what = f"lr at {listed([f'{rate:g}' for rate in tuning.rates])}"
    if tuning.trials is not None:
        what = f"{listed([f'{each.name} ({each.low:g} to {each.high:g})' for each in tuning.ranges])}, by Optuna"
    return f"before that, tuning of {what}: {first}{count(long, 'run')} of {count(tuning.epochs, 'epoch')}"


def tuning_said(tuned: Tuned) -> str:
    """Tells in a sentence what was chosen, and from how many trials."""
    trials = len({run.trial for run in tuned.tried})
    if not tuned.values:
        return f"Tuning: all {count(trials, 'trial')} failed, so that the recipe kept its own values."
    best = tuned.best
    reached = "" if best is None else f" ({_share(best)} of the validation images right)"
    return (
        f"Tuning chose {said(tuned.values)}{reached}, the best of {count(trials, 'trial')}; no test image had a part "
        "in it."
    )


def tried_rows(tuned: Tuned) -> list[TriedRow]:
    """A row for each run that tuned, in the order of the trials; the shorter run of a trial first."""
    best = tuned.best
    return [
        TriedRow(
            trial=str(run.trial),
            values=said(run.searched),
            epochs=str(run.epochs),
            reached="failed" if run.outcome is None else _share(run),
            chosen=run is best,
        )
        for run in sorted(tuned.tried, key=lambda run: (_number(run.trial), _number(run.epochs)))
    ]


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _share(run: Tried) -> str:
    return f"{100 * (run.outcome or 0.0):.2f}%"
