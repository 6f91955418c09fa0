"""The tuning that options ask for, as a plan has it."""

from __future__ import annotations

from collections.abc import Sequence

from skipwise.core.errors import SkipwiseError
from skipwise.statistics import MOST_SEEDS
from skipwise.training.loop.recipe import Recipe
from skipwise.training.tuning.options import TuneOptions
from skipwise.training.tuning.space import ranges_of
from skipwise.training.tuning.tuning import Tuning

SEEDS = 2**32


def choose_tuning(asked: TuneOptions, recipes: Sequence[Recipe], *, first_seed: int, validation: int) -> Tuning | None:
    """The tuning that is asked for; None where none is.

    Args:
        asked: the options, checked.
        recipes: those that networks are trained by; the first one has the number of epochs.
        first_seed: of the runs that follow.
        validation: how many validation images there are.

    Raises:
        SkipwiseError: there is nothing to choose by.
    """
    if not asked.asked:
        return None
    if not validation:
        what = "--tune" if asked.tune is not None else "--tune-trials"
        raise SkipwiseError(f"{what} chooses by validation images, and there are none; leave --val-share 0 out.")
    rates = None if asked.tune is None else tuple(map(float, asked.tune))
    bare = rates is not None and asked.tune_what is None
    if rates is not None and asked.tune_trials is not None:
        rates = (min(rates), max(rates))
    return Tuning(
        rates=rates or () if bare else (),
        epochs=asked.tune_epochs or max(1, recipes[0].epochs // 3),
        # A seed that no run of a comparison has, so that none starts from what was chosen for it.
        seed=(first_seed + MOST_SEEDS) % SEEDS,
        trials=asked.tune_trials,
        space=() if bare else ranges_of(asked.names, recipes, rates),
    )
