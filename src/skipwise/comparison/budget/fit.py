"""The choice of what fits into the time limit of a comparison, and of what is given up for it.

The order is that of docs/time-limits.md. First later seeds are given up, then epochs, down to as many as a network
needs to learn what it can, then seeds, down to three. Then come the size of the images and the stem, with as many seeds
as before; then networks, the costliest first, which would be trained too briefly to be compared; then the third seed;
and last the epochs of the two networks that are left.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from skipwise.comparison.budget.forecast import run_seconds, seconds
from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.question.question import FEWEST, LEAST
from skipwise.core.errors import SkipwiseError
from skipwise.core.text import count, duration, listed
from skipwise.training.planning.setting import NEARLY, enough_epochs
from skipwise.training.probe.step_cost import StepCost
from skipwise.training.run.time_budget import LEAST_STEPS

SPARE = 0.95
"""The share of the time that a plan uses."""
MANY = 5
"""So many seeds are worth more than epochs that are not necessary: with three, intervals are several times as wide."""

Costs = Mapping[str, StepCost]


def fit_to_limit(
    plans: Sequence[Plan], costs: Callable[[Plan], Costs], left: Callable[[Plan], float], *, fewer_epochs: bool
) -> Plan:
    """The plan that fits into the time limit.

    Args:
        plans: the comparison in each setting in which it may be carried out, the preferred one first and the cheapest
            last, with the looks and epochs that it would have without a limit.
        costs: returns the cost of a step of each network under one of the plans.
        left: returns the time from when a plan's images are decoded to the end of the command, in seconds.
        fewer_epochs: whether the number of epochs may be changed; the user may have asked for one.

    Raises:
        SkipwiseError: not even a few steps of two runs of two networks fit.
    """
    for at in plans:
        if (found := _with_enough(at, costs(at), left(at), fewer_epochs=fewer_epochs)) is not None:
            return found
    at = plans[-1]
    known, spent = costs(at), max(0.0, (at.time_limit or 0.0) - left(at))
    dearest = sorted(at.trained, key=lambda name: -run_seconds(at, known, name))
    enough = _enough(at, fewer_epochs=fewer_epochs)
    would_do = limit_for(_needed(at, known, FEWEST, enough), spent)
    for dropped in range(1, len(dearest) - 1):
        fewer = without(at, dearest[:dropped], would_do)
        if (found := _with_enough(fewer, known, left(at), fewer_epochs=fewer_epochs)) is not None:
            return found
    pairs = [without(plan, dearest[:-2], would_do) for plan in plans]
    lasting = [_longest(two, costs(two), left(two), LEAST, fewer_epochs=fewer_epochs) for two in pairs]
    if (most := max(two.recipe.epochs if two else 0 for two in lasting)) > 0:
        least = enough if most >= enough else NEARLY * most
        return next(two for two in lasting if two and two.recipe.epochs >= least)
    if fewer_epochs and (short := _shortest(pairs[-1], known, left(at))) is not None:
        return short
    epochs = 1 if fewer_epochs else at.recipe.epochs
    needed = _needed(pairs[-1], known, LEAST, epochs)
    before = f", after {duration(spent)} for reading images and trying the networks" if spent >= 1 else ""
    raise SkipwiseError(
        f"--time-limit is too short: two runs of {listed(pairs[-1].trained)}, of {count(epochs, 'epoch')} each at "
        f"{at.setting}, take about {duration(needed)} here{before}; to be on the safe side, give --time-limit "
        f"{limit_for(needed, spent)} or more."
    )


def _longest(plan: Plan, costs: Costs, left: float, seeds: int, *, fewer_epochs: bool) -> Plan | None:
    """The plan with as many epochs as fit; None where not even one does."""
    for epochs in range(plan.recipe.epochs, 0, -1) if fewer_epochs else (plan.recipe.epochs,):
        found = plan.lasting(_looks(plan, seeds), epochs)
        if seconds(found, costs, seeds) <= left * SPARE:
            return found
    return None


def _shortest(plan: Plan, costs: Costs, left: float) -> Plan | None:
    """The plan with as many steps as fit, where an epoch does not; None where fewer than `LEAST_STEPS` fit."""
    an_epoch = plan.lasting(_looks(plan, LEAST), 1)
    for steps in range(an_epoch.recipe.steps_in_all(plan.train_images) - 1, LEAST_STEPS - 1, -1):
        found = replace(an_epoch, recipe=replace(an_epoch.recipe, steps=steps))
        if seconds(found, costs, LEAST) <= left * SPARE:
            return found
    return None


def _with_enough(plan: Plan, costs: Costs, left: float, *, fewer_epochs: bool) -> Plan | None:
    """The plan with as many seeds as fit; otherwise with fewer epochs and then seeds, as long as there are enough of
    both; None where there are not."""
    looks = plan.question.looks
    most = min(looks[0], MANY)
    seeds = bisect_right(range(most, looks[-1] + 1), left * SPARE, key=lambda count: seconds(plan, costs, count)) + (
        most - 1
    )
    if seeds >= most:
        return plan.lasting((*(look for look in looks if look < seeds), seeds), plan.recipe.epochs)
    enough = _enough(plan, fewer_epochs=fewer_epochs)
    for seeds in range(most, min(FEWEST, most) - 1, -1):
        found = _longest(plan, costs, left, seeds, fewer_epochs=fewer_epochs)
        if found is not None and found.recipe.epochs >= enough:
            return found
    return None


def _enough(plan: Plan, *, fewer_epochs: bool) -> int:
    return enough_epochs(plan.recipe, plan.train_images) if fewer_epochs else plan.recipe.epochs


def _looks(plan: Plan, seeds: int) -> tuple[int, ...]:
    return (min(seeds, plan.question.looks[-1]),)


def without(plan: Plan, names: Sequence[str], would_do: str) -> Plan:
    """The plan without some networks, for which the time is too short."""
    sentence = f"The time limit is too short to train it; --time-limit {would_do} would do for all networks."
    return replace(plan, not_trained={**plan.not_trained, **dict.fromkeys(names, sentence)})


def _needed(plan: Plan, costs: Costs, seeds: int, epochs: int) -> float:
    """The time of the plan with at most `seeds` seeds, and with `epochs` epochs, in seconds."""
    looks = _looks(plan, min(seeds, plan.question.looks[0]))
    return seconds(plan.lasting(looks, epochs), costs, looks[0])


def limit_for(needed: float, spent: float = 0.0) -> str:
    """The time limit, in whole minutes, that is enough for `needed` seconds after `spent` seconds, with a reserve.

    >>> limit_for(100)
    '2m'
    """
    return f"{math.ceil((spent + needed / SPARE * 1.1) / 60)}m"
