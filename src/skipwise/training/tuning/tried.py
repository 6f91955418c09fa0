"""Runs that tune hyperparameters: what each reached on the validation images, and which one is the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec import UNSET, UnsetType

from skipwise.evaluation.outcomes import Outcome
from skipwise.training.tuning.space import LR
from skipwise.training.tuning.tuning import Tuning


@dataclass(frozen=True, kw_only=True)
class Point:
    """A point of the space, which a trial tries.

    Args:
        model: the network.
        trial: its number, counted from 0.
        values: of the hyperparameters, by name.
    """

    model: str
    trial: int
    values: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A run that tuned.

    Args:
        model: the network.
        lr: its peak learning rate.
        outcome: what it reached on the validation images; None where it failed.
        nll: its negative log-likelihood on the validation images, in nats.
        epochs: of the run, where trials have different numbers of them.
        trial: the number of the trial, where more than the learning rates that were named is searched.
        values: all that was searched, by name; there with `trial`.
    """

    model: str
    lr: float
    outcome: float | None
    nll: float | None
    epochs: int | UnsetType = UNSET
    trial: int | UnsetType = UNSET
    values: dict[str, float] | UnsetType = UNSET

    @property
    def searched(self) -> Mapping[str, float]:
        """The values of all hyperparameters that were searched."""
        return {LR: self.lr} if isinstance(self.values, UnsetType) else self.values


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """The choice of a search for one run.

    Args:
        values: of the hyperparameters, by name; {} where all trials failed, and the recipe keeps its own.
        tried: all runs that tuned.
    """

    values: dict[str, float]
    tried: tuple[Tried, ...]

    @property
    def best(self) -> Tried | None:
        """The run by which the values were chosen; None where all failed."""
        runs = [run for run in self.tried if run.searched == self.values and run.outcome is not None]
        return max(runs, key=lambda run: run.epochs if isinstance(run.epochs, int) else 0, default=None)


def best_runs(runs: Sequence[Tried], outcome: Outcome, tuning: Tuning | None = None) -> dict[str, Tried]:
    """Each network's best run: by the outcome on validation images, then by the loss, then the smaller learning rate,
    then the earlier trial.

    Only runs of all epochs count. A network whose runs all failed is not in it, and keeps the recipe's values.
    """
    best: dict[str, tuple[tuple[float, float, float], Tried]] = {}
    for run in runs:
        whole = run.epochs is UNSET or tuning is None or run.epochs == tuning.epochs
        if whole and run.outcome is not None and run.nll is not None:
            merit = (outcome.merit(run.outcome), -run.nll, -run.lr)
            if run.model not in best or merit > best[run.model][0]:
                best[run.model] = (merit, run)
    return {model: run for model, (_, run) in best.items()}


def best_values(runs: Sequence[Tried], outcome: Outcome, tuning: Tuning | None = None) -> dict[str, dict[str, float]]:
    """The values of each network's best run; see `best_runs`."""
    return {model: dict(run.searched) for model, run in best_runs(runs, outcome, tuning).items()}
