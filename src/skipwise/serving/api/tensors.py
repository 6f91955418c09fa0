"""Tensors of the Open Inference Protocol: inputs of a request become images, and answers become outputs.

A tensor stands in JSON, or behind it as little-endian bytes in row-major order (the binary tensor data extension).
"""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from skipwise.deploy.predict.given_image import Image
from skipwise.serving.api.uploads import decoded_json
from skipwise.serving.connections.problems import Problem
from skipwise.serving.engine.work import Answer

IMAGE, PIXELS = "image", "pixels"
"""The two inputs, of which a request has one: encoded images, BYTES [N]; or pixels, UINT8 [N, H, W, C]."""
PROBABILITIES, LABEL, LOGITS = "probabilities", "label", "logits"
"""The outputs: FP32 [N, classes], BYTES [N], and FP32 [N, classes]. Logits are those of the calibrated probabilities up
to a constant for each image: their logarithms, so that softmax gives the probabilities."""
OUTPUTS = (PROBABILITIES, LABEL, LOGITS)
DEFAULT_OUTPUTS = (PROBABILITIES, LABEL)
"""The outputs of a request that names none."""
_NUMBERS = {"UINT8": "u1", "FP32": "<f4"}
_MOST_DIMENSIONS = 4
_LARGEST_DIMENSION = 2**40
_MEND = f"give {IMAGE} as BYTES [N], or {PIXELS} as UINT8 [N, height, width, channels]"


class Tensor(msgspec.Struct, kw_only=True):
    """An input in the JSON of a request."""

    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] = {}
    data: list[Any] | None = None


class Wanted(msgspec.Struct, kw_only=True):
    """An output that a request asks for."""

    name: str
    parameters: dict[str, Any] = {}


class Inference(msgspec.Struct, kw_only=True):
    """The JSON of a request."""

    inputs: list[Tensor]
    id: str | None = None
    parameters: dict[str, Any] = {}
    outputs: list[Wanted] = []


def parse(body: bytes, header_length: str | None, most: int) -> tuple[Inference, list[Image]]:
    """The request in a body, and its images.

    Args:
        header_length: the header Inference-Header-Content-Length; None where there is JSON only.
        most: the most images.

    Raises:
        Problem: it can't be read, asks for outputs that are not there, or has no images or too many.
    """
    length = len(body)
    if header_length is not None:
        if not (header_length.isascii() and header_length.isdigit() and len(header_length) < 10):
            raise Problem(400, "The header Inference-Header-Content-Length takes the number of bytes of the JSON.")
        length = int(header_length)
        if length > len(body):
            raise Problem(
                400, "The header Inference-Header-Content-Length is larger than the body; give the bytes of the JSON."
            )
    try:
        request = decoded_json(body[:length], Inference)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Problem(400, f"The JSON of the request can't be read ({str(error).rstrip('.')}).") from error
    if len(request.inputs) != 1:
        raise Problem(400, f"The request has {len(request.inputs)} inputs, and one is wanted: {_MEND}.")
    asked = [each.name for each in request.outputs]
    unknown = [name for name in asked if name not in OUTPUTS]
    if unknown:
        raise Problem(400, f"There is no output {unknown[0]!r}; there are {', '.join(OUTPUTS)}.")
    if len(asked) > len(set(asked)):
        raise Problem(400, "The request names an output twice; name each once.")
    tensor = request.inputs[0]
    elements = _elements(tensor.shape)
    content = _binary(tensor, body[length:])
    if (elements if tensor.name == IMAGE else tensor.shape[0]) > most:  # before there is an object for each
        raise Problem(413, f"The request holds more than {most:,} images; send fewer at a time.")
    if tensor.name == IMAGE and tensor.datatype == "BYTES" and len(tensor.shape) in (1, 2):
        images: list[Image] = [*_texts(tensor, content, elements)]
    elif tensor.name == PIXELS and tensor.datatype in _NUMBERS and len(tensor.shape) == 4:
        images = [*_pixels(tensor, content, elements)]
    else:
        raise Problem(
            400, f"The input {tensor.name!r}, {tensor.datatype} {tensor.shape}, is not one of this network's; {_MEND}."
        )
    if not images:
        raise Problem(400, f"The request holds no image; {_MEND}.")
    return request, images


def _elements(shape: Sequence[int]) -> int:
    """The number of elements of a shape. It is small and has few dimensions, or multiplying could take minutes."""
    if not 1 <= len(shape) <= _MOST_DIMENSIONS:
        raise Problem(400, f"The shape of the input has {len(shape):,} dimensions; {_MEND}.")
    if not all(0 <= each <= _LARGEST_DIMENSION for each in shape):
        raise Problem(
            400, f"The shape of the input has a dimension below 0 or above {_LARGEST_DIMENSION:,}; give its real sizes."
        )
    return math.prod(shape)


def _binary(tensor: Tensor, rest: bytes) -> bytes | None:
    """The bytes of a tensor behind the JSON; None where it is in the JSON."""
    size = tensor.parameters.get("binary_data_size")
    if size is None:
        if rest:
            raise Problem(400, "There are bytes behind the JSON, and the input has no binary_data_size; give it.")
        if tensor.data is None:
            raise Problem(400, "The input has neither data nor binary_data_size; give one of them.")
        return None
    if type(size) is not int or size != len(rest) or tensor.data is not None:
        raise Problem(
            400, f"The parameter binary_data_size has to be the {len(rest)} bytes behind the JSON, without data in it."
        )
    return rest


