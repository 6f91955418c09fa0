"""Resolves the plan of a new run: what depends on the pixels and on this machine is chosen once, and written down."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from torch import nn

from skipwise.core.errors import SkipwiseError
from skipwise.core.machine.devices import falling_back, lacks, of
from skipwise.cost.counts import count
from skipwise.data.images import Images
from skipwise.training.folder.record import RunSpec
from skipwise.training.loop.recipe import Recipe, full_size, too_short_to_grow
from skipwise.training.machine.execution import choose_execution
from skipwise.training.machine.faults import enough_memory, in_short
from skipwise.training.machine.ranks import local_processes
from skipwise.training.planning.inputs import resident_bytes, with_statistics
from skipwise.training.planning.plan import RunPlan
from skipwise.training.probe.batch_size import Room, largest_batch, with_batch
from skipwise.training.probe.step import choose_compile, repays, try_step
from skipwise.training.run.time_budget import Timekeeper
from skipwise.training.weights.starting_weights import Found

ENDING = 2.5
"""Seconds of a time limit for what is not measured: writing files, leaving Python."""
SLOWER = 1.3
"""The time of an evaluation, reading of images included, as a multiple of the time that was measured."""


def resolve_plan(
    draft: RunPlan,
    images: Images,
    found: Found | None,
    precision: str,
    compile: bool | None,
    notice: Callable[[str], None],
    *,
    began: float,
) -> RunPlan:
    """The draft with everything that depends on the pixels and on this machine.

    Args:
        draft: the plan.
        images: the decoded images.
        found: the weights to start from; None for none.
        precision: as the user gave it.
        compile: as the user gave it.
        notice: is called with what a person should know.
        began: when the time limit began, on the monotonic clock.

    Raises:
        SkipwiseError: the network can't be trained on these images, or there is too little memory.
    """
    preprocessing = with_statistics(draft.spec.preprocessing, images.pixels, images.members("train"))
    draft = replace(draft, spec=replace(draft.spec, preprocessing=preprocessing))
    start = draft.spec.network if found is None else draft.spec.network.from_file(found.file, key=found.start.key)
    network, loaded = start.build_loaded(seed=draft.spec.seed)  # an error comes before the folder is made
    for sentence in loaded.notes:
        notice(sentence)
    try:
        with enough_memory(), falling_back(notice):
            plan = _tried(draft, network, precision, notice)
    except (SkipwiseError, OSError, MemoryError):
        raise
    except Exception as error:  # an external network
        raise _cannot_train(draft.spec, error) from error
    return _compiled(plan, network, compile, notice, began)


def _tried(draft: RunPlan, network: nn.Module, precision: str, notice: Callable[[str], None]) -> RunPlan:
    """The plan with a precision, a batch that fits into memory, and the measured cost of a step."""
    plan = fitted(draft, network, precision, notice)
    spec, preprocessing = plan.spec, plan.spec.preprocessing
    step_cost = try_step(
        network, _part(spec.recipe), spec.execution, channels=preprocessing.channels, size=preprocessing.size
    )
    return replace(plan, step_cost=step_cost)


def fitted(draft: RunPlan, network: nn.Module, precision: str, notice: Callable[[str], None]) -> RunPlan:
    """The plan with a precision and a batch that fits into memory.

    Raises:
        SkipwiseError: no batch fits.
    """
    spec, preprocessing = draft.spec, draft.spec.preprocessing
    shape = {"channels": preprocessing.channels, "size": preprocessing.size}
    processes = local_processes()
    kept = resident_bytes(spec.recipe, preprocessing, draft.split_images["train"])
    execution = choose_execution(
        spec.execution.device,
        step_multiply_adds=count(network, **shape).multiply_adds * spec.recipe.batch_size,
        precision=precision,
        alone=True,
        processes=processes,
        resident_bytes=kept,
    )
    at_once = 1 if of(execution.device).own_cores else processes
    room = Room(**shape, processes=processes, at_once=at_once, resident=kept or 0)
    batch = largest_batch(network, spec.model, spec.recipe, execution, room)
    recipe = with_batch(spec.recipe, batch, preprocessing.size, notice)
    asked_batch = draft.asked_batch if recipe == spec.recipe else spec.recipe.batch_size
    spec = replace(spec, recipe=recipe, execution=execution)
    return replace(draft, spec=spec, asked_batch=asked_batch)


def _part(recipe: Recipe) -> Recipe:
    """The recipe with the part of a batch that one of several processes trains on."""
    return replace(recipe, batch_size=recipe.batch_size // local_processes())


def _cannot_train(spec: RunSpec, error: Exception) -> SkipwiseError:
    size = spec.preprocessing.size
    if (missing := lacks(error)) is not None:
        return SkipwiseError(
            f"{spec.model} needs {missing}, which torch does not have for {spec.execution.device}; use --device cpu, "
            "or set PYTORCH_ENABLE_MPS_FALLBACK=1 before Python starts, which lets the CPU do it."
        )
    return SkipwiseError(
        f"{spec.model} can't be trained on images of {size} x {size} pixels ({in_short(error)}); correct it, or try "
        "another --img-size."
    )


def _compiled(
    plan: RunPlan, network: nn.Module, compile: bool | None, notice: Callable[[str], None], began: float
) -> RunPlan:
    """The plan with the choice whether the network is compiled, and whether images grow in a short run."""
    spec, cost = plan.spec, plan.step_cost
    assert cost is not None
    size, channels = spec.preprocessing.size, spec.preprocessing.channels
    if spec.time_limit is not None:
        left = began + spec.time_limit - ENDING - time.monotonic()
        steps = left / cost.training(spec.recipe, size, steps=1)
        # Each image size is compiled when it is first used; in a short run there would be time for nothing else.
        long = not compile or repays(left, spec.recipe, size)
        if too_short_to_grow(spec.recipe, int(steps)) or not long:
            spec = replace(spec, recipe=full_size(spec.recipe))
    steps_per_epoch = plan.split_images["train"] // spec.recipe.batch_size
    execution = choose_compile(
        spec.execution,
        compile,
        {spec.model: network},
        seconds=spec.time_limit or cost.training(spec.recipe, size, spec.recipe.epochs * steps_per_epoch),
        recipe=_part(spec.recipe),
        notice=notice,
        channels=channels,
        size=size,
    )
    return replace(plan, spec=replace(spec, execution=execution))


def keeper_of(plan: RunPlan, began: float) -> Timekeeper | None:
    """Keeps the time limit, which began at `began` on the monotonic clock; None without a limit."""
    spec = plan.spec
    if spec.time_limit is None or plan.step_cost is None:
        return None
    val, test = (SLOWER * plan.step_cost.evaluation * plan.split_images[split] for split in ("val", "test"))
    return Timekeeper(
        end=began + spec.time_limit - ENDING - val - test,
        step=plan.step_cost.step,
        epoch=max(1, plan.split_images["train"] // spec.recipe.batch_size),
        closing=val,
        recipe=spec.recipe,
        size=spec.preprocessing.size,
    )
