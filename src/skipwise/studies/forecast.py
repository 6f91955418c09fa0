"""The time that the comparisons of a study take."""

from __future__ import annotations

from skipwise.comparison.plan.planned import Planned
from skipwise.core.machine import devices
from skipwise.core.machine.system import usable_cores
from skipwise.cost.load import slowdown_side_by_side
from skipwise.studies.designs import Design
from skipwise.training.loop.recipe import RecipeOptions, choose_recipe
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


def expected_seconds(design: Design) -> float:
    """About how long a comparison takes on this machine, found out without its images, in seconds."""
    from skipwise.comparison.budget.forecast import ENDING, ENDING_EACH, STARTING, makespan
    from skipwise.cost.counts import count
    from skipwise.training.probe.step import try_step

    images, shape = design.images, {"channels": 3, "size": design.img_size}
    recipe = choose_recipe(
        RecipeOptions(recipe=design.recipe, epochs=design.epochs, batch_size=design.batch_size),
        mirrors=True,
        images=images.train,
    )
    specs = [design.network(name) for name in design.models]
    most = max(count(spec.build_for_counting(), **shape).multiply_adds for spec in specs)
    execution = choose_execution(choose_device("auto"), step_multiply_adds=most * recipe.batch_size)
    processes = choose_processes(execution, None)
    evaluated = images.val * recipe.epochs + images.test
    runs = []
    for spec in specs:
        cost = try_step(spec.build_for_timing(), recipe, execution, seconds=TRYING, **shape)
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
