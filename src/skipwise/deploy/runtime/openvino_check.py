"""What OpenVINO's files may hold, checked before OpenVINO sees them, and again as OpenVINO understood them."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any
from xml.parsers import expat

from skipwise.core.files.regular import open_regular, read_regular

_LOOPS = ("Loop", "TensorIterator", "If", "ReadValue", "Assign")
"""They repeat or choose parts of a network, so that no limit of its work is known, or remember the last answer."""
_RANDOM = ("RandomUniform", "Multinomial")
_OPSET = re.compile(r"opset\d{1,2}")
_BITS = {
    **{kind: int(re.sub(r"\D", "", kind)) for kind in ("f64 f32 f16 i64 i32 i16 i8 i4 u64 u32 u16 u8 u4 u1").split()},
    "bf16": 16,
    "boolean": 8,
}
_LARGEST = 2**28
"""Bytes of the document, which holds no weights; that of a large network has a few million."""


def check_ir(xml: Path, weights: Path) -> None:
    """The two files of a network.

    Raises:
        ValueError: they are damaged, or hold what no export does; the message says what.
        OSError: they can't be read.
    """
    with open_regular(weights) as file:
        reader = _Reader(file.seek(0, os.SEEK_END))
    try:
        # As UTF-8 whatever it says of itself, so that no other reader finds another document in it.
        parser = expat.ParserCreate("UTF-8")
        parser.StartDoctypeDeclHandler = reader.doctype
        parser.StartElementHandler = reader.begin
        parser.EndElementHandler = reader.end
        parser.Parse(read_regular(xml, _LARGEST), True)
    except expat.ExpatError as error:
        raise ValueError(f"it is damaged: {error}") from error


def check_read(model: Any) -> None:
    """A network as OpenVINO read it, from whichever file.

    Raises:
        ValueError: it holds other operators than those of OpenVINO's own sets, or loops, or draws at random.
    """
    for operation in model.get_ops():
        kind = operation.get_type_info()
        _check_operator(kind.name, kind.version_id)


def _check_operator(name: str, version: str) -> None:
    if not _OPSET.fullmatch(version):
        raise ValueError(f"it holds the operator {name!r} of {version!r}, and only those of OpenVINO itself are run")
    if name in _LOOPS:
        raise ValueError(
            f"it holds the operator {name}, which repeats or chooses parts of the network, so that no limit of its "
            "work is known"
        )
    if name in _RANDOM:
        raise ValueError(f"it holds the operator {name}, which draws at random, so that it answers otherwise each time")


class _Reader:
    """Follows the elements of a document, as expat finds them."""

    def __init__(self, weights: int) -> None:
        self.weights = weights
        self.kind = ""
        self.within: list[str] = []

    def doctype(self, *_: object) -> None:
        raise ValueError("it declares a type of document, which no export does")

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        if not self.within and name != "net":
            raise ValueError("it is no network of OpenVINO's")
        if name == "layer":
            if self.within != ["net", "layers"]:
                raise ValueError("it holds layers inside of others, which no export does")
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
        """Its numbers are inside the file of weights, as many as it says, counted without overflow."""
        try:
            offset, size = (_whole(attributes[name]) for name in ("offset", "size"))
            shape = [_whole(part) for part in attributes["shape"].replace(" ", "").split(",") if part]
            bits = _BITS[attributes["element_type"]]
        except (KeyError, ValueError) as error:
            raise ValueError("a weight of it is of a kind that no export writes") from error
        if offset + size > self.weights or size != math.ceil(math.prod(shape) * bits / 8):
            raise ValueError("a weight of it does not lie in the file of weights, or is not as long as it says")


def _whole(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,20}", text):
        raise ValueError(text)
    return int(text)
