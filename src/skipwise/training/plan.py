"""What the verb `train` fixes before a run begins, and which folder it belongs to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from skipwise.core.workspace.workspace import Workspace
from skipwise.training.loop.recipe import as_begun, full_size, growing_apart, redefined
from skipwise.training.machine.execution import Execution
from skipwise.training.probe.step_cost import StepCost
from skipwise.training.run.record import RunSpec
from skipwise.training.setting import Setting
from skipwise.training.starting_weights import Start

Used = tuple[tuple[str, ...], float | None, dict[str, int]]
"""The classes of some images, the share for validation, and how many are in each split."""


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """The plan of a run, kept as `terms.json`.

    Args:
        val_share, test_share: None for a split that came with the images.
        external_code: a fingerprint of the code of a network that is not ours.
        step_cost: what a step was tried out to take.
        asked_setting: under a time limit, the images' size and the stem that the run would have without it.
        asked_batch: the batch that was asked for, or is the recipe's, where a smaller one is used to fit into memory.
        start: the weights that it starts from.
    """

    spec: RunSpec
    data: str
    split_images: dict[str, int]
    val_share: float | None
    test_share: float | None
    external_code: str | None = None
    step_cost: StepCost | None = None
    asked_setting: tuple[int, str] | None = None
    asked_batch: int | None = None
    start: Start | None = None

    EARLIER_NAMES: ClassVar[dict[str, str]] = {"external_code": "guest"}

    @property
    def setting(self) -> Setting:
        """The images' size and the stem."""
        return Setting(size=self.spec.preprocessing.size, stem=self.spec.stem)

    def same_as(self, other: RunPlan) -> bool:
        """Whether both ask for the same run of the same images, whatever these are called, on the same kind of
        device."""
        return (
            self._as_begun(other)._bare() == other._bare()
            and self.spec.execution.device == other.spec.execution.device
            and (self._limited(other) or self.spec.preprocessing.size == other.spec.preprocessing.size)
        )

    def difference(self, other: RunPlan) -> str:
        """What differs, named for a person."""
        ours, theirs = self._as_begun(other)._bare(), other._bare()
        if ours.spec.fingerprint != theirs.spec.fingerprint:
            # First, since much else follows from the images.
            return images_apart(
                (ours.spec.classes, ours.val_share, ours.split_images),
                (theirs.spec.classes, theirs.val_share, theirs.split_images),
            )
        if ours.spec.model == theirs.spec.model and ours.external_code != theirs.external_code:
            return "the code of the network changed"
        if redefined(ours.spec.recipe, theirs.spec.recipe):
            return f"the recipe {ours.spec.recipe.name!r} was another one then; the version that began it can go on"
        if self.spec.preprocessing.size != other.spec.preprocessing.size and not self._limited(other):
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
        return "the device differs"

    def _limited(self, other: RunPlan) -> bool:
        """Whether both are under the same time limit, which may have chosen other settings."""
        return self.spec.time_limit is not None and self.spec.time_limit == other.spec.time_limit

    def _as_begun(self, other: RunPlan) -> RunPlan:
        """With the batch that was chosen for the other, if it was for the one that is asked for here."""
        recipe = as_begun(self.spec.recipe, other.asked_batch, other.spec.recipe)
        return replace(self, spec=replace(self.spec, recipe=recipe))

    def _bare(self) -> RunPlan:
        """Without what follows from images and machine."""
        nowhere = Execution(device="", precision="", threads=0)
        bare = replace(self.spec.preprocessing, mean=(), std=())
        spec = replace(self.spec, execution=nowhere, preprocessing=bare)
        if spec.time_limit is not None:  # how fast the machine is decides whether images grow
            bare = replace(spec.preprocessing, size=0)
            spec = replace(spec, recipe=full_size(spec.recipe), preprocessing=bare, stem="auto")
        return replace(self, data="", spec=spec, step_cost=None, asked_batch=None, start=None)


def images_apart(ours: Used, theirs: Used) -> str:
    """What differs between the images of two pieces of work whose fingerprints do, named for a person."""
    (classes, share, counts), (their_classes, their_share, their_counts) = ours, theirs
    if classes != their_classes:
        gone = [name for name in their_classes if name not in classes]
        new = [name for name in classes if name not in their_classes]
        which = [f"{some[0]!r} is one only {where}" for some, where in ((gone, "there"), (new, "here")) if some]
        return f"the images differ, and so do their classes: {'; '.join(which)}"
    total, their_total = sum(counts.values()), sum(their_counts.values())
    if total != their_total:
        return f"the images differ: {their_total:,} there and {total:,} here"
    if share != their_share:
        return f"val_share is {their_share} there and {share} here"
    return "the images differ, or how they are split"


RUNS = Workspace(parent=Path("runs/train"), noun="a run", plan_file="terms.json", results=("run.json",), kind=RunPlan)
