"""The layout of tables of pixels: one column per pixel (Kaggle's digits), or all pixels in one cell (FER2013)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError, reason_of
from skipwise.data.names import printable, stem, suffix
from skipwise.data.options import ReadingOptions
from skipwise.data.sources.ambiguous import Ambiguous
from skipwise.data.sources.arrays.array_sets import ArraySet, array_set
from skipwise.data.sources.columns.column_names import plain
from skipwise.data.sources.columns.columns import value_split
from skipwise.data.sources.place import Place, shown
from skipwise.data.sources.split_names import splits_of
from skipwise.data.sources.table_files.reading import read_tables
from skipwise.data.sources.table_files.table import Table
from skipwise.data.sources.table_files.text import decoded

_LABELS = ("label", "class", "target", "emotion", "digit", "y")
_FEW = 10
"""Pictures that may lie beside a table of pixels, as examples."""
_PIXEL = re.compile(r"(?:pixel|px|p)?_?\d+(?:x\d+)?")


def recognise(place: Place, options: ReadingOptions) -> Callable[[], ArraySet] | None:  # noqa: ARG001
    """Recognises tables of pixels, if there are hardly any pictures. Tables without labels are left out.

    Raises:
        Ambiguous: several tables have labels, and their names are not those of splits.
    """
    if len(place.names) > _FEW:
        return None
    found: list[str] = []
    for name in place.documents:
        if suffix(name) == ".csv" and (data := place.read(name)) is not None and _starts_with_pixels(data):
            found.append(name)
    if not found:
        return None
    splits = splits_of(stem(name.rpartition("/")[2]) for name in found)
    parts = [splits.get(stem(name.rpartition("/")[2]), "") for name in found]
    if len(found) > 1 and (len(set(parts)) < len(parts) or "" in parts):
        raise Ambiguous(f"{place.name} has several tables of pixels with labels ({shown(found, 6)}); give one of them.")
    return lambda: _pixel_set(
        place.name,
        [
            (split if len(found) > 1 else "", table)
            for name, split in zip(found, parts, strict=True)
            for table in read_tables(name, place.read(name) or b"")
        ],
    )


def _starts_with_pixels(data: bytes) -> bool:
    try:
        first = decoded("", data[:65_536]).partition("\n")[0].split(",")
    except SkipwiseError:
        return False
    return _layout([cell.strip() for cell in first]) is not None


def pixel_set(name: str, table: Table) -> ArraySet | None:
    """The images of one table; None for a table of another kind.

    Raises:
        SkipwiseError: the pixels of a row do not make a square image, or are not numbers.
    """
    first = table.header or table.rows[0]
    return None if _layout([cell.strip() for cell in first]) is None else _pixel_set(name, [("", table)])


@dataclass(frozen=True)
class _Columns:
    """The columns of a table of pixels, by number.

    Args:
        label: the column of labels.
        pixels: the columns of pixels.
        packed: the column with all pixels in one cell, or None.
        usage: the column of splits, or None.
        bare: whether the table has no header.
    """

    label: int
    pixels: Sequence[int]
    packed: int | None
    usage: int | None
    bare: bool


def _layout(first: Sequence[str]) -> _Columns | None:
    """The columns of a table of pixels from its first row; None for another kind of table, or one without labels."""
    if len(first) > 64 and all(cell.isdecimal() for cell in first):
        # As in EMNIST: no header, and the class before the pixels of a square image.
        side = math.isqrt(len(first) - 1)
        return _Columns(0, range(1, len(first)), None, None, bare=True) if side * side == len(first) - 1 else None
    names = [plain(cell) for cell in first]
    pixels = [number for number, cell in enumerate(first) if _PIXEL.fullmatch(cell.lower()) is not None]
    label = next((number for number, name in enumerate(names) if name in _LABELS), None)
    packed = next((number for number, name in enumerate(names) if name == "pixels"), None)
    usage = next((number for number, name in enumerate(names) if name in ("usage", "split")), None)
    if label is None or (len(pixels) < 64 and packed is None):
        return None
    return _Columns(label, pixels, packed, usage, bare=False)


def _pixel_set(name: str, tables: Sequence[tuple[str, Table]]) -> ArraySet:
    """The images of tables, each given with its split or ""."""
    arrays: dict[str, NDArray[Any]] = {}
    bare = False
    for given, table in tables:
        columns = _layout([cell.strip() for cell in (table.header or table.rows[0])])
        if columns is None:
            continue
        bare = bare or columns.bare
        rows = table.rows if table.header or columns.bare else table.rows[1:]
        try:
            if columns.packed is not None:
                values = np.stack([np.array(row[columns.packed].split(), dtype=np.float64) for row in rows])
            else:
                values = np.array([[row[number] for number in columns.pixels] for row in rows], dtype=np.float64)
            split = [given or ("" if columns.usage is None else value_split(row[columns.usage]) or "") for row in rows]
            labels = np.array([row[columns.label].strip() for row in rows])
        except (ValueError, IndexError) as error:
            raise SkipwiseError(
                f"{table.name} has rows with different numbers of pixels, or pixels that are not numbers "
                f"({reason_of(error)})."
            ) from error
        if all(re.fullmatch("[0-9]{1,18}", text) for text in labels):
            labels = labels.astype(np.int64)
        for part in dict.fromkeys(split):
            chosen = np.array([each == part for each in split])
            prefix = f"{part}_" if part else ""
            arrays[f"{prefix}images"], arrays[f"{prefix}labels"] = values[chosen], labels[chosen]
    names = " and ".join(printable(table.name) for _, table in tables)
    description = f"the table{'s' * (len(tables) > 1)} {names} of pixels"
    return array_set(name, arrays, description + (", the first number of each line for its class" if bare else ""))
