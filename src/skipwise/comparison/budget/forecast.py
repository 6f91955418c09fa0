"""A forecast of the time and the disk space that a comparison needs."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from skipwise.comparison.plan.curve import PARTS
from skipwise.comparison.plan.plan import Plan
from skipwise.core.machine import devices
from skipwise.core.machine.system import usable_cores
from skipwise.cost.load import slowdown, slowdown_side_by_side
from skipwise.cost.price import Price
from skipwise.evaluation.variants import VARIANTS
from skipwise.nets.external import is_external
from skipwise.training.loop.recipe import for_part
from skipwise.training.probe.step import ENOUGH, try_step
from skipwise.training.probe.step_cost import StepCost

SLOWER = 1.1
"""Runs that are done at once share memory and caches: their steps take about so many times as long."""
STARTING = 6.0
"""Seconds for starting processes and reading images, on an idle machine."""
ENDING, ENDING_EACH = 3.0, 1.5
"""Seconds for judging and the report, and for each network's latency and part of the report."""


@dataclass(frozen=True)
class Forecast:
    """The forecast of a comparison.

    Args:
        first: seconds to the first look; None where it is not known.
        last: seconds to the last look, if all looks are needed; None where it is not known.
        kept: the size of the results, in bytes.
        needed: the disk space that is needed at most at once, in bytes.
        epochs: what an epoch of each network takes, relative to those of the others.
        answers: the part of `kept` that is no weights, in bytes.
        weights: of one run of each network, in bytes.
        price: of a machine, where it was named.
        curve: the part of `first`, and of `last`, that a learning curve takes.
    """

    first: float | None
    last: float | None
    kept: float
    needed: float
    epochs: dict[str, float] = field(default_factory=dict)
    answers: float = 0.0
    weights: float = 0.0
    price: Price | None = None
    curve: float = 0.0


def try_steps(plan: Plan, multiply_adds: Mapping[str, float], *, each: float = ENOUGH) -> dict[str, StepCost]:
    """The cost of a training step of each network on this machine; {} where all networks are external.

    Only Skipwise's own networks are measured. External ones, whose code should be run in a process of its own, are
    estimated from their multiply-adds.

    Args:
        multiply_adds: for one image, of each network.
        each: how long each part of a network's step is timed, in seconds.
    """
    shape = {"channels": plan.preprocessing.channels, "size": plan.preprocessing.size}
    costs = {
        name: try_step(
            plan.network(name).build_for_timing(), plan.recipe_of(name), plan.execution, seconds=each, **shape
        )
        for name in multiply_adds
        if not is_external(name)
    }
    return costs | guessed(costs, multiply_adds)


def guessed(costs: Mapping[str, StepCost], multiply_adds: Mapping[str, float]) -> dict[str, StepCost]:
    """Estimates the costs of the networks that were not measured, in proportion to their multiply-adds."""
    if not costs:
        return {}
    share = min(cost.share for cost in costs.values())
    each = {part: sum(getattr(cost, part) for cost in costs.values()) for part in ("step", "evaluation", "update")}
    work = sum(multiply_adds[name] for name in costs)
    return {
        name: StepCost(**{part: total * multiply_adds[name] / work for part, total in each.items()}, share=share)
        for name in multiply_adds.keys() - costs.keys()
    }


def forecast(plan: Plan, costs: Mapping[str, StepCost], weights: Mapping[str, float]) -> Forecast:
    """Returns the forecast of a plan.

    Args:
        costs: of a training step of each network; without them nothing is known of the time.
        weights: the size of each network's weights, in bytes.
    """
    parts, counts = plan.folds or 1, plan.split_images
    question = plan.question
    answers = 4 * len(plan.classes) * (counts["val"] * parts + plan.test_images)
    answers += 4 * plan.test_images * sum(len(VARIANTS[variant].versions) for variant in question.variants)
    each = {name: weights.get(name, 0.0) * parts + answers for name in question.candidates}
    tuned = sum(plan.tuning.runs) if plan.tuning else 0
    kept = sum(each.values()) * (question.looks[-1] + tuned)
    of_curve = len(PARTS) * len(plan.curve_seeds)
    kept += of_curve * max(each.values(), default=0.0)
    # A run under way keeps two checkpoints, each with its weights and the state of the optimizer.
    working = 4 * max(weights.values(), default=0.0) * plan.processes
    return Forecast(
        first=seconds(plan, costs, question.looks[0]) if costs else None,
        last=seconds(plan, costs, question.looks[-1]) if costs else None,
        kept=kept,
        needed=kept + working,
        epochs={name: cost.step for name, cost in costs.items()},
        answers=answers * (len(each) * (question.looks[-1] + tuned) + of_curve),
        weights=sum(weights.get(name, 0.0) for name in each) * parts,
        curve=curve_seconds(plan, costs),
    )


