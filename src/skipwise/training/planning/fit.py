"""`train --time-limit`: chooses the image size and the stem that leave enough epochs, before images are decoded.

The number of epochs is not chosen here: the schedule follows the clock (see run/time_budget.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from skipwise.cost.counts import count
from skipwise.cost.timing import multiply_adds_per_second
from skipwise.nets.external import is_external
from skipwise.training.loop.recipe import Recipe
from skipwise.training.machine.execution import choose_execution
from skipwise.training.planning.plan import RunPlan
from skipwise.training.planning.resolve import ENDING
from skipwise.training.planning.setting import NEARLY, Setting, enough_epochs, settings
from skipwise.training.probe.step import ENOUGH, try_step
from skipwise.training.probe.step_cost import StepCost


def fit_setting(
    draft: RunPlan,
    *,
    precision: str,
    other_size: bool,
    other_stem: bool,
    began: float,
    notice: Callable[[str], None] = lambda _: None,
) -> RunPlan:
    """The draft with the image size and the stem that its time limit has room for.

    It is the most expensive setting with enough epochs; where none has enough, the most expensive with nearly as many
    as the cheapest.

    Args:
        draft: the plan of a run without a time limit.
        precision: the precision the user asked for.
        other_size, other_stem: whether the limit may change them.
        began: when the limit began, on time.monotonic().
        notice: called with a sentence about what was given up.
    """
    spec = draft.spec
    options = settings(draft.setting, size_given=not other_size, stem_given=not other_stem)
    if spec.time_limit is None or len(options) == 1 or is_external(spec.model):
        return draft
    reading = time.monotonic() - began
    images, recipe = draft.split_images, spec.recipe
    work = count(
        spec.network.build_for_counting(),
        channels=spec.preprocessing.channels,
        size=spec.preprocessing.size,
    ).multiply_adds
    tried: dict[Setting, StepCost] = {}

    def multiply_adds(setting: Setting) -> float:
        return work * setting.pixels / draft.setting.pixels

    def try_out(setting: Setting) -> StepCost:
        execution = choose_execution(
            spec.execution.device,
            step_multiply_adds=multiply_adds(setting) * recipe.batch_size,
            precision=precision,
            alone=True,
        )
        network = replace(spec.network, stem=setting.stem, image_size=setting.size).build_for_timing()
        shape = {"channels": spec.preprocessing.channels, "size": setting.size}
        return try_step(network, recipe, execution, seconds=ENOUGH / 2, **shape)

    def cost(setting: Setting) -> StepCost:
        if tried:
            nearest = min(tried, key=lambda other: abs(other.pixels - setting.pixels))
            return tried[nearest].on_pixels(setting.pixels / nearest.pixels)
        each = 3 * multiply_adds(setting) / rate
        return StepCost(each * recipe.batch_size, each / 3)

    def suited(setting: Setting) -> Recipe:
        return recipe if setting == draft.setting else setting.suited(recipe)

    def epochs(setting: Setting) -> float:
        found = cost(setting)
        steps = max(1, images["train"] // recipe.batch_size)
        each = found.training(suited(setting), setting.size, steps) + found.evaluation * images["val"]
        # Images were decoded for the first setting, if at all; for another size they have to be decoded again.
        again = 0.0 if setting.size == draft.setting.size else reading
        left = began + (spec.time_limit or 0.0) - ENDING - time.monotonic() - again
        return (left - found.evaluation * images["test"]) / each

    enough = enough_epochs(recipe, images["train"])
    rate = multiply_adds_per_second(
        spec.execution.device, threads=1, precision="fp32" if precision == "auto" else precision
    )
    while True:
        fitting = {setting: epochs(setting) for setting in options}
        most = min(enough, NEARLY * max(fitting.values()))
        chosen = next((setting for setting, count in fitting.items() if count >= most), options[-1])
        if chosen in tried:
            break
        tried[chosen] = try_out(chosen)
    preprocessing = replace(spec.preprocessing, size=chosen.size)
    if chosen != draft.setting:
        notice(f"Given up for the time limit: images of {chosen} instead of {draft.setting}.")
    return replace(draft, spec=replace(spec, preprocessing=preprocessing, stem=chosen.stem, recipe=suited(chosen)))
