"""Schedules of a run: functions of the share of the run that is done."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

from skipwise.training.loop.recipe import Recipe

START = 1 / 25
"""The learning rate of the first step, as a share of the peak."""
SIZES = 8
"""Images grow by an eighth of their side at a time: each size is another shape to compile for."""
SMALLEST_SIDE = 16
"""Pixels; images are not made smaller than this."""


def rate(share: float, recipe: Recipe) -> float:
    """The learning rate, as a share of the peak, when `share` (0 to 1) of the run is done."""
    if share < recipe.warmup:
        return START + (1 - START) * share / recipe.warmup
    falling = (share - recipe.warmup) / (1 - recipe.warmup)
    return 1 - falling if recipe.lr_decay == "linear" else 0.5 * (1 + math.cos(math.pi * falling))


def side(share: float, recipe: Recipe, full: int) -> int:
    """The side of the training images in pixels, which grows from the recipe's `min_size` to `full`.

    Steps on small images cost less and teach coarse features as well (progressive resizing: Howard 2018, fast.ai's
    DAWNBench entry).
    """
    if share >= recipe.full_size_from:
        return full
    grown = recipe.min_size + (1 - recipe.min_size) * share / recipe.full_size_from
    even = 2 * round(full * math.floor(SIZES * grown) / SIZES / 2)
    return min(full, max(even, SMALLEST_SIDE))


def sides(recipe: Recipe, full: int) -> list[int]:
    """All sizes that a run's images have, in order, in pixels a side."""
    return list(dict.fromkeys(side(share / 1000, recipe, full) for share in range(1000)))


@functools.lru_cache(maxsize=4096)  # it is called for every number of epochs that might fit into a time limit
def relative_cost(recipe: Recipe, full: int, since: float = 0.0) -> float:
    """The mean cost of a step from the share `since` to the end of the run, relative to a step at full size.

    The cost is proportional to the number of pixels. Steps that train the last layer alone cost a third, since they
    need no backward pass through the other layers.
    """
    points = 400
    shares = [since + (1 - since) * (index + 0.5) / points for index in range(points)]
    return sum(step_cost(share, recipe, full) for share in shares) / points


def step_cost(share: float, recipe: Recipe, full: int) -> float:
    """The cost of the step at `share` of the run, relative to a step at full size."""
    return (side(share, recipe, full) / full) ** 2 * (1 / 3 if share < recipe.head_first else 1)


@dataclass(frozen=True)
class StepSchedule:
    """The share of the schedule that is done after each step.

    Args:
        knots: pairs (step, share), both increasing, from (0, 0) to the last step, with linear interpolation between
            them. There are more than two where a time limit corrected the number of steps (see time_budget.py).
    """

    knots: tuple[tuple[int, float], ...]

    @classmethod
    def even(cls, steps: int) -> StepSchedule:
        """A schedule in which all steps advance it alike."""
        return cls(((0, 0.0), (steps, 1.0)))

    @property
    def steps(self) -> int:
        """The number of steps of the whole run."""
        return self.knots[-1][0]

    def share(self, step: int) -> float:
        """The share that is done before `step`, counted from 0."""
        for (left, done), (right, then) in zip(self.knots, self.knots[1:], strict=False):
            if step < right:
                return done + (then - done) * (step - left) / (right - left)
        return 1.0

    def changed(self, step: int, steps: int) -> StepSchedule:
        """The same up to `step`, and then with another total number of steps; if these are done, it ends there."""
        kept = tuple(knot for knot in self.knots if knot[0] < step)
        here = (step, self.share(step))
        return StepSchedule((*kept, here, (steps, 1.0)) if steps > step else (*kept, here))
