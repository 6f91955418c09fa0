"""What quantizing needs from outside: images to calibrate and to check on, and the engine that will run the result."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto

from skipwise.core.errors import SkipwiseError
from skipwise.data.image.preprocess import Preprocessing
from skipwise.deploy.artifact.artifact import Format
from skipwise.deploy.artifact.images import LabelledImages, batches
from skipwise.deploy.export.onnx_file import FITTED
from skipwise.deploy.export.quantize import Checked, Evaluate
from skipwise.deploy.runtime.backend_import import import_backend

CALIBRATION = 300
CHECKED = 2000
"""At most so many images to calibrate on, and to control accuracy on."""

Progress = Callable[[str, int, int], None]


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


def evaluating(format: Format, tell: Progress = lambda *_: None) -> Evaluate:
    """Runs a network in the engine it is made for, 64 images at a time."""

    def evaluate(model: ModelProto, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        run = _in_onnxruntime(model) if format == "onnx" else _in_openvino(model)
        answers = []
        for start in range(0, len(pixels), 64):
            tell("Answering in single precision and INT8", start, len(pixels))
            answers.append(run(pixels[start : start + 64].astype(np.float32)))
        return np.concatenate(answers)

    return evaluate


def _in_onnxruntime(model: ModelProto) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    session = import_backend("onnxruntime").InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return lambda pixels: session.run(None, {FITTED: pixels})[0]


def _in_openvino(model: ModelProto) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    core = import_backend("openvino").Core()
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(model.SerializeToString()), "CPU", settings)
    return lambda pixels: compiled(pixels)[0].copy()
