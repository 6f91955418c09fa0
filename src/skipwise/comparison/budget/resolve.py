"""What a new plan leaves to the images' pixels and to this machine, chosen once and written down."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from skipwise.comparison.budget.external_batch import largest_external_batch
from skipwise.comparison.budget.fit import fitted
from skipwise.comparison.budget.forecast import Forecast, forecast, guessed, slowest, try_steps
from skipwise.comparison.budget.networks import count_candidate
from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.wording.study import given_up
from skipwise.core.errors import SkipwiseError
from skipwise.core.machine import devices
from skipwise.cost.counts import Counts
from skipwise.cost.timing import multiply_adds_per_second
from skipwise.data.image.preprocess import Preprocessing
from skipwise.data.images import Pixels
from skipwise.data.prepare import Prepared
from skipwise.data.scan.inspection import PixelFormat
from skipwise.data.store.streamed import Streamed
from skipwise.nets.external import is_external
from skipwise.training.inputs import resident_bytes, with_statistics
from skipwise.training.loop.recipe import rescaled
from skipwise.training.machine.execution import choose_execution, choose_processes
from skipwise.training.machine.faults import enough_memory
from skipwise.training.probe.batch_size import Room, largest_batch, with_batch
from skipwise.training.probe.step import ENOUGH, choose_compile
from skipwise.training.probe.step_cost import StepCost
from skipwise.training.setting import Setting, settings

TRYING = 0.02
"""The share of a time limit that trials of steps may take, about."""


@dataclass(frozen=True, kw_only=True)
class OnThisMachine:
    """What the user says of how runs are computed; None and "auto" leave it to the machine.

    Args:
        fewer_epochs, other_size, other_stem: whether a time limit may change them.
        began: when the limit began, on time.monotonic().
    """

    precision: str
    compile: bool | None
    workers: int | None
    fewer_epochs: bool
    other_size: bool
    other_stem: bool
    began: float


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A plan with the precision, threads and processes that suit its setting, and what its networks were tried out to
    take: multiply-adds, parameters and seconds, of those that can be tried."""

    plan: Plan
    counts: dict[str, Counts]
    costs: dict[str, StepCost]


def fit_setting(draft: Plan, wishes: OnThisMachine, notice: Callable[[str], None]) -> Tried:
    """The draft in the setting that its time limit leaves room for, before any image is decoded for it.

    Its batch is one that fits into memory.

    Which setting might do is first told by what the machine could do at most; only those are tried out.

    Raises:
        SkipwiseError: the time limit is too short for any of them.
    """
    counts = _counts(draft)
    others = any(map(is_external, draft.question.candidates))  # which may take images of one size only
    options = settings(
        draft.setting,
        size_given=others or not wishes.other_size,
        stem_given=not wishes.other_stem,
    )
    first = _suited(draft, counts, wishes)
    wishes = replace(wishes, precision=first.execution.precision)  # measured once
    plans = [first, *(_suited(draft.at(option), _scaled(counts, draft, option), wishes) for option in options[1:])]
    if first.time_limit is None or len(plans) == 1:
        fitting = _with_fitting_batch(first, counts, notice)
        return Tried(plan=fitting, counts=counts, costs=_costs(fitting, counts))
    reading = time.monotonic() - wishes.began

    def left(plan: Plan) -> float:
        # The images were decoded for the first setting, if at all; for another size that is done once more.
        again = 0.0 if plan.preprocessing.size == first.preprocessing.size else reading
        return _left(plan, wishes) - again

    # What might do is told by the least a step can take, then by one network, and only then are all of them tried.
    tried: dict[Setting, dict[str, StepCost]] = {}
    roughly = {first.setting: _at_full_speed(first, counts)}

    def costs(plan: Plan) -> dict[str, StepCost]:
        return tried.get(plan.setting) or _from_nearest(tried or roughly, plan.setting)

    def choice() -> Plan:
        try:
            chosen = fitted(plans, costs, left, fewer_epochs=wishes.fewer_epochs).setting
        except SkipwiseError:
            if plans[-1].setting in tried:
                raise
            chosen = plans[-1].setting  # the cheapest has to be tried before it is refused
        return next(plan for plan in plans if plan.setting == chosen)

    at = choice()
    if own := [name for name in counts if not is_external(name)]:
        there = {name: found.multiply_adds for name, found in _scaled(counts, draft, at.setting).items()}
        one = try_steps(at, {own[0]: there[own[0]]}, each=ENOUGH / 2)
        roughly = {at.setting: one | guessed(one, there)}
        at = choice()
    while at.setting not in tried:
        tried[at.setting] = _costs(at, _scaled(counts, draft, at.setting))
        at = choice()
    found, scaled = tried[at.setting], _scaled(counts, draft, at.setting)
    fitting = _with_fitting_batch(at, scaled, notice)
    if fitting != at:
        found = _costs(fitting, scaled)
    return Tried(plan=fitting, counts=scaled, costs=found)


