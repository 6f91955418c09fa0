"""Reading the variables of MATLAB files, versions 5 to 7.

scipy reads them too, but a damaged file can make it follow a null pointer (as of 1.17), which ends the whole program.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError, reason_of
from skipwise.data.sources.unpacking import LARGEST_ARRAYS, check_size

Value = NDArray[Any] | str | list[Any]
"""An array of numbers, a text, or a list: of cells, of a struct's records (as dictionaries), or of texts."""
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS = {1: "utf-8", 2: "utf-8", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT, _OBJECT, _CHAR, _SPARSE, _LAST_NUMERIC = 1, 2, 3, 4, 5, 15
_DEEPEST, _MOST_NUMBERS = 50, 1000


def load_matlab(name: str, data: bytes) -> dict[str, Value]:
    """The variables in a MATLAB file by name: those that are numbers, texts, cells and structs.

    Raises:
        SkipwiseError: the file is damaged, of another version, or expands to more than `LARGEST_ARRAYS` bytes.
    """
    order = {b"IM": "<", b"MI": ">"}.get(data[126:128])
    if order is None or data[124:126] in (b"\0\2", b"\2\0"):
        version = "version 7.3" if b"MATLAB 7.3" in data[:128] else "a version other than 5 to 7"
        raise SkipwiseError(f"{name} is not a MATLAB file, or it is of {version}, which is not read; save it with -v7.")
    found: dict[str, Value] = {}
    size = 0
    try:
        for kind, content in _elements(memoryview(data)[128:], order):
            if kind == _COMPRESSED:
                unpacked = _unpacked(name, content, size)
                size += len(unpacked)
                kind, content = next(_elements(memoryview(unpacked), order), (0, memoryview(b"")))
            if kind == _MATRIX:
                key, value = _variable(content, order)
                if value is not None:
                    found[key] = value
    except (ValueError, LookupError, TypeError, zlib.error) as error:
        raise SkipwiseError(f"{name} is damaged ({reason_of(error)}); download it again.") from error
    return found


def simple(value: Any) -> Any:
    """A value without axes of length one, which MATLAB adds to everything; [] for arrays too large for a cell."""
    if isinstance(value, list) and len(value) == 1:
        return simple(value[0])
    if isinstance(value, np.ndarray):
        return value.squeeze().tolist() if value.size <= _MOST_NUMBERS else []
    return value


@dataclass(frozen=True)
class _Array:
    """The header of an array, and its content in parts."""

    kind: int
    shape: tuple[int, ...]
    name: str
    parts: list[tuple[int, memoryview]]


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """The elements in a piece of a file: the type and the bytes of each, without copying."""
    place = 0
    while place + 8 <= len(data):
        kind, length = (int(number) for number in np.frombuffer(data, f"{order}u4", 2, place))
        if kind >> 16:  # up to four bytes are stored in the tag itself
            kind, length, start = kind & 0xFFFF, kind >> 16, place + 4
            place += 8
        else:
            start = place + 8
            # Compressed elements are not padded to 8 bytes.
            place = start + length if kind == _COMPRESSED else start + -(-length // 8) * 8
        if start + length > len(data):
            raise ValueError("it is cut off")
        yield kind, data[start : start + length]


def _unpacked(name: str, packed: bytes | memoryview, before: int) -> bytearray:
    found = bytearray()
    unpacker = zlib.decompressobj()
    while packed and not unpacker.eof:
        found += unpacker.decompress(packed, 2**20)
        check_size(name, before + len(found), LARGEST_ARRAYS)
        packed = unpacker.unconsumed_tail
    return found


def _variable(data: memoryview, order: str, depth: int = 0) -> tuple[str, Value | None]:
    if depth > _DEEPEST:
        raise ValueError("its cells are nested too deeply")
    if not data:  # an empty cell
        return "", []
    array = _array(data, order)
    if array.kind == _CELL:
        return array.name, _inside(array.parts, order, depth)
    if array.kind in (_STRUCT, _OBJECT):
        return array.name, _records(array, order, depth)
    if array.kind == _CHAR:
        return array.name, _text(array, order)
    if _SPARSE < array.kind <= _LAST_NUMERIC:
        kind, content = array.parts[0]
        return array.name, _numbers(kind, content, order).reshape(array.shape, order="F")
    return array.name, None


def _array(data: memoryview, order: str) -> _Array:
    """The header of an array, and the elements after it."""
    (_, flags), (_, shape), (_, name), *parts = _elements(data, order)
    sizes = tuple(np.frombuffer(shape, f"{order}i4").tolist())
    return _Array(int(np.frombuffer(flags, f"{order}u4")[0]) & 0xFF, sizes, str(name, "utf-8", "replace"), parts)


def _numbers(kind: int, content: memoryview, order: str) -> NDArray[Any]:
    return np.frombuffer(content, order + _NUMBERS[kind])


def _inside(parts: list[tuple[int, memoryview]], order: str, depth: int) -> list[Value | None]:
    return [_variable(content, order, depth + 1)[1] for kind, content in parts if kind == _MATRIX]


def _records(array: _Array, order: str, depth: int) -> list[dict[str, Value | None]]:
    parts = array.parts[array.kind == _OBJECT :]  # an object has its class first
    (_, width), (_, names), *values = parts
    length = int(np.frombuffer(width, f"{order}i4")[0])
    if length < 1:
        raise ValueError("a struct has no field names")
    fields = [bytes(names[start : start + length]).partition(b"\0")[0] for start in range(0, len(names), length)]
    keys = [field.decode("utf-8", "replace") for field in fields]
    inside = _inside(values, order, depth)
    if not keys:
        return []
    if len(inside) != len(keys) * math.prod(array.shape):
        raise ValueError("a struct lacks some of its values")
    return [
        dict(zip(keys, inside[start : start + len(keys)], strict=True)) for start in range(0, len(inside), len(keys))
    ]


def _text(array: _Array, order: str) -> str | list[str]:
    """A text, or one for each row of characters."""
    kind, content = array.parts[0] if array.parts else (2, memoryview(b""))
    encoding = _TEXTS[kind]
    if encoding != "utf-8":
        encoding += "-le" if order == "<" else "-be"
    text = str(content, encoding, "replace")
    rows = math.prod(array.shape[:-1])
    if rows == 1 or len(text) != math.prod(array.shape):
        return text
    return ["".join(text[row::rows]) for row in range(rows)]  # characters are stored column by column
