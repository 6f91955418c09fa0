"""How long a comparison will take and how much disk it will need, and what of it fits into a time limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import nn

from skipwise.comparison.plan import Plan, Tuning
from skipwise.errors import SkipwiseError
from skipwise.nets.guests import is_guest
from skipwise.training.recipe import shortened
from skipwise.training.trial import StepCost, try_step

SLOWER = 1.2
"""Runs side by side share memory and caches; a step tried alone is quicker by about this."""
SPARE = 0.85
"""The share of a time limit that the plan uses."""
STARTING, ENDING = 8.0, 2.0
"""Seconds: for processes that start and images that are read; and for each network's latency and part of the report."""


@dataclass(frozen=True)
class Forecast:
    """Seconds to the first look and to the last one, if that is needed; bytes of the results, and at most at once."""

    first: float | None
    last: float | None
    kept: float
    needed: float


def try_steps(plan: Plan, networks: Mapping[str, nn.Module], multiply_adds: Mapping[str, float]) -> dict[str, StepCost]:
    """What a training step of each network costs here; {} where all of them are somebody else's.

    Only our own are tried: what others' code does in training, it should do in a process of its own. Theirs are guessed
    from their multiply-adds.
    """
    shape = {"channels": plan.preprocessing.channels, "size": plan.preprocessing.size}
    costs = {
        name: try_step(network, plan.recipe_of(name), plan.execution, **shape)
        for name, network in networks.items()
        if not is_guest(name)
    }
    work = sum(multiply_adds[name] for name in costs)
    step, evaluation = (sum(getattr(cost, part) for cost in costs.values()) for part in ("step", "evaluation"))
    for name in networks.keys() - costs.keys() if costs else ():
        share = multiply_adds[name] / work
        costs[name] = StepCost(step * share, evaluation * share)
    return costs


def forecast(plan: Plan, costs: Mapping[str, StepCost], weights: Mapping[str, float]) -> Forecast:
    """What a plan will take.

    Args:
        costs: of a step of each network; nothing is known of the time where there are none.
        weights: bytes of each network's weights.
    """
    parts, counts = plan.folds or 1, plan.split_images
    question = plan.question
    answers = 4 * len(plan.classes) * (counts["val"] * parts + plan.test_images)
    each = {name: weights.get(name, 0.0) * parts + answers for name in question.contenders}
    tuned = len(plan.tuning.rates) if plan.tuning else 0
    kept = sum(each.values()) * (question.looks[-1] + tuned)
    # A run that goes on keeps its weights, what the optimizer remembers of them, and both of an earlier moment.
    working = 4 * max(weights.values(), default=0.0) * plan.processes
    return Forecast(
        first=_seconds(plan, costs, question.looks[0]) if costs else None,
        last=_seconds(plan, costs, question.looks[-1]) if costs else None,
        kept=kept,
        needed=kept + working,
    )


def _seconds(plan: Plan, costs: Mapping[str, StepCost], seeds: int) -> float:
    """Until a look after so many seeds, with the tuning before it."""
    whole = sum(_run(plan, cost, plan.recipe.epochs) for cost in costs.values())
    work = whole * seeds * (plan.folds or 1)
    if plan.tuning is not None:
        work += len(plan.tuning.rates) * sum(_run(plan, cost, plan.tuning.epochs) for cost in costs.values())
    side_by_side = SLOWER if plan.processes > 1 else 1.0
    return STARTING + work * side_by_side / plan.processes + ENDING * len(plan.question.contenders)


def _run(plan: Plan, cost: StepCost, epochs: int) -> float:
    recipe = shortened(plan.recipe, epochs, plan.train_images)
    steps = epochs * max(1, plan.train_images // recipe.batch_size)
    tested = plan.test_images / (plan.folds or 1)
    evaluated = plan.split_images["val"] * epochs + tested
    return cost.training(recipe, plan.preprocessing.size, steps) + cost.evaluation * evaluated


def _shorter(plan: Plan, epochs: int) -> Tuning | None:
    """Tuning in proportion to a run of so many epochs."""
    if plan.tuning is None:
        return None
    return replace(plan.tuning, epochs=max(1, plan.tuning.epochs * epochs // plan.recipe.epochs))


def fitted(plan: Plan, costs: Mapping[str, StepCost], limit: float, *, fewer_epochs: bool) -> Plan:
    """The plan with as many looks, and then epochs, as fit into so many seconds.

    Looks come first: a recipe's epochs are what it was tuned for. Where not even the first look fits, it is the only
    one, with fewer epochs.

    Args:
        fewer_epochs: whether these may be changed.

    Raises:
        SkipwiseError: not even one epoch of the first look fits.
    """
    left, question = limit * SPARE, plan.question
    for count in range(len(question.looks), 0, -1):
        if _seconds(plan, costs, question.looks[count - 1]) <= left:
            return replace(plan, question=replace(question, looks=question.looks[:count]))
    first = replace(plan, question=replace(question, looks=question.looks[:1]))
    for epochs in range(plan.recipe.epochs - 1, 0, -1) if fewer_epochs else ():
        recipe = shortened(plan.recipe, epochs, plan.train_images)
        shorter = replace(first, recipe=recipe, tuning=_shorter(plan, epochs))
        if _seconds(shorter, costs, question.looks[0]) <= left:
            return shorter
    least = replace(first, recipe=shortened(plan.recipe, 1, plan.train_images)) if fewer_epochs else first
    minutes = _seconds(least, costs, question.looks[0]) / SPARE / 60
    runs = f"{question.looks[0]} runs of {len(question.contenders)} networks"
    raise SkipwiseError(
        f"--time-limit is too short: {runs}, of {least.recipe.epochs} epoch{'s' * (least.recipe.epochs != 1)} each, "
        f"take about {max(minutes, 0.1):.1f} min here; allow more time, or compare fewer networks, with fewer --seeds "
        "or at a smaller --width."
    )
