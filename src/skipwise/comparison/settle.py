"""What a new plan leaves to the images' pixels and to this machine, chosen once and written down."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from skipwise import devices
from skipwise.comparison.contenders import build_contender, count_contender
from skipwise.comparison.forecast import Forecast, fitted, forecast, try_steps
from skipwise.comparison.guest_batch import largest_guest_batch
from skipwise.comparison.plan import Plan
from skipwise.data.images import Pixels
from skipwise.data.look import Square
from skipwise.data.prepare import Prepared
from skipwise.data.preprocess import Preprocessing
from skipwise.data.stream import Streamed
from skipwise.nets.guests import is_guest
from skipwise.training.batch_size import Room, largest_batch, with_batch
from skipwise.training.execution import choose_execution, choose_processes
from skipwise.training.faults import enough_memory
from skipwise.training.recipe import rescaled
from skipwise.training.setup import resident_bytes, with_statistics
from skipwise.training.trial import choose_compile


@dataclass(frozen=True, kw_only=True)
class OnThisMachine:
    """What the user says of how runs are computed; None and "auto" leave it to the machine.

    Args:
        fewer_epochs: whether a time limit may shorten the recipe.
        began: when the limit began, on time.monotonic().
    """

    precision: str
    compile: bool | None
    workers: int | None
    fewer_epochs: bool
    began: float


def settle(
    draft: Plan, prepared: Prepared, packed: Pixels | None, wishes: OnThisMachine, notice: Callable[[str], None]
) -> tuple[Plan, Forecast]:
    """The draft with precision, threads, processes, compiling and what fits into the time, and what it will take.

    Raises:
        SkipwiseError: the time limit is too short.
    """
    plan = replace(draft, preprocessing=_with_statistics(draft, prepared, packed))
    question, recipe = plan.question, plan.recipe
    counts = {name: found for name in question.contenders if (found := count_contender(plan, name))}
    costliest = max((found.multiply_adds for found in counts.values()), default=0)
    execution = choose_execution(
        plan.execution.device,
        step_multiply_adds=costliest * recipe.batch_size,
        precision=wishes.precision,
        resident_bytes=resident_bytes(recipe, plan.preprocessing, plan.train_images, runs=wishes.workers or 1),
    )
    processes = choose_processes(execution, wishes.workers)
    plan = replace(plan, execution=execution, processes=processes)
    networks = {name: build_contender(plan, name) for name in counts}
    with enough_memory(), devices.falling_back(notice):
        plan = _with_fitting_batch(plan, networks, notice)
        recipe = plan.recipe
        costs = try_steps(plan, networks, {name: found.multiply_adds for name, found in counts.items()})
    if plan.time_limit is not None:
        left = plan.time_limit - (time.monotonic() - wishes.began)
        if not costs:
            notice("No step was tried, as all networks are somebody else's: only the end of the time limit is kept.")
        plan = fitted(plan, costs, left, fewer_epochs=wishes.fewer_epochs)
    if plan.question.looks != question.looks or plan.recipe.epochs != recipe.epochs:
        looks = ", ".join(map(str, plan.question.looks))
        epochs = f"{plan.recipe.epochs} epoch{'s' * (plan.recipe.epochs != 1)}"
        notice(f"What fits into the time limit: {epochs} of the recipe's {recipe.epochs}, looks at {looks} seeds.")
    # The same for all runs, by what those of the quickest network take without.
    steps = plan.recipe.epochs * (plan.train_images // recipe.batch_size)
    size, channels = plan.preprocessing.size, plan.preprocessing.channels
    seconds = min((cost.training(plan.recipe, size, steps) for cost in costs.values()), default=0.0)
    execution = choose_compile(
        execution,
        wishes.compile,
        networks,
        seconds=seconds,
        recipe=plan.recipe,
        channels=channels,
        size=size,
        notice=notice,
    )
    plan = replace(plan, execution=execution)
    devices.of(execution.device).release()  # what was tried here is over; the runs are done in other processes
    return plan, forecast(plan, costs, {name: 4.0 * found.parameters for name, found in counts.items()})


def _with_fitting_batch(plan: Plan, networks: Mapping[str, nn.Module], notice: Callable[[str], None]) -> Plan:
    """The plan with a batch that fits into memory for all of its networks."""
    kept = resident_bytes(plan.recipe, plan.preprocessing, plan.train_images)
    preprocessing = plan.preprocessing
    room = Room(channels=preprocessing.channels, size=preprocessing.size, at_once=plan.processes, resident=kept or 0)
    tried = plan
    for name, network in networks.items():
        if is_guest(name):
            batch = largest_guest_batch(tried, name, room, notice)
        else:
            batch = largest_batch(network, name, tried.recipe, plan.execution, room)
        tried = replace(tried, recipe=rescaled(plan.recipe, batch))
    recipe = with_batch(plan.recipe, tried.recipe.batch_size, preprocessing.size, notice)
    return plan if recipe == plan.recipe else replace(plan, recipe=recipe, asked_batch=plan.recipe.batch_size)


def _with_statistics(draft: Plan, prepared: Prepared, packed: Pixels | None) -> Preprocessing:
    # In cross-validation every image is trained on in some fold, so there the pixels' mean is that of all.
    trained = np.flatnonzero(prepared.split == "train") if draft.folds is None else prepared.members
    if packed is not None:
        return with_statistics(draft.preprocessing, packed, trained)
    with contextlib.closing(Streamed(prepared.source, prepared.seen, Square.of(draft.preprocessing))) as streamed:
        return with_statistics(draft.preprocessing, streamed, trained)
