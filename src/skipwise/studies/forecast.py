"""The time that the comparisons of a study take."""

from __future__ import annotations

import time
from statistics import median

from skipwise.comparison.plan.planned import Planned
from skipwise.core.machine import devices
from skipwise.core.machine.system import usable_cores
from skipwise.cost.load import slowdown_side_by_side
from skipwise.nets.spec import NetworkSpec
from skipwise.studies.designs import Design
from skipwise.training.loop.recipe import Recipe, RecipeOptions, choose_recipe
from skipwise.training.machine.execution import Execution, choose_device, choose_execution, choose_processes
from skipwise.training.probe.step_cost import StepCost

TRYING = 0.2
"""Each part of a step is timed for at most so many seconds where many networks are tried out."""


def seconds_of(planned: Planned) -> float:
    """The expected time of a planned comparison, in seconds; 0 where nothing is left to do.

    `compare` does not try out networks that are not Skipwise's by name, whose code may be anybody's. The networks of a
    study are ours, so they are tried out here.
    """
    if planned.forecast is None:
        return 0.0
    if planned.forecast.first is not None:
        return planned.forecast.first
    from skipwise.comparison.budget.forecast import seconds
    from skipwise.training.probe.step import ENOUGH, try_step

    plan = planned.plan
    shape = {"channels": plan.preprocessing.channels, "size": plan.preprocessing.size}
    costs = {
        name: try_step(
            plan.network(name).build(seed=0), plan.recipe_of(name), plan.execution, seconds=ENOUGH / 2, **shape
        )
        for name in plan.trained
    }
    return seconds(plan, costs, plan.question.looks[-1])


class Trials:
    """The costs of steps of many networks. Each is tried out once, as long as there is time; those that are left are
    taken to be as quick for their multiply-adds as the others are, in the median.

    Args:
        seconds: after which no further network is tried out, so that a list of studies does not take minutes where
            other programs are running.
    """

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self._known: dict[tuple[NetworkSpec, Recipe, Execution, int], tuple[StepCost, float, int]] = {}

    def cost(
        self, spec: NetworkSpec, recipe: Recipe, execution: Execution, *, size: int, multiply_adds: float
    ) -> StepCost:
        """The cost of a network's steps.

        Args:
            size: of the images, in pixels.
            multiply_adds: for one image.
        """
        key, batch = (spec, recipe, execution, size), recipe.batch_size
        if key in self._known:
            return self._known[key][0]
        if self._known and time.monotonic() > self._until:
            return self._scaled(multiply_adds, batch)
        from skipwise.training.probe.step import try_step

        network = spec.build_for_timing()
        found = try_step(network, recipe, execution, seconds=TRYING, channels=3, size=size)
        self._known[key] = found, multiply_adds, batch
        return found

    def _scaled(self, multiply_adds: float, batch: int) -> StepCost:
        known = [(cost, multiply_adds / theirs, batch / size) for cost, theirs, size in self._known.values()]
        return StepCost(
            step=median(cost.step * work * images for cost, work, images in known),
            evaluation=median(cost.evaluation * work for cost, work, _ in known),
            update=median(cost.update * work for cost, work, _ in known),
            share=median(cost.share for cost, _, _ in known),
        )


def expected_seconds(design: Design, trials: Trials) -> float:
    """About how long a comparison takes on this machine, found out without its images, in seconds."""
    from skipwise.comparison.budget.forecast import ENDING, ENDING_EACH, STARTING, makespan
    from skipwise.cost.counts import count

    images, shape = design.images, {"channels": 3, "size": design.img_size}
    recipe = choose_recipe(
        RecipeOptions(recipe=design.recipe, epochs=design.epochs, batch_size=design.batch_size),
        mirrors=True,
        images=images.train,
    )
    specs = [design.network(name) for name in design.models]
    works = [count(spec.build_for_counting(), **shape).multiply_adds for spec in specs]
    execution = choose_execution(choose_device("auto"), step_multiply_adds=max(works) * recipe.batch_size)
    processes = choose_processes(execution, None)
    evaluated = images.val * recipe.epochs + images.test
    runs = []
    for spec, work in zip(specs, works, strict=True):
        cost = trials.cost(spec, recipe, execution, size=design.img_size, multiply_adds=work)
        steps = recipe.steps_in_all(images.train)
        run = cost.training(recipe, design.img_size, steps) + cost.evaluation * evaluated
        runs += [run * _beside(cost, execution, processes)] * design.seeds
    return makespan(runs, processes) + STARTING + ENDING + ENDING_EACH * len(specs)


def _beside(cost: StepCost, execution: Execution, processes: int) -> float:
    """Returns how many times as long a run takes beside the others that go on at once as it does alone."""
    from skipwise.comparison.budget.forecast import SLOWER

    beside = SLOWER if processes > 1 else 1.0
    if devices.of(execution.device).own_cores:
        return beside
    return beside * slowdown_side_by_side(
        cost.share, threads=execution.threads, processes=processes, cores=usable_cores()
    )
