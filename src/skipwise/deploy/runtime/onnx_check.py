"""Checks what an ONNX file holds before a backend sees it: plain operators, and weights inside the file.

Operators of other domains are code that a backend may load from elsewhere. Loops may never end. Weights in other files
may be any file on this machine. A network that draws at random may answer differently once it was checked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
from onnx import AttributeProto, ModelProto, TensorProto

from skipwise.core.files.regular import read_regular

_DOMAINS = ("", "ai.onnx")
_ATTRIBUTES = (
    AttributeProto.FLOAT,
    AttributeProto.INT,
    AttributeProto.STRING,
    AttributeProto.TENSOR,
    AttributeProto.FLOATS,
    AttributeProto.INTS,
    AttributeProto.STRINGS,
)
"""The kinds of attributes that are allowed. Graphs are not: only loops, branches and maps over sequences have them."""

_LARGEST = 2**31
"""The largest file, in bytes; protobuf allows no more."""

_RANDOM = ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial")

_BITS: dict[int, int] = {
    TensorProto.FLOAT: 32,
    TensorProto.DOUBLE: 64,
    TensorProto.FLOAT16: 16,
    TensorProto.BFLOAT16: 16,
    TensorProto.INT64: 64,
    TensorProto.INT32: 32,
    TensorProto.INT16: 16,
    TensorProto.INT8: 8,
    TensorProto.UINT64: 64,
    TensorProto.UINT32: 32,
    TensorProto.UINT16: 16,
    TensorProto.UINT8: 8,
    TensorProto.BOOL: 8,
}


def read_onnx(path: Path) -> ModelProto:
    """Reads a model. Whatever was not checked is dropped.

    Raises:
        ValueError: the file is damaged, or holds something that no export writes; the message says what.
        OSError: it can't be read.
    """
    content, model = read_regular(path, _LARGEST), ModelProto()
    try:
        model.ParseFromString(content)
    except Exception as error:  # protobuf has an exception of its own
        raise ValueError("it is damaged") from error
    _check(model)
    model.DiscardUnknownFields()
    return model


def _check(model: ModelProto) -> None:
    graph = model.graph
    foreign = {each.domain for each in (*model.opset_import, *graph.node)}.difference(_DOMAINS)
    if foreign:
        raise ValueError(f"it needs operators of the domain {min(foreign)!r}, and only those of ONNX itself are run")
    if model.functions or model.training_info or graph.sparse_initializer:
        raise ValueError("it holds functions, training information or sparse weights, which no export writes")
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type not in _ATTRIBUTES or attribute.HasField("g") or attribute.graphs:
                raise ValueError(
                    f"it holds the operator {node.op_type}, which repeats or skips parts of the network, so its "
                    "running time has no known limit"
                )
        dropping = node.op_type == "Dropout" and any(node.input[2:])  # its third input turns it on
        if node.op_type in _RANDOM or dropping:
            raise ValueError(
                f"it holds the operator {node.op_type}, which draws random numbers, so its answers change each time"
            )
    for tensor in _tensors(model):
        _check_tensor(tensor)


def _tensors(model: ModelProto) -> Iterator[TensorProto]:
    yield from model.graph.initializer
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def _check_tensor(tensor: TensorProto) -> None:
    """Raises ValueError unless the numbers of a tensor are inside the file, as many as its shape says."""
    if tensor.data_location != TensorProto.DEFAULT or tensor.external_data:
        raise ValueError(f"its weight {tensor.name!r} is stored in another file, and weights must be inside the model")
    bits = _BITS.get(tensor.data_type)
    if bits is None or tensor.HasField("segment"):
        raise ValueError(f"its weight {tensor.name!r} has a type that no export writes")
    count = math.prod(tensor.dims) if all(size >= 0 for size in tensor.dims) else -1
    if tensor.HasField("raw_data"):
        there: Any = len(tensor.raw_data) * 8 / bits
    else:
        there = len(_typed(tensor))
    if count != there:
        raise ValueError(f"its weight {tensor.name!r} does not have as many numbers as its shape says")


def _typed(tensor: TensorProto) -> Any:
    """The field that holds the numbers of a tensor where they are not raw bytes."""
    field = onnx.helper.tensor_dtype_to_field(tensor.data_type)
    return getattr(tensor, field)
