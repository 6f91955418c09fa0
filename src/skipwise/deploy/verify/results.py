"""How each way of answering compares with the reference, whether that is within the tolerance, and what it changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skipwise.deploy.artifact.images import LabelledImages
from skipwise.deploy.formats import Precision
from skipwise.deploy.verify.agreement import Agreement
from skipwise.deploy.verify.drop import beyond
from skipwise.deploy.verify.variants import Variant
from skipwise.statistics.noninferiority import Drop

LEAST_AGREEMENT = 0.999
MOST_DIFFERENCE: dict[Precision, float] = {"fp32": 1e-3, "fp16": 1e-2}
"""The largest difference of any probability from PyTorch's, by the precision of the weights."""


@dataclass(frozen=True, kw_only=True)
class BackendResult:
    """One way of answering the images.

    Args:
        name: what runs it, in which precision, and where the pixels are resized.
        precision: that of its weights.
        own: whether it is the artifact's file; others are there to tell what a difference comes from.
        agreement: with the reference.
        faults: what lies outside the tolerance, a phrase each.
        drop: for INT8, what it lost in accuracy; None for others, which are judged by their probabilities, and in
            certificates of earlier versions.
    """

    name: str
    precision: Precision
    own: bool
    agreement: Agreement
    faults: tuple[str, ...]
    drop: Drop | None = None


@dataclass(frozen=True, kw_only=True)
class Flip:
    """An image whose answer changed: its name, its class if that is known, and both answers with their probability."""

    arm: str
    position: int
    name: str
    label: str | None
    before: str
    before_probability: float
    after: str
    after_probability: float


def judged(variant: Variant, found: Agreement, drop: Drop | None) -> BackendResult:
    """A way of answering with what lies outside the tolerance.

    Args:
        drop: for INT8, what it lost in accuracy.
    """
    faults = []
    if not np.isfinite(found.difference):
        faults.append("an answer is not a number for each class")
    # One image is always tolerated: on a small test set it is more than any share.
    tolerated = max(1, int((1 - LEAST_AGREEMENT) * found.images))
    if variant.precision in MOST_DIFFERENCE:
        if found.images - found.same > tolerated:
            faults.append(f"{found.images - found.same} of {found.images:,} images are answered otherwise")
        most = MOST_DIFFERENCE[variant.precision]
        if np.isfinite(found.difference) and found.difference > most:
            faults.append(f"a probability differs by {found.difference:.2g}, and {most:g} is tolerated")
    elif drop is not None and drop.outcome == "not as good":
        faults.append(beyond(drop))
    return BackendResult(
        name=variant.name,
        precision=variant.precision,
        own=variant.own,
        agreement=found,
        faults=tuple(faults),
        drop=drop,
    )


def find_flips(
    arms: tuple[BackendResult, ...],
    answers: dict[str, NDArray[np.float32]],
    expected: NDArray[np.float32],
    images: LabelledImages,
    classes: tuple[str, ...],
) -> tuple[Flip, ...]:
    """The images whose answer changed, in each arm of the artifact's own."""
    flips = []
    for arm in arms:
        for position in arm.agreement.flipped if arm.own else ():
            before, before_probability = _most_likely(expected[position], classes)
            after, after_probability = _most_likely(answers[arm.name][position], classes)
            flips.append(
                Flip(
                    arm=arm.name,
                    position=position,
                    name=images.id(position),
                    label=classes[images.labels[position]],
                    before=before,
                    before_probability=before_probability,
                    after=after,
                    after_probability=after_probability,
                )
            )
    return tuple(flips)


def _most_likely(row: NDArray[np.float32], classes: tuple[str, ...]) -> tuple[str, float]:
    """The most likely class of an answer and its probability; with NaN or infinity in it, "(not a number)" and 0."""
    return (classes[int(row.argmax())], float(row.max())) if np.isfinite(row).all() else ("(not a number)", 0.0)
