"""Resolves a new plan: what depends on the pixels and on this machine is chosen once, and written down."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from skipwise.comparison.budget.costs import (
    costs_at_full_speed,
    costs_from_nearest,
    count_candidates,
    scaled_counts,
    step_costs,
)
from skipwise.comparison.budget.external_batch import largest_external_batch
from skipwise.comparison.budget.fit import fit_to_limit
from skipwise.comparison.budget.forecast import Forecast, forecast, guessed, slowest, try_steps
from skipwise.comparison.executors.executor import Room as MachineRoom
from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.wording.study import given_up
from skipwise.core.errors import SkipwiseError
from skipwise.core.machine import devices
from skipwise.core.text import count
from skipwise.cost.counts import Counts
from skipwise.data.image.preprocess import Preprocessing
from skipwise.data.images import Pixels
from skipwise.data.prepare import Prepared
from skipwise.data.scan.inspection import PixelFormat
from skipwise.data.store.streamed import Streamed
from skipwise.nets.external import is_external
from skipwise.training.loop.recipe import rescaled
from skipwise.training.machine.execution import choose_execution, choose_processes
from skipwise.training.machine.faults import enough_memory
from skipwise.training.planning.inputs import resident_bytes, with_statistics
from skipwise.training.planning.setting import Setting, settings
from skipwise.training.probe.batch_size import Room, largest_batch, with_batch
from skipwise.training.probe.step import ENOUGH, choose_compile
from skipwise.training.probe.step_cost import StepCost


@dataclass(frozen=True, kw_only=True)
class OnThisMachine:
    """The user's wishes on how runs are computed; None and "auto" leave it to the machine.

    Args:
        precision: "auto", "fp32", "bf16" or "fp16".
        compile: whether torch.compile is used.
        workers: how many runs are done at once.
        fewer_epochs, other_size, other_stem: whether a time limit may change the epochs, the image size, the stem.
        began: when the time limit began, on time.monotonic().
        rooms: of the machines that do the runs; none for this one.
    """

    precision: str
    compile: bool | None
    workers: int | None
    fewer_epochs: bool
    other_size: bool
    other_stem: bool
    began: float
    rooms: tuple[MachineRoom, ...] = ()

    @property
    def cores(self) -> int | None:
        """The number of cores of the largest machine that does runs; None where this machine does them."""
        return max((room.cpus for room in self.rooms), default=None)

    def spread(self, plan: Plan) -> Plan:
        """The plan with the number of runs at a time, and of machines among which they are spread."""
        if not self.rooms:
            return replace(plan, processes=choose_processes(plan.execution, self.workers), machines=1)
        able = [runs for room in self.rooms if (runs := room.runs(plan.execution.threads))]
        processes = self.workers or max(1, sum(able))
        return replace(plan, processes=processes, machines=max(1, min(len(able), processes)))


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A plan whose networks were tried on this machine.

    Args:
        plan: with the precision, threads and processes that suit its setting.
        counts: multiply-adds and parameters of the networks that can be built.
        costs: the cost of a training step of these.
    """

    plan: Plan
    counts: dict[str, Counts]
    costs: dict[str, StepCost]


