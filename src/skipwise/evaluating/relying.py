"""A network's answers to images before other backgrounds, where the data set brings these, and what they say."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from skipwise.core.reporting import Progress
from skipwise.deploy.runtime.session import Session
from skipwise.deploy.trained.images import LabelledImages
from skipwise.evaluating.answering import Evaluated
from skipwise.evaluating.corrupting import BATCH, answered_classes
from skipwise.evaluating.report.corruption_wording import percent, points
from skipwise.evaluation.reliance import Reliance, reliance
from skipwise.evaluation.variants import VARIANTS, Originals

BACKGROUNDS = VARIANTS["backgrounds"]


def brings_backgrounds(images: LabelledImages | None) -> bool:
    """Returns whether the data set has its images before other backgrounds."""
    return images is not None and set(BACKGROUNDS.versions) <= set(images.source.versions)


def answer_backgrounds(session: Session, found: Evaluated, *, progress: Progress | None) -> Reliance:
    """Answers images before each background.

    Args:
        session: the network, open.
        found: the images, which are there, and their labels.
        progress: told of images times backgrounds.

    Raises:
        SkipwiseError: the network gives no probabilities.
    """
    images = found.images
    assert images is not None
    assert images.source.pixels is not None
    originals = Originals(
        pixels=images.source.pixels, preprocessing=session.preprocessing, brought=images.source.versions
    )
    answers = np.empty((len(BACKGROUNDS.versions), len(images)), dtype=np.int64)
    for row, version in enumerate(BACKGROUNDS.versions):
        for here in _batches(len(images)):
            if progress is not None:
                progress("Answering other backgrounds", row * len(images) + here.start, answers.size)
            pixels: NDArray[np.uint8] = BACKGROUNDS.make(originals, version, images.rows[here])
            answers[row, here] = answered_classes(session, pixels)
    return reliance(answers, found.answers.labels, groups=found.answers.groups)


def _batches(images: int) -> Iterator[slice]:
    for first in range(0, images, BATCH):
        yield slice(first, min(first + BATCH, images))


def rows(found: Reliance) -> list[tuple[str, str]]:
    """The accuracies for a table: a background, and how often the network is right before it."""
    return [
        ("plain grey", percent(found.plain)),
        ("of the image's class", percent(found.same)),
        ("of another class", percent(found.other)),
    ]


def relied(found: Reliance) -> str:
    """States how much the network relies on the background, in a sentence."""
    said = (
        f"It is right on {percent(found.same)} of the images before a background of their own class, and on "
        f"{percent(found.other)} before one of another class"
    )
    if found.difference.low > 0:
        return f"{said}: it relies on the background for {points(found.difference)}."
    return f"{said}; the difference, {points(found.difference)}, may be chance."
