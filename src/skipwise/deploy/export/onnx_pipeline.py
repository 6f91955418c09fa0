"""The exported network as ONNX, from pixels of any size to probabilities: what the formats ONNX and OpenVINO write."""

from __future__ import annotations

import functools
from pathlib import Path

import onnx
from onnx import ModelProto

from skipwise.data.image.preprocess import Preprocessing
from skipwise.deploy.artifact.artifact import Quantization
from skipwise.deploy.export.calibration import RunModel, evaluating, images_for_int8
from skipwise.deploy.export.onnx_file import HEAT_MAP, PIXELS, PROBABILITIES, describe, in_half, joined, to_onnx
from skipwise.deploy.export.quantize import quantize
from skipwise.deploy.export.shipped import portable, trace_classifier, trace_resize
from skipwise.deploy.export.tracing import tracing
from skipwise.deploy.formats.format import RESIZED, ExportJob
from skipwise.deploy.trained.trained_network import TrainedNetwork


def onnx_pipeline(job: ExportJob, run: RunModel) -> tuple[ModelProto, Quantization | None]:
    """The network in the job's precision, and how it was quantized where it was.

    Args:
        run: runs a network in the backend that the file is for; for INT8.

    Raises:
        SkipwiseError: torch.export can't follow the network, or INT8 loses more accuracy than it may.
    """
    network, preprocessing, progress = job.network, job.network.preprocessing, job.progress
    progress("Tracing the network", 0, 1)
    answer = _classifier(network, explain=job.explain)
    quantization = None
    if job.precision == "fp16":
        answer = in_half(answer)
    elif job.precision == "int8":
        assert job.images is not None
        calibration, checked = images_for_int8(job.images, preprocessing, progress)
        answer, quantization = quantize(
            answer,
            calibration,
            checked,
            max_drop=job.max_drop,
            evaluate=evaluating(run, progress),
            progress=progress,
        )
    progress("Writing the file", 0, 1)
    model = joined(_fitting(preprocessing), answer)
    more = {HEAT_MAP: "class activation map of the most likely class [images, h, w]"} if job.explain else {}
    describe(model, network.classes, preprocessing, network=network.model, precision=job.precision, **more)
    return model, quantization


def write_single_precision(network: TrainedNetwork, path: Path) -> None:
    """Writes a network as ONNX in single precision, to compare what was quantized with."""
    onnx.save(joined(_fitting(network.preprocessing), _classifier(network)), path)


@functools.lru_cache(maxsize=4)
def _fitting(preprocessing: Preprocessing) -> ModelProto:
    """Resizing, which takes as long to convert as a small network, and is needed again where INT8 is verified."""
    return to_onnx(trace_resize(preprocessing), takes=PIXELS, gives=RESIZED)


def _classifier(network: TrainedNetwork, *, explain: bool = False) -> ModelProto:
    """The network itself: from resized pixels to probabilities."""
    with tracing(network.model):
        traced = trace_classifier(portable(network.module()), network.preprocessing, explain=explain)
        return to_onnx(traced, takes=RESIZED, gives=PROBABILITIES, also=[HEAT_MAP] if explain else [])
