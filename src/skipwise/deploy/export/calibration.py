"""What quantizing needs from outside: images to calibrate and to check on, and the engine that will run the result."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto

from skipwise.core.errors import SkipwiseError
from skipwise.data.image.preprocess import Preprocessing
from skipwise.deploy.artifact.images import LabelledImages, batches
from skipwise.deploy.export.quantize import Checked, Evaluate
from skipwise.deploy.formats.format import Progress

CALIBRATION = 300
CHECKED = 2000
"""At most so many images to calibrate on, and to control accuracy on."""

RunModel = Callable[[ModelProto], Callable[[NDArray[np.float32]], NDArray[np.float32]]]
"""A network in a backend: resized pixels float32 [N, C, size, size] -> probabilities [N, classes]."""


def images_for_int8(
    images: LabelledImages, preprocessing: Preprocessing, tell: Progress
) -> tuple[NDArray[np.uint8], Checked]:
    """Training images to calibrate on [N, C, size, size], and others to control accuracy on, drawn class by class.

    Raises:
        SkipwiseError: there are too few, or all are of one class.
    """
    train = images.of("train", "")
    if len(train) == 0:
        raise SkipwiseError(f"No image of {images.name} is a training image of this run, to calibrate INT8 on.")
    checked = images.of("val")
    # Without validation images, training images have to do for both.
    chosen = train.drawn(CALIBRATION if len(checked) else min(CALIBRATION, len(train) // 2))
    if len(np.unique(chosen.labels)) < 2:
        raise SkipwiseError(
            f"All training images of {images.name} are of one class; INT8 needs the ranges of at least two."
        )
    split = "validation"
    if len(checked) == 0:
        # Never test images: what was chosen by them would look better on them than it is.
        rest = np.setdiff1d(train.rows, chosen.rows)
        checked = train.some(np.flatnonzero(np.isin(train.rows, rest)))
        split = "training"
    if len(checked) == 0:
        raise SkipwiseError(f"{images.name} has no images left to control the accuracy of INT8 on; add some.")
    checked = checked.drawn(CHECKED)

    def planes(some: LabelledImages, what: str) -> NDArray[np.uint8]:
        fitted = []
        for number, batch in enumerate(batches(some.resized(preprocessing), 64)):
            tell(what, 64 * number, len(some))
            fitted.append(batch.transpose(0, 3, 1, 2))
        return np.concatenate(fitted)

    return planes(chosen, "Reading images"), Checked(
        pixels=planes(checked, "Reading images"), labels=checked.labels, split=split, groups=checked.groups()
    )


def evaluating(run: RunModel, progress: Progress = lambda *_: None) -> Evaluate:
    """Runs a network 64 images at a time.

    Args:
        run: in which backend.
    """

    def evaluate(model: ModelProto, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        answer = run(model)
        answers = []
        for start in range(0, len(pixels), 64):
            progress("Comparing INT8 with single precision", start, len(pixels))
            answers.append(answer(pixels[start : start + 64].astype(np.float32)))
        return np.concatenate(answers)

    return evaluate
