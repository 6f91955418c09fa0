"""The time that one run still takes, by its steps so far."""

from __future__ import annotations

import time

from skipwise.core.progress import SHOWN_SECONDS
from skipwise.core.remaining import Remaining
from skipwise.training.callbacks import Callback
from skipwise.training.folder.state import TrainState
from skipwise.training.loop.recipe import Recipe
from skipwise.training.loop.schedule import relative_cost

WARM_UP = 5
"""Steps that say nothing of the others: memory is allocated, kernels are chosen."""


class RunTime(Callback):
    """Estimates how long one run still takes.

    Args:
        recipe: of the run.
        size: of its images at full size, in pixels a side.
    """

    def __init__(self, recipe: Recipe, size: int) -> None:
        self.recipe, self.size = recipe, size
        self.remaining = Remaining()
        self.steps, self.noted = 0, 0.0

    def on_step(self, state: TrainState) -> None:
        now = time.monotonic()
        self.steps += 1
        # Steps may be quicker than anybody can read.
        if self.steps <= WARM_UP or now - self.noted < SHOWN_SECONDS:
            return
        share = state.step_schedule.share(state.steps)
        left = relative_cost(self.recipe, self.size, share) * (1 - share)
        if not self.remaining.tasks:
            self.remaining.expect({"run": ("", left)})
        else:
            self.remaining.note("run", left, now - self.noted, now)
        self.noted = now

    @property
    def seconds(self) -> float | None:
        """The estimate; None where nothing is known yet."""
        return self.remaining.seconds(time.monotonic()) if self.remaining.tasks else None
