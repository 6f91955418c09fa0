"""The time that the comparisons of a study take."""

from __future__ import annotations

from skipwise.comparison.plan.planned import Planned
from skipwise.cost.load import slowdown
from skipwise.studies.designs import Design
from skipwise.training.loop.recipe import RecipeOptions, choose_recipe
from skipwise.training.machine.execution import choose_device, choose_execution, choose_processes

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
    from skipwise.comparison.budget.forecast import ENDING, ENDING_EACH, SLOWER, STARTING, makespan
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
        runs += [run * (SLOWER if processes > 1 else 1.0) * slowdown(cost.share)] * design.seeds
    return makespan(runs, processes) + STARTING + ENDING + ENDING_EACH * len(specs)