def resolve_plan(
    prepared: Prepared,
    packed: Pixels | None,
    tried: Tried,
    wishes: OnThisMachine,
    notice: Callable[[str], None],
) -> tuple[Plan, Forecast]:
    """The plan with what fits into the time, with the pixels' mean and deviation, compiled or not, and what it will
    take.

    Args:
        tried: what `fit_setting` found.

    Raises:
        SkipwiseError: the time limit is too short.
    """
    costs = tried.costs
    plan = _fitted(tried, wishes, notice)
    plan = replace(plan, preprocessing=_with_statistics(plan, prepared, packed))
    if phrases := given_up(plan):
        notice(f"Given up for the time limit: {'; '.join(phrases)}.")
    # The same for all runs, by what those of the quickest network take without.
    steps = plan.recipe.steps_in_all(plan.train_images)
    size, channels = plan.preprocessing.size, plan.preprocessing.channels
    seconds = min((cost.training(plan.recipe, size, steps) for cost in costs.values()), default=0.0)
    execution = choose_compile(
        plan.execution,
        wishes.compile,
        {name: plan.network(name).build(seed=plan.question.first_seed) for name in tried.counts},
        seconds=seconds,
        recipe=plan.recipe,
        channels=channels,
        size=size,
        notice=notice,
    )
    plan = replace(plan, execution=execution)
    devices.of(execution.device).release()  # what was tried here is over; the runs are done in other processes
    return plan, _forecast(plan, costs, tried.counts)


def look_ahead(
    draft: Plan, stored: Plan | None, wishes: OnThisMachine, notice: Callable[[str], None]
) -> tuple[Plan, Forecast]:
    """The plan as far as it can be told without decoded images, which is all but their mean and deviation and whether
    it is compiled, and what it will take.

    Args:
        stored: the plan where it was resolved before; then nothing is chosen.

    Raises:
        SkipwiseError: the time limit is too short.
    """
    if stored is not None:
        return stored, _forecast(stored, try_again(stored), _counts(stored))
    tried = fit_setting(draft, wishes, notice)
    plan = _fitted(tried, wishes, notice)
    return plan, _forecast(plan, tried.costs, tried.counts)


def _fitted(tried: Tried, wishes: OnThisMachine, notice: Callable[[str], None]) -> Plan:
    """The plan with what fits into its time limit, if it has one."""
    plan, costs = tried.plan, tried.costs
    if (slower := slowest(costs)) > 1:
        notice(f"This machine is busy with other programs: training is {slower:.1f} times as slow as when it is idle.")
    if plan.time_limit is None:
        return plan
    return fitted([plan], lambda _: costs, lambda plan: _left(plan, wishes), fewer_epochs=wishes.fewer_epochs)


def _forecast(plan: Plan, costs: dict[str, StepCost], counts: dict[str, Counts]) -> Forecast:
    return forecast(plan, costs, {name: 4.0 * found.parameters for name, found in counts.items()})


def try_again(plan: Plan) -> dict[str, StepCost]:
    """What a step of each network of a plan takes now, with what was chosen when it began."""
    return _costs(plan, _counts(plan))