def _texts(tensor: Tensor, content: bytes | None, elements: int) -> list[bytes]:
    found: list[bytes] = []
    if content is None:
        try:
            found = [base64.b64decode(each, validate=True) for each in _flat(tensor.data or [])]
        except (ValueError, TypeError) as error:
            raise Problem(400, "An image in JSON has to be base64; or send it behind the JSON, as bytes.") from error
    else:
        place = 0
        while place < len(content) and len(found) <= elements:
            if place + 4 > len(content):
                raise _cut_off()
            (length,) = struct.unpack_from("<I", content, place)
            place += 4 + length
            if place > len(content):
                raise _cut_off()
            found.append(content[place - length : place])
    if len(found) != elements:
        there = "more" if len(found) > elements else str(len(found))
        raise Problem(400, f"The shape {tensor.shape} has {elements} elements, and there are {there}.")
    return found


def _cut_off() -> Problem:
    return Problem(400, "An element of BYTES is cut off; each is its length in four bytes, and then its bytes.")


def _pixels(tensor: Tensor, content: bytes | None, elements: int) -> NDArray[np.uint8]:
    """Pixels [N, H, W, C]. Single precision is taken where it holds whole numbers."""
    if not elements:
        raise Problem(400, f"The shape {tensor.shape} has no pixels; {_MEND}.")
    kind = np.dtype(_NUMBERS[tensor.datatype])
    try:
        if content is not None:
            values = np.frombuffer(content, kind)
        else:
            flat = _flat(tensor.data or [])
            if not all(type(each) in (int, float) for each in flat):
                raise ValueError("not a number")
            values = np.array(flat, np.float64)
    except (ValueError, OverflowError) as error:
        raise Problem(400, f"The pixels are not {tensor.datatype}; {_MEND}.") from error
    if values.size != elements:
        raise Problem(400, f"The shape {tensor.shape} has {elements} elements, and there are {values.size}.")
    pixels = values if values.dtype == np.uint8 else _whole(values)
    return pixels.reshape(tensor.shape)


def _whole(values: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    with np.errstate(invalid="ignore"):
        good = (values >= 0) & (values <= 255) & (values == np.floor(values))
    if not good.all():
        first = float(values[~good][0])
        raise Problem(
            400,
            f"Pixels are whole numbers from 0 to 255, in FP32 too, and {first:g} is none. Multiply pixels from 0 to 1 "
            "by 255 and round them; send ones that you normalized as they were before.",
        )
    return values.astype(np.uint8)


def _flat(data: Sequence[Any]) -> list[Any]:
    """Values of lists in lists, in their order.

    Raises:
        ValueError: they are nested deeper than a tensor has dimensions.
    """
    for _ in range(_MOST_DIMENSIONS):
        if not any(isinstance(each, list) for each in data):
            return list(data)
        data = [value for each in data for value in (each if isinstance(each, list) else [each])]
    raise ValueError("it is nested too deeply")


def outputs(request: Inference, answers: Sequence[Answer]) -> tuple[list[dict[str, Any]], bytes]:
    """The outputs of a response: their JSON, and the bytes behind it."""
    wanted = request.outputs or [Wanted(name=each) for each in DEFAULT_OUTPUTS]
    by_default = request.parameters.get("binary_data_output") is True
    shown: list[dict[str, Any]] = []
    behind: list[bytes] = []
    for each in wanted:
        values, kind = _values(each, answers)
        output: dict[str, Any] = {"name": each.name, "datatype": kind, "shape": list(values.shape)}
        if each.parameters.get("binary_data", by_default) is True:
            content = _packed(values, kind)
            output["parameters"] = {"binary_data_size": len(content)}
            behind.append(content)
        else:
            output["data"] = values.ravel().tolist()
        shown.append(output)
    return shown, b"".join(behind)


def _values(wanted: Wanted, answers: Sequence[Answer]) -> tuple[NDArray[Any], str]:
    if wanted.name == LABEL:
        return np.array([answer.label for answer in answers], dtype=object), "BYTES"
    probabilities = np.stack([answer.probabilities for answer in answers])
    shown = probabilities
    if wanted.name == LOGITS:  # the smallest number, since JSON has no infinity
        shown = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))
    most = wanted.parameters.get("classification")
    if most is None:
        return shown, "FP32"
    if type(most) is not int or most < 1:
        raise Problem(400, "The parameter classification takes a number of classes from 1 on.")
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :most]
    classes = answers[0].version.classes
    texts = [
        [f"{row[each]:f}:{each}:{classes[each]}" for each in numbers]
        for row, numbers in zip(shown.tolist(), order.tolist(), strict=True)
    ]
    return np.array(texts, dtype=object), "BYTES"


def _packed(values: NDArray[Any], kind: str) -> bytes:
    if kind == "FP32":
        return values.astype("<f4").tobytes()
    encoded = [each.encode("utf-8", "replace") for each in values.ravel().tolist()]
    return b"".join(struct.pack("<I", len(each)) + each for each in encoded)
