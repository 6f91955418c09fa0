"""What changes in the course of a run, as pure functions of the share of it that is done."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

from skipwise.training.loop.recipe import Recipe

START = 1 / 25
"""The first step's rate, as a share of the highest."""
SIZES = 8
"""Images grow by an eighth of their side at a time: each size is another shape to compile for."""
SMALLEST_SIDE = 16
"""Pixels; images are not made smaller than this."""


def rate(share: float, recipe: Recipe) -> float:
    """The learning rate, as a share of the highest, when `share` (0 ... 1) of the run is done."""
    if share < recipe.warmup:
        return START + (1 - START) * share / recipe.warmup
    falling = (share - recipe.warmup) / (1 - recipe.warmup)
    return 1 - falling if recipe.lr_decay == "linear" else 0.5 * (1 + math.cos(math.pi * falling))


def side(share: float, recipe: Recipe, full: int) -> int:
    """Pixels a side of the training images, which grow from the recipe's `min_size` to `full`.

    Small images first cost less and teach the coarse features as well (Howard 2018, fast.ai's DAWNBench entry).
    """
    if share >= recipe.full_size_from:
        return full
    grown = recipe.min_size + (1 - recipe.min_size) * share / recipe.full_size_from
    even = 2 * round(full * math.floor(SIZES * grown) / SIZES / 2)
    return min(full, max(even, SMALLEST_SIDE))


def sides(recipe: Recipe, full: int) -> list[int]:
    """Every size that a run's images have, in turn."""
    return list(dict.fromkeys(side(share / 1000, recipe, full) for share in range(1000)))


@functools.lru_cache(maxsize=4096)  # it is asked for every number of epochs that might fit into a limit
def relative_cost(recipe: Recipe, full: int, since: float = 0.0) -> float:
    """The mean cost of a step from the share `since` to the end, where one at full size costs 1.

    Convolutions cost what the pixels are; the last layer alone learns at a third of it, for want of a way back.
    """
    points = 400
    shares = [since + (1 - since) * (index + 0.5) / points for index in range(points)]
    return sum(step_cost(share, recipe, full) for share in shares) / points


def step_cost(share: float, recipe: Recipe, full: int) -> float:
    """The cost of the step at `share`, where one at full size costs 1."""
    return (side(share, recipe, full) / full) ** 2 * (1 / 3 if share < recipe.head_first else 1)


@dataclass(frozen=True)
class StepSchedule:
    """How far a run is after how many steps.

    Args:
        knots: (step, share), both rising, from (0, 0) to the last step; straight lines in between. There are more than
            two where a time limit made a run change its pace on the way (see timelimit.py).
    """

    knots: tuple[tuple[int, float], ...]

    @classmethod
    def even(cls, steps: int) -> StepSchedule:
        """The same pace from beginning to end."""
        return cls(((0, 0.0), (steps, 1.0)))

    @property
    def steps(self) -> int:
        """The number of steps of the whole run."""
        return self.knots[-1][0]

    def share(self, step: int) -> float:
        """Done before `step`, counted from 0."""
        for (left, done), (right, then) in zip(self.knots, self.knots[1:], strict=False):
            if step < right:
                return done + (then - done) * (step - left) / (right - left)
        return 1.0

    def changed(self, step: int, steps: int) -> StepSchedule:
        """The pace that from `step` on comes to the end after `steps` in all, or, if they are done, ends there."""
        kept = tuple(knot for knot in self.knots if knot[0] < step)
        here = (step, self.share(step))
        return StepSchedule((*kept, here, (steps, 1.0)) if steps > step else (*kept, here))