def seconds(plan: Plan, costs: Mapping[str, StepCost], seeds: int) -> float:
    """The time from the first run to the report, with tuning, and with the last look after `seeds` seeds, in seconds.

    Networks whose costs are not known count as 0: they do not work, and their runs fail at once.
    """
    processes = plan.processes
    names = [name for name in plan.trained if name in costs]
    a_round = [run_seconds(plan, costs, name) for name in names for _ in range(plan.folds or 1)]
    # Every look waits for its runs, and under a time limit the first round shows who learns.
    waits = {look for look in plan.question.looks if look < seeds} | ({1} if plan.time_limit is not None else set())
    training = sum(
        makespan(a_round * (now - before), processes) for before, now in itertools.pairwise(sorted({0, *waits, seeds}))
    )
    if plan.tuning is not None:
        lengths = (plan.tuning.first_epochs, plan.tuning.epochs)
        for epochs, runs in zip(lengths, plan.tuning.runs, strict=True):
            short = plan.lasting(plan.question.looks, epochs)
            each = [run_seconds(short, costs, name) for name in names for _ in range(runs)]
            training += makespan(each, processes)
    return overhead(plan, costs) + training + curve_seconds(plan, costs)


def curve_seconds(plan: Plan, costs: Mapping[str, StepCost]) -> float:
    """The time of the runs on parts of the training images, in seconds, if the most expensive network is chosen."""
    names = [name for name in plan.trained if name in costs]
    a_seed = [
        max((run_seconds(plan, costs, name, share=share) for name in names), default=0.0)
        for share in PARTS.values()
        for _ in range(plan.folds or 1)
    ]
    return makespan(a_seed * len(plan.curve_seeds), plan.processes)


def makespan(runs: Iterable[float], processes: int) -> float:
    """The time until these runs are done, if each process that is free takes the next one.

    >>> makespan([2.0, 2.0, 3.0], processes=2)
    5.0
    """
    free = [0.0] * processes
    for run in runs:
        heapq.heapreplace(free, free[0] + run)
    return max(free)


def run_seconds(plan: Plan, costs: Mapping[str, StepCost], name: str, *, share: float = 1.0) -> float:
    """The time of one run of a network while others are done at once, in seconds.

    Args:
        share: of the training images that it is trained on.
    """
    cost, recipe, images = costs[name], plan.recipe, plan.train_images
    if share < 1:  # smaller batches: the optimizer's part of a step is as long as before
        whole, images = recipe, int(images * share)
        recipe = for_part(whole, plan.train_images, share)
        cost = replace(cost.on_pixels(recipe.batch_size / whole.batch_size), evaluation=cost.evaluation)
    steps = recipe.steps_in_all(images)
    evaluated = plan.split_images["val"] * recipe.epochs + plan.test_images / (plan.folds or 1)
    alone = cost.training(recipe, plan.preprocessing.size, steps) + cost.evaluation * evaluated
    for variant in (VARIANTS[variant] for variant in plan.question.variants):
        version = cost.evaluation + variant.seconds(plan.preprocessing.size)
        alone += len(variant.versions) * version * plan.test_images / (plan.folds or 1)
    execution, processes = plan.execution, plan.beside
    beside = SLOWER if processes > 1 else 1.0
    if not devices.of(execution.device).own_cores:
        beside *= slowdown_side_by_side(
            cost.share, threads=execution.threads, processes=processes, cores=usable_cores()
        )
    return alone * beside


def overhead(plan: Plan, costs: Mapping[str, StepCost]) -> float:
    """The time before the first run and after the last one, in seconds."""
    return STARTING * slowest(costs) + ending(plan, costs)


def ending(plan: Plan, costs: Mapping[str, StepCost]) -> float:
    """The time from the end of the last run to the end of the command, in seconds."""
    return (ENDING + ENDING_EACH * len(plan.trained)) * slowest(costs)


def slowest(costs: Mapping[str, StepCost]) -> float:
    """Returns how many times slower than on an idle machine work is, by trials of steps; 1 without trials."""
    return max((slowdown(cost.share) for cost in costs.values()), default=1.0)