def fit_setting(draft: Plan, here: OnThisMachine, notice: Callable[[str], None]) -> Tried:
    """The draft in a setting that fits into its time limit, with a batch that fits into memory.

    No image is decoded for this. Settings are first judged by what the machine could do at most, and only those that
    may fit are tried.

    Raises:
        SkipwiseError: the time limit is too short for any setting.
    """
    counts = count_candidates(draft)
    others = any(map(is_external, draft.question.candidates))  # they may take images of one size only
    options = settings(
        draft.setting,
        size_given=others or not here.other_size,
        stem_given=not here.other_stem,
    )
    first = _suited(draft, counts, here)
    here = replace(here, precision=first.execution.precision)  # measured once
    plans = [first, *(_suited(draft.at(option), scaled_counts(counts, draft, option), here) for option in options[1:])]
    if first.time_limit is None or len(plans) == 1:
        fitting = _with_fitting_batch(first, counts, notice)
        return Tried(plan=fitting, counts=counts, costs=step_costs(fitting, counts))
    reading = time.monotonic() - here.began

    def left(plan: Plan) -> float:
        # Images were decoded for the first setting, if at all; for another size they have to be decoded again.
        again = 0.0 if plan.preprocessing.size == first.preprocessing.size else reading
        return _left(plan, here) - again

    # Settings are judged by the least time a step can take, then by one network, and only then by all of them.
    tried: dict[Setting, dict[str, StepCost]] = {}
    roughly = {first.setting: costs_at_full_speed(first, counts)}

    def costs(plan: Plan) -> dict[str, StepCost]:
        return tried.get(plan.setting) or costs_from_nearest(tried or roughly, plan.setting)

    def choice() -> Plan:
        try:
            chosen = fit_to_limit(plans, costs, left, fewer_epochs=here.fewer_epochs).setting
        except SkipwiseError:
            if plans[-1].setting in tried:
                raise
            chosen = plans[-1].setting  # the cheapest setting has to be tried before it is refused
        return next(plan for plan in plans if plan.setting == chosen)

    at = choice()
    if own := [name for name in counts if not is_external(name)]:
        there = {name: found.multiply_adds for name, found in scaled_counts(counts, draft, at.setting).items()}
        one = try_steps(at, {own[0]: there[own[0]]}, each=ENOUGH / 2)
        roughly = {at.setting: one | guessed(one, there)}
        at = choice()
    while at.setting not in tried:
        tried[at.setting] = step_costs(at, scaled_counts(counts, draft, at.setting))
        at = choice()
    found, scaled = tried[at.setting], scaled_counts(counts, draft, at.setting)
    fitting = _with_fitting_batch(at, scaled, notice)
    if fitting != at:
        found = step_costs(fitting, scaled)
    return Tried(plan=fitting, counts=scaled, costs=found)


def resolve_plan(
    prepared: Prepared,
    packed: Pixels | None,
    tried: Tried,
    here: OnThisMachine,
    notice: Callable[[str], None],
) -> tuple[Plan, Forecast]:
    """The plan with everything that was left open, and what it will take.

    What fits into the time limit, the pixels' mean and deviation, and whether networks are compiled is chosen here.

    Args:
        tried: what `fit_setting` returned.

    Raises:
        SkipwiseError: the time limit is too short.
    """
    costs = tried.costs
    plan = _within_limit(tried, here, notice)
    plan = replace(plan, preprocessing=_with_statistics(plan, prepared, packed))
    if phrases := given_up(plan):
        notice(f"Given up for the time limit: {'; '.join(phrases)}.")
    # Compiling is the same for all runs, and is chosen by the time of the quickest network without it.
    steps = plan.recipe.steps_in_all(plan.train_images)
    size, channels = plan.preprocessing.size, plan.preprocessing.channels
    seconds = min((cost.training(plan.recipe, size, steps) for cost in costs.values()), default=0.0)
    execution = choose_compile(
        plan.execution,
        here.compile,
        {name: plan.network(name).build(seed=plan.question.first_seed) for name in tried.counts},
        seconds=seconds,
        recipe=plan.recipe,
        channels=channels,
        size=size,
        notice=notice,
    )
    plan = replace(plan, execution=execution)
    devices.of(execution.device).release()  # the trials are over; the runs are done in other processes
    return plan, _forecast(plan, costs, tried.counts)


