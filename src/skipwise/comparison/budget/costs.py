"""The costs of a plan's networks in a setting: measured, or estimated from measurements."""

from __future__ import annotations

import math
from dataclasses import replace

from skipwise.comparison.budget.forecast import try_steps
from skipwise.comparison.budget.networks import count_candidate
from skipwise.comparison.plan.plan import Plan
from skipwise.cost.counts import Counts
from skipwise.cost.timing import multiply_adds_per_second
from skipwise.training.machine.faults import enough_memory
from skipwise.training.planning.setting import Setting
from skipwise.training.probe.step import ENOUGH
from skipwise.training.probe.step_cost import StepCost

TRYING = 0.02
"""About the largest share of a time limit that trials of steps take."""


def count_candidates(plan: Plan) -> dict[str, Counts]:
    """The counts of the networks that can be built. The runs of the others will fail and say why."""
    return {name: found for name in plan.trained if (found := count_candidate(plan, name))}


def scaled_counts(counts: dict[str, Counts], plan: Plan, setting: Setting) -> dict[str, Counts]:
    """About the counts in another setting than the plan's: they are proportional to the pixels."""
    factor = setting.pixels / plan.setting.pixels
    return {name: replace(found, multiply_adds=int(found.multiply_adds * factor)) for name, found in counts.items()}


def step_costs(plan: Plan, counts: dict[str, Counts]) -> dict[str, StepCost]:
    """The cost of a step of every candidate.

    It is measured for Skipwise's own networks, and estimated from those for external ones. Where all are external and
    there is no time limit, it is empty.
    """
    each = ENOUGH if plan.time_limit is None else min(ENOUGH, plan.time_limit * TRYING / max(1, len(counts)))
    with enough_memory():
        found = try_steps(plan, {name: count.multiply_adds for name, count in counts.items()}, each=each)
    if plan.time_limit is None:
        return found
    found = found or costs_at_full_speed(plan, counts)
    if missing := [name for name in plan.trained if name not in found]:
        # Their runs will fail, or take longer; then the plan is corrected.
        found |= dict.fromkeys(missing, max(found.values(), key=lambda cost: cost.step, default=StepCost(1.0, 0.01)))
    return found


def costs_at_full_speed(plan: Plan, counts: dict[str, Counts]) -> dict[str, StepCost]:
    """The least time that a step can take: three times the multiply-adds of the forward pass at full speed."""
    threads, precision = plan.execution.threads, plan.execution.precision
    rate = multiply_adds_per_second(plan.execution.device, threads=threads, precision=precision)
    return {
        name: StepCost(3 * found.multiply_adds * plan.recipe.batch_size / rate, found.multiply_adds / rate)
        for name, found in counts.items()
    }


def costs_from_nearest(known: dict[Setting, dict[str, StepCost]], setting: Setting) -> dict[str, StepCost]:
    """The costs in a setting, from those in the most similar one: they are proportional to the pixels."""
    nearest = min(known, key=lambda other: abs(math.log(other.pixels / setting.pixels)))
    factor = setting.pixels / nearest.pixels
    return {name: cost.on_pixels(factor) for name, cost in known[nearest].items()}
