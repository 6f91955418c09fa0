"""The plan of a run, which `train` fixes before it begins, and the folder that the run belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from skipwise.core.deprecation import earlier_name
from skipwise.core.differences import IGNORED, compared, difference
from skipwise.core.workspace.workspace import Workspace
from skipwise.training.folder.record import RunSpec
from skipwise.training.loop.recipe import as_begun
from skipwise.training.planning.setting import Setting
from skipwise.training.probe.step_cost import StepCost
from skipwise.training.tuning.space import with_values
from skipwise.training.tuning.tuning import Tuning
from skipwise.training.weights.starting_weights import Start

Used = tuple[tuple[str, ...], float | None, dict[str, int]]
"""The classes of some images, the share for validation, and how many are in each split."""


def said_of_specs(ours: RunPlan, theirs: RunPlan) -> str:
    """Names the differences between the images of two runs; "" leaves it to the other fields."""
    if ours.spec.fingerprint == theirs.spec.fingerprint:
        return ""
    return images_apart(
        (ours.spec.classes, ours.val_share, ours.split_images),
        (theirs.spec.classes, theirs.val_share, theirs.split_images),
    )


def images_apart(ours: Used, theirs: Used) -> str:
    """Names the differences between two sets of images with different fingerprints, for the user."""
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
        tuning: the hyperparameters that are chosen before the run; then the recipe in `spec` is that before tuning.
    """

    spec: RunSpec = field(metadata=compared(said_of_specs, within=True))
    # Images that were renamed are the same: the fingerprint says which they are.
    data: str = field(metadata=IGNORED)
    split_images: dict[str, int] = field(metadata=compared("the images are split otherwise"))
    val_share: float | None
    test_share: float | None
    external_code: str | None = field(default=None, metadata=compared("the code of the network changed"))
    step_cost: StepCost | None = field(default=None, metadata=IGNORED)
    asked_setting: tuple[int, str] | None = field(
        default=None, metadata=compared("another image size or stem is asked for")
    )
    asked_batch: int | None = field(default=None, metadata=IGNORED)
    start: Start | None = field(default=None, metadata=IGNORED)  # its SHA-256 is in `spec`
    tuning: Tuning | None = field(default=None, metadata=compared("hyperparameters are tuned otherwise"))

    EARLIER_NAMES: ClassVar[dict[str, str]] = {"external_code": "guest"}
    guest = earlier_name("external_code", "guest")

    @property
    def setting(self) -> Setting:
        """The images' size and the stem."""
        return Setting(size=self.spec.preprocessing.size, stem=self.spec.stem)

    def tuned_spec(self, values: Mapping[str, float]) -> RunSpec:
        """The run with the hyperparameters that tuning chose.

        Args:
            values: by name.
        """
        return replace(self.spec, recipe=with_values(self.spec.recipe, values))

    def same_as(self, other: RunPlan) -> bool:
        """Returns whether both ask for the same run of the same images, whatever these are called, on the same kind of
        device."""
        return not self.difference(other)

    def difference(self, other: RunPlan) -> str:
        """Names the differences from a stored plan for the user; "" where the stored plan is to be continued."""
        return difference(self._as_begun_there(other), other)

    def _as_begun_there(self, other: RunPlan) -> RunPlan:
        """Returns the plan with what the machine or a time limit chose for the other one, if both ask the same."""
        ours, theirs = self.spec, other.spec
        ours = replace(ours, recipe=as_begun(ours.recipe, other.asked_batch, theirs.recipe))
        if ours.time_limit is not None and ours.time_limit == theirs.time_limit:
            size = replace(ours.preprocessing, size=theirs.preprocessing.size)
            recipe = replace(ours.recipe, min_size=theirs.recipe.min_size, full_size_from=theirs.recipe.full_size_from)
            ours = replace(ours, preprocessing=size, recipe=recipe, stem=theirs.stem)
        return replace(self, spec=ours)


RUNS = Workspace(parent=Path("runs/train"), noun="a run", plan_file="terms.json", results=("run.json",), kind=RunPlan)
