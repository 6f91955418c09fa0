"""Tuning of the candidates: the learning rates that each tries before the comparison, and for how long."""

from __future__ import annotations

from collections.abc import Sequence

from skipwise.comparison.plan.plan import Tuning
from skipwise.comparison.question.question import Question
from skipwise.core.errors import SkipwiseError
from skipwise.statistics import MOST_SEEDS
from skipwise.training.loop.recipe import Recipe, RecipeOptions


def choose_tuning(
    rates: Sequence[float] | None, epochs: int | None, recipe: Recipe, question: Question, validation: int
) -> Tuning | None:
    """The tuning that is asked for; None where none is.

    Args:
        rates, epochs: as they are given; None leaves the epochs to the recipe.
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
    return Tuning(rates=tuple(rates), epochs=epochs, seed=question.first_seed + MOST_SEEDS)