def look_ahead(
    draft: Plan, stored: Plan | None, here: OnThisMachine, notice: Callable[[str], None]
) -> tuple[Plan, Forecast]:
    """The plan as far as it can be told without decoded images, which is all but their mean and deviation and whether
    it is compiled, and what it will take.

    Args:
        stored: the plan where it was resolved before; then nothing is chosen.

    Raises:
        SkipwiseError: the time limit is too short.
    """
    if stored is not None:
        stored = here.spread(stored)
        return stored, _forecast(stored, try_again(stored), count_candidates(stored))
    tried = fit_setting(draft, here, notice)
    plan = _within_limit(tried, here, notice)
    return plan, _forecast(plan, tried.costs, tried.counts)


def _within_limit(tried: Tried, here: OnThisMachine, notice: Callable[[str], None]) -> Plan:
    """The plan with what fits into its time limit, if it has one."""
    plan, costs = tried.plan, tried.costs
    if (slower := slowest(costs)) > 1:
        notice(f"This machine is busy with other programs: training is {slower:.1f} times as slow as when it is idle.")
    if plan.time_limit is None:
        return plan
    if here.rooms:
        at_once = f"{count(plan.processes, 'run')} at a time on {count(plan.machines, 'machine')}"
        notice(f"The time limit is planned with {at_once}, taken to be as fast as this one.")
    return fit_to_limit([plan], lambda _: costs, lambda plan: _left(plan, here), fewer_epochs=here.fewer_epochs)


def _forecast(plan: Plan, costs: dict[str, StepCost], counts: dict[str, Counts]) -> Forecast:
    return forecast(plan, costs, {name: 4.0 * found.parameters for name, found in counts.items()})


def try_again(plan: Plan) -> dict[str, StepCost]:
    """Measures what a step of each network of a plan takes now, with the plan's own choices."""
    return step_costs(plan, count_candidates(plan))


def _left(plan: Plan, here: OnThisMachine) -> float:
    return (plan.time_limit or math.inf) - (time.monotonic() - here.began)


def _suited(plan: Plan, counts: dict[str, Counts], here: OnThisMachine) -> Plan:
    """The plan with precision, threads and processes for its setting."""
    beside = 1 if here.rooms else here.workers or 1
    costliest = max((found.multiply_adds for found in counts.values()), default=0)
    execution = choose_execution(
        plan.execution.device,
        step_multiply_adds=costliest * plan.recipe.batch_size,
        precision=here.precision,
        resident_bytes=resident_bytes(plan.recipe, plan.preprocessing, plan.train_images, runs=beside),
        cores=here.cores,
    )
    return here.spread(replace(plan, execution=execution))


def _with_fitting_batch(plan: Plan, counts: dict[str, Counts], notice: Callable[[str], None]) -> Plan:
    """The plan with a batch that fits into memory for all of its networks."""
    preprocessing = plan.preprocessing
    kept = resident_bytes(plan.recipe, preprocessing, plan.train_images)
    room = Room(channels=preprocessing.channels, size=preprocessing.size, at_once=plan.beside, resident=kept or 0)
    tried = plan
    with enough_memory(), devices.falling_back(notice):
        for name in counts:
            if is_external(name):
                batch = largest_external_batch(tried, name, room, notice)
            else:
                network = plan.network(name).build_for_timing()
                batch = largest_batch(network, name, tried.recipe, plan.execution, room)
            tried = replace(tried, recipe=rescaled(plan.recipe, batch))
    recipe = with_batch(plan.recipe, tried.recipe.batch_size, preprocessing.size, notice)
    return plan if recipe == plan.recipe else replace(plan, recipe=recipe, asked_batch=plan.recipe.batch_size)


def _with_statistics(draft: Plan, prepared: Prepared, packed: Pixels | None) -> Preprocessing:
    # In cross-validation every image is used for training in some fold, so that the mean is that of all images.
    trained = np.flatnonzero(prepared.split == "train") if draft.folds is None else prepared.members
    if packed is not None:
        return with_statistics(draft.preprocessing, packed, trained)
    with contextlib.closing(
        Streamed(prepared.source, prepared.scan, PixelFormat.from_preprocessing(draft.preprocessing))
    ) as streamed:
        return with_statistics(draft.preprocessing, streamed, trained)
