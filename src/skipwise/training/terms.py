"""What the verb `train` fixes before a run begins, and which folder it belongs to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from skipwise.folders import Shelf
from skipwise.training.execution import Execution
from skipwise.training.recipe import full_size, growing_apart, redefined
from skipwise.training.run import RunSpec
from skipwise.training.trial import StepCost


@dataclass(frozen=True, kw_only=True)
class Terms:
    """`terms.json`: what a run was begun with.

    Args:
        val_share, test_share: None for a split that came with the images.
        guest: a fingerprint of the code of a network that is not ours.
        step_cost: what a step was tried out to take.
    """

    spec: RunSpec
    data: str
    split_images: dict[str, int]
    val_share: float | None
    test_share: float | None
    guest: str | None = None
    step_cost: StepCost | None = None

    def same_as(self, other: Terms) -> bool:
        """Whether both ask for the same run, on the same kind of device."""
        return (
            self._bare() == other._bare()
            and self.spec.execution.device == other.spec.execution.device
            and self.spec.preprocessing.size == other.spec.preprocessing.size
        )

    def difference(self, other: Terms) -> str:
        """What differs, named for a person."""
        ours, theirs = self._bare(), other._bare()
        if (ours.data, ours.spec.classes) != (theirs.data, theirs.spec.classes):
            return "the images differ"
        if ours.spec.model == theirs.spec.model and ours.guest != theirs.guest:
            return "the code of the network changed"
        if redefined(ours.spec.recipe, theirs.spec.recipe):
            return f"the recipe {ours.spec.recipe.name!r} was another one then; the version that began it can go on"
        if self.spec.preprocessing.size != other.spec.preprocessing.size:
            return f"the image size is {other.spec.preprocessing.size} there and {self.spec.preprocessing.size} here"
        if apart := growing_apart(ours.spec.recipe, theirs.spec.recipe):
            return apart
        pairs = (
            (ours.spec.recipe, theirs.spec.recipe),
            (ours.spec.recipe.augmentation, theirs.spec.recipe.augmentation),
            (ours.spec, theirs.spec),
            (ours, theirs),
        )
        for mine, yours in pairs:
            for name in mine.__dataclass_fields__:
                nested = name in {"recipe", "augmentation", "spec", "fingerprint", "split_images"}
                if not nested and getattr(mine, name) != getattr(yours, name):
                    return f"{name} is {getattr(yours, name)} there and {getattr(mine, name)} here"
        if ours.spec.fingerprint != theirs.spec.fingerprint:
            return "the images differ, or how they are split"
        return "the device differs"

    def _bare(self) -> Terms:
        """Without what follows from images and machine."""
        nowhere = Execution(device="", precision="", threads=0)
        bare = replace(self.spec.preprocessing, mean=(), std=())
        spec = replace(self.spec, execution=nowhere, preprocessing=bare)
        if spec.time_limit is not None:  # how fast the machine is decides whether images grow
            spec = replace(spec, recipe=full_size(spec.recipe))
        return replace(self, spec=spec, step_cost=None)


SHELF = Shelf(parent=Path("runs/train"), noun="a run", begun="terms.json", finished="run.json", kind=Terms)
