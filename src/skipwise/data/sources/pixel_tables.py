"""Tables whose cells are pixels: a column for each (Kaggle's digits), or all of them in one cell (FER2013)."""

from __future__ import annotations

import re

import numpy as np

from skipwise.data.sources.array_sets import ArraySet, array_set
from skipwise.data.sources.columns import plain, value_split
from skipwise.data.sources.table_files import Table
from skipwise.errors import SkipwiseError

_LABELS = ("label", "class", "target", "emotion", "digit", "y")
_PIXEL = re.compile(r"(?:pixel|px|p)?_?\d+(?:x\d+)?")


def pixel_set(name: str, table: Table) -> ArraySet | None:
    """The images of such a table; None for one of another kind.

    Raises:
        SkipwiseError: rows of pixels that make no square image, or cells that are no numbers.
    """
    header = [cell.strip() for cell in (table.header or table.rows[0])]
    rows = table.rows if table.header else table.rows[1:]
    pixels = [number for number, cell in enumerate(header) if _PIXEL.fullmatch(cell.lower())]
    label = next((number for number, cell in enumerate(header) if plain(cell) in _LABELS), None)
    packed = next((number for number, cell in enumerate(header) if plain(cell) == "pixels"), None)
    if label is None or not rows or (len(pixels) < 64 and packed is None):
        return None
    try:
        if packed is not None:
            values = np.array([np.array(row[packed].split(), dtype=np.float64) for row in rows])
        else:
            values = np.array([[row[number] for number in pixels] for row in rows], dtype=np.float64)
    except (ValueError, IndexError) as error:
        raise SkipwiseError(
            f"{table.name} has rows of pixels that differ in number, or are no numbers ({error})."
        ) from error
    usage = next((number for number, cell in enumerate(header) if plain(cell) in ("usage", "split")), None)
    split = ["" if usage is None else value_split(row[usage]) or "" for row in rows]
    labels = np.array([row[label].strip() for row in rows])
    if all(re.fullmatch(r"\d+", text) for text in labels):
        labels = labels.astype(np.int64)
    arrays = {}
    for part in dict.fromkeys(split):
        chosen = np.array([each == part for each in split])
        arrays[f"{part}_images"], arrays[f"{part}_labels"] = values[chosen], labels[chosen]
    return array_set(name, arrays, f"the table {table.name} of pixels")
