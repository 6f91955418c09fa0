"""Tuning of the candidates: the learning rates that each tries before the comparison, and for how long."""

from __future__ import annotations

from collections.abc import Sequence

from skipwise.comparison.plan.tuning import Tuning
from skipwise.comparison.question.question import Question
from skipwise.core.errors import SkipwiseError, require
from skipwise.statistics import MOST_SEEDS
from skipwise.training.loop.recipe import Recipe, RecipeOptions

LEAST_TRIALS, MOST_TRIALS = 2, 1000


def choose_tuning(
    rates: Sequence[float] | None,
    epochs: int | None,
    trials: int | None,
    recipe: Recipe,
    question: Question,
    validation: int,
) -> Tuning | None:
    """The tuning that is asked for; None where none is.

    Args:
        rates, epochs, trials: as they are given; None leaves the epochs to the recipe, and tries each of the rates.
        validation: how many validation images there are.

    Raises:
        SkipwiseError: rates that can't be chosen from, or nothing to choose them by.
    """
    if rates is None:
        if epochs is not None:
            raise SkipwiseError("--tune-epochs is for --tune; leave it out.")
        return None
    for rate in rates:
        RecipeOptions(lr=rate).check()
    RecipeOptions(epochs=epochs).check()
    if len(set(rates)) < 2:
        raise SkipwiseError("--tune needs at least two learning rates to choose from, like --tune lr=0.05,0.1,0.2.")
    if not validation:
        raise SkipwiseError("--tune chooses by validation images, and there are none; leave --val-share 0 out.")
    # A seed that no run of the comparison has, so that none starts from what was chosen for it.
    epochs = epochs or max(1, recipe.epochs // 3)
    chosen = tuple(rates) if trials is None else (min(rates), max(rates))
    return Tuning(rates=chosen, epochs=epochs, seed=question.first_seed + MOST_SEEDS, trials=trials)


def check_trials(rates: Sequence[float] | None, trials: int | None) -> None:
    """Checks the number of trials, before the images are read.

    Raises:
        SkipwiseError: it is out of range, there are no rates to choose between, or Optuna is not installed.
    """
    if trials is None:
        return
    if rates is None:
        raise SkipwiseError("--tune-trials needs --tune with the lowest and the highest rate, like --tune lr=0.01,1.")
    if not LEAST_TRIALS <= trials <= MOST_TRIALS:
        raise SkipwiseError(f"--tune-trials must lie between {LEAST_TRIALS} and {MOST_TRIALS}, not {trials}.")
    require("optuna", extra="tune")
