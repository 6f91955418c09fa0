"""The cost of a training step on this machine: a record, without torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

from skipwise.training.loop.recipe import Recipe
from skipwise.training.loop.schedule import relative_cost


@dataclass(frozen=True)
class StepCost:
    """The time of a training step, and of evaluating one image.

    Args:
        step: of a training step at full size, in seconds.
        evaluation: of evaluating one image, in seconds.
        update: the part of `step` that the optimizer takes, which does not depend on the images' size, in seconds.
        share: the share of the processor time that the trial got while other programs were running.
    """

    step: float
    evaluation: float
    update: float = 0.0
    share: float = 1.0

    def training(self, recipe: Recipe, size: int, steps: int) -> float:
        """The time of `steps` steps of a recipe on images of `size` pixels a side, in seconds."""
        return steps * (self.update + (self.step - self.update) * relative_cost(recipe, size))

    def on_pixels(self, factor: float) -> StepCost:
        """The cost on images with `factor` times as many pixels."""
        step = self.update + (self.step - self.update) * factor
        return replace(self, step=step, evaluation=self.evaluation * factor)

    def slowed(self, factor: float) -> StepCost:
        """The cost on a machine that takes `factor` times as long."""
        return replace(self, step=self.step * factor, evaluation=self.evaluation * factor, update=self.update * factor)
