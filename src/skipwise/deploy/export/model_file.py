"""What an export writes of the network itself: one file of each format, from pixels of any size to probabilities."""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import onnx
import torch
from onnx import ModelProto

from skipwise.core.errors import SkipwiseError
from skipwise.deploy.artifact.artifact import MODEL_FILES, Format, Precision, Quantization
from skipwise.deploy.artifact.images import LabelledImages
from skipwise.deploy.artifact.trained_network import TrainedNetwork
from skipwise.deploy.export.calibration import Progress, evaluating, images_for_int8
from skipwise.deploy.export.onnx_file import FITTED, PIXELS, PROBABILITIES, describe, in_half, joined, to_onnx
from skipwise.deploy.export.quantize import quantize
from skipwise.deploy.export.shipped import InHalf, portable, trace_answer, trace_fit, trace_whole
from skipwise.deploy.runtime.backend_import import import_backend


def write_model(
    folder: Path,
    network: TrainedNetwork,
    images: LabelledImages | None,
    format: Format,
    precision: Precision,
    max_drop: float,
    tell: Progress,
) -> Quantization | None:
    """Writes the files of a format into a folder, `MODEL_FILES` of it; how it was brought to INT8 where it was.

    Args:
        images: to calibrate on, and to check the accuracy; needed for INT8 alone.
        max_drop: for INT8, the accuracy that may be lost, a fraction.

    Raises:
        SkipwiseError: torch.export can't follow the network, or INT8 costs more than that.
    """
    tell("Tracing the network", 0, 1)
    if format == "torch":
        with _followed(network.model):
            answer = trace_answer(portable(network.module()), network.preprocessing).module()
            program = trace_whole(InHalf(answer) if precision == "fp16" else answer, network.preprocessing)
        program.example_inputs = None  # they would be a pickle
        for node in program.graph.nodes:
            node.meta.pop("stack_trace", None)  # paths of this machine
        content = io.BytesIO()  # writing it directly, torch aborts the process where the disk is full
        torch.export.save(program, content)
        (folder / MODEL_FILES[format][0]).write_bytes(content.getbuffer())
        return None
    answer = _answer_as_onnx(network)
    quantization = None
    if precision == "fp16":
        answer = in_half(answer)
    elif precision == "int8":
        assert images is not None
        calibration, checked = images_for_int8(images, network.preprocessing, tell)
        evaluate = evaluating(format, tell)
        answer, quantization = quantize(
            answer, calibration, checked, max_drop=max_drop, evaluate=evaluate, progress=tell
        )
    tell("Writing the file", 0, 1)
    whole = joined(to_onnx(trace_fit(network.preprocessing), takes=PIXELS, gives=FITTED), answer)
    more = {"network": network.model, "precision": precision}
    describe(whole, network.classes, network.preprocessing, **more)
    if format == "onnx":
        onnx.save(whole, folder / MODEL_FILES[format][0])
    else:
        _save_openvino(whole, folder / MODEL_FILES[format][0])
    return quantization


def write_single_precision(network: TrainedNetwork, folder: Path) -> Path:
    """A network as ONNX in single precision, to be held against what was quantized: the path of the file."""
    answer = _answer_as_onnx(network)
    path = folder / MODEL_FILES["onnx"][0]
    onnx.save(joined(to_onnx(trace_fit(network.preprocessing), takes=PIXELS, gives=FITTED), answer), path)
    return path


def _answer_as_onnx(network: TrainedNetwork) -> ModelProto:
    with _followed(network.model):
        traced = trace_answer(portable(network.module()), network.preprocessing)
        return to_onnx(traced, takes=FITTED, gives=PROBABILITIES)


@contextlib.contextmanager
def _followed(model: str) -> Iterator[None]:
    """Says in a sentence why a network of somebody else's can't be brought into a file, and where in its code."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # torch prints the whole network before it raises
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    except (SkipwiseError, OSError, MemoryError):
        raise
    except Exception as error:  # torch.export and torch.onnx have dozens
        places = re.findall(r'File "([^"]+)", line (\d+)', str(error))
        where = f" at line {places[-1][1]} of {places[-1][0]}" if places else ""
        raise SkipwiseError(
            f"{model} can't be brought into a file: torch.export can't follow its code{where} "
            f"({type(error).__name__}). Nothing may depend on the values in an image but by tensors (no if, while or "
            ".item()), and all of it must be torch's. Change that, or predict from the run itself."
        ) from error
    finally:
        logging.disable(before)


def _save_openvino(whole: ModelProto, path: Path) -> None:
    openvino = import_backend("openvino")
    model = openvino.Core().read_model(whole.SerializeToString())
    for entry in whole.metadata_props:
        model.set_rt_info(entry.value, ["skipwise", entry.key])
    try:
        openvino.save_model(model, path, compress_to_fp16=False)
    except RuntimeError as error:  # it does not say what the matter is; what it was to write needs as much again
        if shutil.disk_usage(path.parent).free < 2 * whole.ByteSize():
            raise OSError(errno.ENOSPC, "No space left on device", str(path)) from error
        raise
