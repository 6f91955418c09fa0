"""Text in rows and columns: what every kind of file that lists images becomes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from skipwise.data.image.formats import is_picture
from skipwise.data.names import suffix

SEVERAL = "\x1f"
"""Between the values of a cell that has several, as lists in JSON do."""


@dataclass(frozen=True)
class Table:
    """Text in rows and columns.

    `header` is empty where the file may have none: then the first row may be one. `lines` are the rows' numbers in the
    file, from 1.
    """

    name: str
    header: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    lines: Sequence[int]

    @property
    def folder(self) -> str:
        """The folder it lies in."""
        return self.name.rpartition("/")[0]


def cell_text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def without_title(rows: list[list[str]], lines: list[int]) -> tuple[list[list[str]], list[int]]:
    """Rows without those above the header that hold a single cell: a title, a remark, "sep=;"."""
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows[:30]]
    first = next((number for number, cells in enumerate(filled) if cells > 1), 0)
    # Lines of one cell may also be images, of which some have no class.
    titles = [next(cell for cell in row if cell.strip()) for row in rows[:first]]
    if first > 5 or len(rows) - first < 2 or any(is_picture(suffix(title.strip())) for title in titles):
        return rows, lines
    return rows[first:], lines[first:]
