"""What a step of a run costs on this machine, as a record, without torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

from skipwise.training.loop.recipe import Recipe
from skipwise.training.loop.schedule import relative_cost


@dataclass(frozen=True)
class StepCost:
    """Seconds of a training step at full size, and of evaluating one image.

    Args:
        update: what of the step is the optimizer's, which is the same whatever the images' size.
        share: of the processor time that the trial could have had, how much it got beside other programs.
    """

    step: float
    evaluation: float
    update: float = 0.0
    share: float = 1.0

    def training(self, recipe: Recipe, size: int, steps: int) -> float:
        """Seconds of so many steps of a recipe on images of `size` pixels a side."""
        return steps * (self.update + (self.step - self.update) * relative_cost(recipe, size))

    def on_pixels(self, factor: float) -> StepCost:
        """The cost on images of so many times as many pixels."""
        step = self.update + (self.step - self.update) * factor
        return replace(self, step=step, evaluation=self.evaluation * factor)

    def slowed(self, factor: float) -> StepCost:
        """The cost on a machine that is so many times as slow."""
        return replace(self, step=self.step * factor, evaluation=self.evaluation * factor, update=self.update * factor)