def _left(plan: Plan, wishes: OnThisMachine) -> float:
    return (plan.time_limit or math.inf) - (time.monotonic() - wishes.began)


def _counts(plan: Plan) -> dict[str, Counts]:
    """The counts of the networks that can be built; the runs of the others will fail and say why."""
    return {name: found for name in plan.trained if (found := count_candidate(plan, name))}


def _scaled(counts: dict[str, Counts], plan: Plan, setting: Setting) -> dict[str, Counts]:
    """Roughly, the counts in another setting than the plan's: they are as the pixels are."""
    factor = setting.pixels / plan.setting.pixels
    return {name: replace(found, multiply_adds=int(found.multiply_adds * factor)) for name, found in counts.items()}


def _suited(plan: Plan, counts: dict[str, Counts], wishes: OnThisMachine) -> Plan:
    """The plan with precision, threads and processes for its setting."""
    costliest = max((found.multiply_adds for found in counts.values()), default=0)
    execution = choose_execution(
        plan.execution.device,
        step_multiply_adds=costliest * plan.recipe.batch_size,
        precision=wishes.precision,
        resident_bytes=resident_bytes(plan.recipe, plan.preprocessing, plan.train_images, runs=wishes.workers or 1),
    )
    return replace(plan, execution=execution, processes=choose_processes(execution, wishes.workers))


def _costs(plan: Plan, counts: dict[str, Counts]) -> dict[str, StepCost]:
    """The cost of a step of every candidate.

    It is measured for Skipwise's own networks, and estimated from those for external ones. Where all are external and
    there is no time limit, it is empty.
    """
    each = ENOUGH if plan.time_limit is None else min(ENOUGH, plan.time_limit * TRYING / max(1, len(counts)))
    with enough_memory():
        found = try_steps(plan, {name: count.multiply_adds for name, count in counts.items()}, each=each)
    if plan.time_limit is None:
        return found
    found = found or _at_full_speed(plan, counts)
    if missing := [name for name in plan.trained if name not in found]:
        # Their runs will fail, or be dear; the plan corrects itself.
        found |= dict.fromkeys(missing, max(found.values(), key=lambda cost: cost.step, default=StepCost(1.0, 0.01)))
    return found


def _at_full_speed(plan: Plan, counts: dict[str, Counts]) -> dict[str, StepCost]:
    """The least a step can take: three times the forward pass's multiply-adds, as fast as this machine does them."""
    threads, precision = plan.execution.threads, plan.execution.precision
    rate = multiply_adds_per_second(plan.execution.device, threads=threads, precision=precision)
    return {
        name: StepCost(3 * found.multiply_adds * plan.recipe.batch_size / rate, found.multiply_adds / rate)
        for name, found in counts.items()
    }


def _from_nearest(known: dict[Setting, dict[str, StepCost]], setting: Setting) -> dict[str, StepCost]:
    """The costs in a setting, from those in the one that is most like it: they are as the pixels are."""
    nearest = min(known, key=lambda other: abs(math.log(other.pixels / setting.pixels)))
    factor = setting.pixels / nearest.pixels
    return {name: cost.on_pixels(factor) for name, cost in known[nearest].items()}


def _with_fitting_batch(plan: Plan, counts: dict[str, Counts], notice: Callable[[str], None]) -> Plan:
    """The plan with a batch that fits into memory for all of its networks."""
    preprocessing = plan.preprocessing
    kept = resident_bytes(plan.recipe, preprocessing, plan.train_images)
    room = Room(channels=preprocessing.channels, size=preprocessing.size, at_once=plan.processes, resident=kept or 0)
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
    # In cross-validation every image is trained on in some fold, so there the pixels' mean is that of all.
    trained = np.flatnonzero(prepared.split == "train") if draft.folds is None else prepared.members
    if packed is not None:
        return with_statistics(draft.preprocessing, packed, trained)
    with contextlib.closing(
        Streamed(prepared.source, prepared.scan, PixelFormat.from_preprocessing(draft.preprocessing))
    ) as streamed:
        return with_statistics(draft.preprocessing, streamed, trained)
