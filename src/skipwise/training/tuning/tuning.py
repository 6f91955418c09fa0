"""The part of a plan that says which hyperparameters are searched, and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from skipwise.training.tuning.space import LR, Range

TOGETHER = 4
"""The trials that are done at once, before others are chosen by them."""
HALVED = 3
"""Trials are compared after this part of their epochs."""


def kept(trials: int) -> int:
    """Returns the number of trials of a round that are trained for all epochs: the better half."""
    return (trials + 1) // 2


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """Hyperparameters that every network tries first, in short runs, judged on the validation images.

    Args:
        rates: learning rates that are tried, in one run each; with `trials`, the lowest and the highest one; () where
            `space` has their range, or they are not searched.
        epochs: of a run.
        seed: of the runs, and of what is drawn.
        trials: how many points Optuna chooses, for every network; None tries each of `rates`.
        space: the ranges between which it chooses. () leaves it to `rates`; otherwise the recipe's own values are the
            first trial.
    """

    rates: tuple[float, ...]
    epochs: int
    seed: int
    trials: int | None = None
    space: tuple[Range, ...] = ()

    @property
    def ranges(self) -> tuple[Range, ...]:
        """The ranges between which Optuna chooses."""
        return self.space or (Range(name=LR, low=self.rates[0], high=self.rates[-1]),)

    @property
    def names(self) -> tuple[str, ...]:
        """The hyperparameters that are searched."""
        return tuple(each.name for each in self.ranges)

    @property
    def first_epochs(self) -> int:
        """The epochs that every trial begins with, before the better half of them is trained again for all epochs."""
        return self.epochs if self.trials is None else max(1, self.epochs // HALVED)

    @property
    def rounds(self) -> tuple[int, ...]:
        """The number of trials in each round, with `trials`."""
        left = self.trials or 0
        return tuple(min(TOGETHER, left - done) for done in range(0, left, TOGETHER))

    @property
    def runs(self) -> tuple[int, int]:
        """The numbers of runs of every network: those with `first_epochs`, and those with `epochs`."""
        if self.trials is None:
            return 0, len(self.rates)
        if self.first_epochs == self.epochs:
            return 0, self.trials
        return self.trials, sum(kept(size) for size in self.rounds)

    def name_of(self, values: Mapping[str, float], trial: int, epochs: int) -> str:
        """The name of the run of a trial: by its learning rate, or by its number where more may differ."""
        name = f"t{trial}" if self.space else f"lr{values[LR]!r}"
        return name if epochs == self.epochs else f"{name}-e{epochs}"
