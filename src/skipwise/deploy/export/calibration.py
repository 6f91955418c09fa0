"""The input of INT8 quantization: images to calibrate with and to check accuracy on, and the backend."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto

from skipwise.core.errors import SkipwiseError
from skipwise.core.reporting import Progress
from skipwise.data.image.preprocess import Preprocessing
from skipwise.deploy.export.quantize import Checked, Evaluate
from skipwise.deploy.trained.images import LabelledImages, batches

CALIBRATION = 300
CHECKED = 2000
"""The largest number of images to calibrate on, and to check accuracy on."""

RunModel = Callable[[ModelProto], Callable[[NDArray[np.float32]], NDArray[np.float32]]]
"""A network in a backend: resized pixels float32 [N, C, size, size] -> probabilities [N, classes]."""


def images_for_int8(
    images: LabelledImages, preprocessing: Preprocessing, progress: Progress
) -> tuple[NDArray[np.uint8], Checked]:
    """Training images to calibrate on [N, C, size, size], and others to check accuracy on, drawn class by class.

    Raises:
        SkipwiseError: there are too few images, or all belong to one class.
    """
    train = images.of("train", "")
    if len(train) == 0:
        raise SkipwiseError(f"{images.name} has no training image of this run, and INT8 is calibrated on those.")
    checked = images.of("val")
    # Without validation images, one half of the training images is for calibration and the other for checking.
    chosen = train.drawn(CALIBRATION if len(checked) else min(CALIBRATION, len(train) // 2))
    if len(np.unique(chosen.labels)) < 2:
        raise SkipwiseError(
            f"All training images of {images.name} belong to one class; INT8 has to be calibrated on two or more."
        )
    split = "validation"
    if len(checked) == 0:
        # Never test images: layers are chosen by these images, so accuracy on them is too high afterwards.
        rest = np.setdiff1d(train.rows, chosen.rows)
        checked = train.some(np.flatnonzero(np.isin(train.rows, rest)))
        split = "training"
    if len(checked) == 0:
        raise SkipwiseError(f"{images.name} has no images left to check the accuracy of INT8 on; add some.")
    checked = checked.drawn(CHECKED)

    def planes(some: LabelledImages, what: str) -> NDArray[np.uint8]:
        fitted = []
        for number, batch in enumerate(batches(some.resized(preprocessing), 64)):
            progress(what, 64 * number, len(some))
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
