"""Measurements before anything is trained, for studies whose design depends on the machine."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from skipwise.cost.counts import Counts, count
from skipwise.studies.designs import Design
from skipwise.studies.networks import spec_of
from skipwise.training.loop.recipe import RecipeOptions, choose_recipe
from skipwise.training.machine.execution import choose_device, choose_execution

ROUNDS = 9
STEP_SECONDS = 0.2
"""Each network's step is timed for about so long in each round."""


def step_times(design: Design) -> dict[str, float]:
    """The median seconds of a training step of each network of a comparison, measured in turn."""
    from skipwise.training.probe.step import try_step

    asked = RecipeOptions(recipe=design.recipe, epochs=design.epochs, batch_size=design.batch_size)
    recipe = choose_recipe(asked, mirrors=True, images=design.images.train)
    networks = {name: design.network(name).build_for_timing() for name in design.models}
    shape = {"channels": 3, "size": design.img_size}
    most = max(count(network, **shape).multiply_adds for network in networks.values())
    execution = choose_execution(choose_device("auto"), step_multiply_adds=most * recipe.batch_size)
    taken: dict[str, list[float]] = {name: [] for name in networks}
    for _ in range(ROUNDS):
        for name, network in networks.items():
            taken[name].append(try_step(network, recipe, execution, seconds=STEP_SECONDS, **shape).step)
    return {name: median(each) for name, each in taken.items()}


def counted(name: str, size: int) -> Counts:
    """Counts the cost of a network of `networks.py` for one colour image of a size in pixels."""
    return count(spec_of(name).build_for_counting(), channels=3, size=size)


def one_image(names: Sequence[str], size: int) -> tuple[int, dict[str, float]]:
    """The median seconds of a forward pass of one colour image in float32, of all networks in turn.

    Returns:
        The number of threads, and the seconds of each network of `networks.py`.
    """
    from skipwise.cost.timing import latencies

    threads, found = latencies({name: spec_of(name).build(seed=0) for name in names}, channels=3, size=size)
    return threads, {name: timing.median for name, timing in found.items()}
