"""Tables whose cells are pixels: a column for each (Kaggle's digits), or all of them in one cell (FER2013)."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from skipwise.data.names import suffix
from skipwise.data.sources.array_sets import ArraySet, array_set
from skipwise.data.sources.columns import plain, value_split
from skipwise.data.sources.options import ReadingOptions
from skipwise.data.sources.place import Place
from skipwise.data.sources.table_files import Table, decoded, read_tables
from skipwise.errors import SkipwiseError, reason_of

_LABELS = ("label", "class", "target", "emotion", "digit", "y")
_PIXEL = re.compile(r"(?:pixel|px|p)?_?\d+(?:x\d+)?")


def recognise(place: Place, options: ReadingOptions) -> Callable[[], ArraySet] | None:  # noqa: ARG001
    """A table of pixels, where there are no pictures; one without labels beside it is left out."""
    if place.names:
        return None
    for name in place.documents:
        if suffix(name) == ".csv" and (data := place.read(name)) is not None and _begins_so(data):
            for table in read_tables(name, data):
                if (found := pixel_set(place.name, table)) is not None:
                    return lambda found=found: found  # type: ignore[misc]
    return None


def _begins_so(data: bytes) -> bool:
    try:
        start = decoded("", data[:65_536])
    except SkipwiseError:
        return False
    header = [cell.strip() for cell in start.partition("\n")[0].split(",")]
    return any(plain(cell) == "pixels" for cell in header) or sum(_is_pixel(cell) for cell in header) >= 64


def _is_pixel(cell: str) -> bool:
    return _PIXEL.fullmatch(cell.lower()) is not None


def pixel_set(name: str, table: Table) -> ArraySet | None:
    """The images of such a table; None for one of another kind.

    Raises:
        SkipwiseError: rows of pixels that make no square image, or cells that are no numbers.
    """
    header = [cell.strip() for cell in (table.header or table.rows[0])]
    rows = table.rows if table.header else table.rows[1:]
    pixels = [number for number, cell in enumerate(header) if _is_pixel(cell)]
    label = next((number for number, cell in enumerate(header) if plain(cell) in _LABELS), None)
    packed = next((number for number, cell in enumerate(header) if plain(cell) == "pixels"), None)
    if label is None or not rows or (len(pixels) < 64 and packed is None):
        return None
    try:
        if packed is not None:
            values = np.stack([np.array(row[packed].split(), dtype=np.float64) for row in rows])
        else:
            values = np.array([[row[number] for number in pixels] for row in rows], dtype=np.float64)
        usage = next((number for number, cell in enumerate(header) if plain(cell) in ("usage", "split")), None)
        split = ["" if usage is None else value_split(row[usage]) or "" for row in rows]
        labels = np.array([row[label].strip() for row in rows])
    except (ValueError, IndexError) as error:
        raise SkipwiseError(
            f"{table.name} has rows of pixels that differ in number, or are no numbers ({reason_of(error)})."
        ) from error
    if all(re.fullmatch("[0-9]{1,18}", text) for text in labels):
        labels = labels.astype(np.int64)
    arrays = {}
    for part in dict.fromkeys(split):
        chosen = np.array([each == part for each in split])
        arrays[f"{part}_images"], arrays[f"{part}_labels"] = values[chosen], labels[chosen]
    return array_set(name, arrays, f"the table {table.name} of pixels")
