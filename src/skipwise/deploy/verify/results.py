"""The comparison of each backend with the reference: the difference, the tolerance, and the images that change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from skipwise.core.deprecation import earlier_name
from skipwise.deploy.formats import Precision
from skipwise.deploy.trained.images import LabelledImages
from skipwise.deploy.verify.agreement import Agreement
from skipwise.deploy.verify.drop import beyond
from skipwise.deploy.verify.variants import Variant
from skipwise.statistics.noninferiority import Drop

LEAST_AGREEMENT = 0.999
"""The smallest share of images that must get the same class, for FP32 and FP16."""
MOST_DIFFERENCE: dict[Precision, float] = {"fp32": 1e-3, "fp16": 1e-2}
"""The largest difference of any probability from PyTorch's that is tolerated, by the precision of the weights."""


@dataclass(frozen=True, kw_only=True)
class BackendResult:
    """The answers of a backend to the images, compared with the reference.

    Args:
        name: the backend, the precision, and whether pixels were resized before.
        precision: the precision of the weights.
        own: whether it is the artifact's file; other files show where a difference comes from.
        agreement: how its answers agree with those of the reference.
        faults: what is outside the tolerance, a clause each.
        drop: for INT8, its drop in accuracy. None for other precisions, which are judged by their probabilities, and in
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
    """An image that gets another class than from the reference.

    Args:
        backend: the name of the `BackendResult`.
        position: the image's position.
        name: the image's name.
        label: its class, if that is known.
        before: the class that the reference gives it.
        before_probability: with this probability.
        after: the class that the backend gives it.
        after_probability: with this probability.
    """

    backend: str
    position: int
    name: str
    label: str | None
    before: str
    before_probability: float
    after: str
    after_probability: float

    EARLIER_NAMES: ClassVar[dict[str, str]] = {"backend": "arm"}
    arm = earlier_name("backend", "arm")


def judged(variant: Variant, found: Agreement, drop: Drop | None, *, temperature: float = 1.0) -> BackendResult:
    """The result of a variant, with what is outside the tolerance.

    Args:
        variant: the variant.
        found: how its answers agree with those of the reference.
        drop: for INT8, its drop in accuracy.
        temperature: what the logits are divided by. Below 1 it makes differences of probabilities larger.
    """
    faults = []
    if not np.isfinite(found.difference):
        faults.append("an answer is not a number for each class")
    # One image is always tolerated: in a small test set it is a large share.
    tolerated = max(1, int((1 - LEAST_AGREEMENT) * found.images))
    if variant.precision in MOST_DIFFERENCE:
        if found.images - found.same > tolerated:
            faults.append(f"{found.images - found.same} of {found.images:,} images get another class")
        most = MOST_DIFFERENCE[variant.precision] / min(temperature, 1.0)
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
    results: tuple[BackendResult, ...],
    answers: dict[str, NDArray[np.float32]],
    expected: NDArray[np.float32],
    images: LabelledImages,
    classes: tuple[str, ...],
) -> tuple[Flip, ...]:
    """The images that get another class from the artifact's own file, in each backend."""
    flips = []
    for result in results:
        for position in result.agreement.flipped if result.own else ():
            before, before_probability = _most_likely(expected[position], classes)
            after, after_probability = _most_likely(answers[result.name][position], classes)
            flips.append(
                Flip(
                    backend=result.name,
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
    """The most likely class of an answer and its probability; "(not a number)" and 0 where it has NaN or infinity."""
    return (classes[int(row.argmax())], float(row.max())) if np.isfinite(row).all() else ("(not a number)", 0.0)
