"""What a step of a run costs on this machine, as a record, without torch."""

from __future__ import annotations

from dataclasses import dataclass

from skipwise.training.recipe import Recipe
from skipwise.training.schedule import relative_cost


@dataclass(frozen=True)
class StepCost:
    """Seconds of a training step at full size, and of evaluating one image."""

    step: float
    evaluation: float

    def training(self, recipe: Recipe, size: int, steps: int) -> float:
        """Seconds of so many steps of a recipe on images of `size` pixels a side."""
        return self.step * steps * relative_cost(recipe, size)
