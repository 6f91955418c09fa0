"""Text in rows and columns, which every kind of table file is converted to first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from skipwise.data.image.formats import is_picture
from skipwise.data.names import suffix

SEVERAL = "\x1f"
"""Separates the values of a cell that has several, such as a list in JSON."""


@dataclass(frozen=True)
class Table:
    """Text in rows and columns.

    Args:
        name: the name of the file.
        header: the names of the columns; () if the format has no header, so that the first row may be one.
        rows: the cells.
        lines: the number of each row in the file, from 1.
    """

    name: str
    header: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    lines: Sequence[int]

    @property
    def folder(self) -> str:
        """The folder of the file."""
        return self.name.rpartition("/")[0]


def cell_text(value: Any) -> str:
    """A value as the text of a cell; 3.0 becomes "3"."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def without_title(rows: list[list[str]], lines: list[int]) -> tuple[list[list[str]], list[int]]:
    """Rows and lines without rows of a single cell above the header: a title, a remark, "sep=;"."""
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows[:30]]
    first = next((number for number, cells in enumerate(filled) if cells > 1), 0)
    # A single cell may also be an image without a class.
    titles = [next(cell for cell in row if cell.strip()) for row in rows[:first]]
    if first > 5 or len(rows) - first < 2 or any(is_picture(suffix(title.strip())) for title in titles):
        return rows, lines
    return rows[first:], lines[first:]
