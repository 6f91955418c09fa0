"""Checks what OpenVINO's files hold before OpenVINO sees them, and the network again after OpenVINO has read it."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any
from xml.parsers import expat

from skipwise.core.files.regular import open_regular, read_regular

_LOOPS = ("Loop", "TensorIterator", "If", "ReadValue", "Assign")
"""Operators that repeat or skip parts of a network, so that its running time has no known limit, or that remember
earlier images."""
_RANDOM = ("RandomUniform", "Multinomial")
_OPSET = re.compile(r"opset\d{1,2}")
_BITS = {
    **{kind: int(re.sub(r"\D", "", kind)) for kind in ("f64 f32 f16 i64 i32 i16 i8 i4 u64 u32 u16 u8 u4 u1").split()},
    "bf16": 16,
    "boolean": 8,
}
_LARGEST = 2**28
"""The largest document, in bytes. It holds no weights; that of a large network has a few million bytes."""


def check_ir(xml: Path, weights: Path) -> None:
    """Checks the two files of a network.

    Raises:
        ValueError: they are damaged, or hold something that no export writes; the message says what.
        OSError: they can't be read.
    """
    with open_regular(weights) as file:
        reader = _Reader(file.seek(0, os.SEEK_END))
    try:
        # As UTF-8 whatever encoding it declares, so that OpenVINO can't read a different document in it.
        parser = expat.ParserCreate("UTF-8")
        parser.StartDoctypeDeclHandler = reader.doctype
        parser.StartElementHandler = reader.begin
        parser.EndElementHandler = reader.end
        parser.Parse(read_regular(xml, _LARGEST), True)
    except expat.ExpatError as error:
        raise ValueError(f"it is damaged: {error}") from error


def check_read(model: Any) -> None:
    """Checks a network that OpenVINO has read.

    Raises:
        ValueError: it holds operators that are not OpenVINO's own, loops, or operators that draw random numbers.
    """
    for operation in model.get_ops():
        kind = operation.get_type_info()
        _check_operator(kind.name, kind.version_id)


def _check_operator(name: str, version: str) -> None:
    if not _OPSET.fullmatch(version):
        raise ValueError(f"it holds the operator {name!r} of {version!r}, and only those of OpenVINO itself are run")
    if name in _LOOPS:
        raise ValueError(
            f"it holds the operator {name}, which repeats or skips parts of the network, so its running time has "
            "no known limit"
        )
    if name in _RANDOM:
        raise ValueError(f"it holds the operator {name}, which draws random numbers, so its answers change each time")


class _Reader:
    """Checks the elements of a document as expat reads them.

    Args:
        weights: size of the file of weights, in bytes.
    """

    def __init__(self, weights: int) -> None:
        self.weights = weights
        self.kind = ""
        self.within: list[str] = []

    def doctype(self, *_: object) -> None:
        raise ValueError("it declares a document type, which no export does")

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        if not self.within and name != "net":
            raise ValueError("it is not a network of OpenVINO")
        if name == "layer":
            if self.within != ["net", "layers"]:
                raise ValueError("it holds layers inside other layers, which no export does")
            self.kind = attributes.get("type", "")
            _check_operator(self.kind, attributes.get("version", ""))
        elif name == "data" and self.kind.lower() in ("const", "constant"):
            self._constant(attributes)
        self.within.append(name)

    def end(self, name: str) -> None:
        self.within.pop()
        if name == "layer":
            self.kind = ""

    def _constant(self, attributes: dict[str, str]) -> None:
        """Raises ValueError unless the numbers of a constant are inside the file of weights, as its shape says."""
        try:
            offset, size = (_whole(attributes[name]) for name in ("offset", "size"))
            shape = [_whole(part) for part in attributes["shape"].replace(" ", "").split(",") if part]
            bits = _BITS[attributes["element_type"]]
        except (KeyError, ValueError) as error:
            raise ValueError("one of its weights has a type that no export writes") from error
        if offset + size > self.weights or size != math.ceil(math.prod(shape) * bits / 8):
            raise ValueError("one of its weights is not inside the file of weights, or not as long as its shape says")


def _whole(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,20}", text):
        raise ValueError(text)
    return int(text)
