"""The part of a plan that says which learning rates are tried, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

TOGETHER = 4
"""The trials that are done at once, before others are chosen by them."""
HALVED = 3
"""Trials are compared after this part of their epochs."""


def kept(trials: int) -> int:
    """Returns the number of trials of a round that are trained for all epochs: the better half."""
    return (trials + 1) // 2


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """Learning rates that every candidate tries first, in short runs, judged on the validation images.

    Args:
        rates: those that are tried, in one run each; with `trials`, the lowest and the highest one.
        epochs: of a run.
        seed: of the runs, and of what is drawn.
        trials: how many rates Optuna chooses between these two, for every candidate; None tries each of `rates`.
    """

    rates: tuple[float, ...]
    epochs: int
    seed: int
    trials: int | None = None

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
        """The numbers of runs of every candidate: those with `first_epochs`, and those with `epochs`."""
        if self.trials is None:
            return 0, len(self.rates)
        if self.first_epochs == self.epochs:
            return 0, self.trials
        return self.trials, sum(kept(size) for size in self.rounds)
