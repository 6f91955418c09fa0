"""Properties of the run's validation images, measured for the export. Nothing here looks at a test image."""

from __future__ import annotations

import contextlib

import numpy as np

from skipwise.core.errors import SkipwiseError
from skipwise.core.reporting import Progress
from skipwise.data.image.decode import UnreadableImage, decode
from skipwise.deploy.artifact.reference import INPUTS, Reference, Spread, Threshold, measured, spread
from skipwise.deploy.artifact.temperature import validation_of_run
from skipwise.deploy.trained.images import LabelledImages, square
from skipwise.deploy.trained.trained_network import TrainedNetwork
from skipwise.evaluation.calibration import confidence
from skipwise.evaluation.confidence import threshold_for
from skipwise.evaluation.metrics import right
from skipwise.evaluation.one_network import ASKED

MEASURED = 300
"""The validation images whose pixels are measured, at most."""


def threshold_of(network: TrainedNetwork) -> Threshold | None:
    """The threshold that `evaluate` finds on the run's validation images: for the lowest of its accuracies that the
    network doesn't reach anyway, or for the highest where it reaches all.

    Raises:
        SkipwiseError: the run's predictions are damaged.
    """
    validation = validation_of_run(network)
    if validation is None:
        return None
    hits = right(validation.logits, validation.labels)
    asked = next((each for each in ASKED if hits.mean() < each), ASKED[-1])
    found = threshold_for(confidence(validation.logits / network.temperature), hits, asked)
    return Threshold(asked=asked, confidence=found.threshold)


def reference_of(
    network: TrainedNetwork, threshold: Threshold | None, images: LabelledImages | None, progress: Progress
) -> Reference | None:
    """Measures the run's validation images; None where they are not known.

    Raises:
        SkipwiseError: the run's predictions are damaged.
    """
    validation = validation_of_run(network)
    if validation is None:
        return None
    sure = confidence(validation.logits / network.temperature)
    answers = np.bincount(validation.logits.argmax(axis=1), minlength=len(network.classes))
    return Reference(
        images=len(validation.labels),
        answers=tuple(answers.tolist()),
        unsure=None if threshold is None else int((sure < threshold.confidence).sum()),
        inputs={} if images is None else _inputs(images.of("val"), network, progress),
    )


def _inputs(images: LabelledImages, network: TrainedNetwork, progress: Progress) -> dict[str, Spread]:
    if not len(images):
        return {}
    # Not as many of each class: the images that come later aren't sorted either.
    chosen = np.sort(np.random.default_rng(0).permutation(len(images))[:MEASURED])
    prepared, rows = network.preprocessing, []
    # An image that was removed or damaged since is no reason not to export; those before it are enough.
    with contextlib.suppress(SkipwiseError, UnreadableImage):
        for number, data in enumerate(images.some(chosen).encoded(), 1):
            pixels = decode(data, channels=prepared.channels, levels=prepared.levels)
            rows.append(measured(square(pixels, prepared), min(pixels.shape[:2])))
            progress("Measuring validation images", number, len(chosen))
    return {name: spread(values) for name, values in zip(INPUTS, zip(*rows, strict=True), strict=True)} if rows else {}
