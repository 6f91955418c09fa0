"""The exported network as ONNX: one graph from pixels of any size to probabilities.

Its two parts, resizing and classifying, meet in the tensor `fitted`. Pixels that are resized already are fed in there.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import numpy as np
import onnx
import torch
from onnx import ModelProto, TensorProto, helper, numpy_helper
from torch.export import ExportedProgram

from skipwise.data.image.preprocess import Preprocessing
from skipwise.deploy.formats.format import RESIZED
from skipwise.deploy.formats.onnx_format import OPSET
from skipwise.deploy.runtime.backend_import import silence_telemetry

PIXELS, PROBABILITIES, HEAT_MAP = "pixels", "probabilities", "heat_map"
_IR_VERSION = 10
"""The version of ONNX's file format. Runtimes of the last two years read it."""


def to_onnx(program: ExportedProgram, *, takes: str, gives: str, also: Sequence[str] = ()) -> ModelProto:
    """A traced program as ONNX, for any number of images.

    Args:
        takes, gives: the names of its input and of its output.
        also: those of further outputs.
    """
    silence_telemetry()  # PyTorch may import a backend for this
    with _quietly():
        made = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=OPSET,
            input_names=[takes],
            output_names=[gives, *also],
            verbose=False,
        )
    assert made is not None
    model: ModelProto = made.model_proto
    for part in (*model.graph.input, *model.graph.output):
        part.type.tensor_type.shape.dim[0].dim_param = "images"
    # These hold paths of this machine, and for each node a page about its place in the source.
    for node in model.graph.node:
        del node.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    model.graph.doc_string = ""
    return model


def joined(fit: ModelProto, answer: ModelProto) -> ModelProto:
    """One model that resizes (`fit`) and then classifies (`answer`)."""
    fit = onnx.compose.add_prefix(fit, "fit/", rename_inputs=False, rename_outputs=False)
    both = onnx.compose.merge_models(_with_versions(fit), _with_versions(answer), io_map=[(RESIZED, RESIZED)])
    shape = both.graph.input[0].type.tensor_type.shape
    for dimension, name in zip(shape.dim, ("images", "height", "width"), strict=False):
        dimension.dim_param = name
    onnx.checker.check_model(both, full_check=True)
    return both


def _with_versions(model: ModelProto) -> ModelProto:
    model.ir_version = _IR_VERSION
    kept = [entry for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    return model


def describe(model: ModelProto, classes: tuple[str, ...], preprocessing: Preprocessing, **more: str) -> None:
    """Writes the names of the classes, the preprocessing and more into the file itself."""
    del model.metadata_props[:]
    said = {
        "classes": json.dumps(classes, ensure_ascii=False),
        "preprocessing": json.dumps(asdict(preprocessing)),
        "input": "uint8 RGB or grey pixels [images, height, width, channels] of any size, not resized or normalised",
        "output": "probabilities [images, classes]",
        **more,
    }
    helper.set_model_props(model, said)
    model.producer_name = "skipwise"


def in_half(model: ModelProto) -> ModelProto:
    """The same model with weights stored in half precision. It still computes in single precision."""
    made = ModelProto()
    made.CopyFrom(model)
    kept, casts = [], []
    for tensor in made.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type == TensorProto.FLOAT and values.size >= 64:
            half = f"{tensor.name}/half"
            kept.append(numpy_helper.from_array(values.astype(np.float16), half))
            casts.append(helper.make_node("Cast", [half], [tensor.name], to=TensorProto.FLOAT))
        else:
            kept.append(tensor)
    del made.graph.initializer[:]
    made.graph.initializer.extend(kept)
    nodes = [*casts, *made.graph.node]
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    return made


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Silences the exporter's progress and its warnings about itself."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
