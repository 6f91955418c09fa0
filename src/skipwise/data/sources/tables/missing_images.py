"""Images that a table lists: finding them on disk, and saying which are missing."""

from __future__ import annotations

import os.path
from collections.abc import Callable, Sequence
from pathlib import Path

from skipwise.core.text import count
from skipwise.data.names import printable
from skipwise.data.sources.tables.image_table import ImageTable


def finder_on_disk(root: Path) -> Callable[[str], str | None]:
    """A function that finds the file that a cell names by its path from `root`, without listing the folder."""

    def find(cell: str) -> str | None:
        for name in dict.fromkeys((cell, cell.replace("\\", "/"), cell.strip())):
            try:
                if name and os.path.isfile(os.path.join(root, name)):  # noqa: PTH113, PTH118 - called for every row
                    return name
            except (OSError, ValueError):
                continue
        return None

    return find


def missing_sentence(tables: Sequence[ImageTable], root: str) -> str:
    """A sentence about images that tables list and that do not exist."""
    missing = [(name, line, each.table.name) for each in tables for name, line in each.missing]
    shown = ", ".join(f"{printable(name)} (line {line})" for name, line, _ in missing[:10])
    more = f" and {len(missing) - 10} more" if len(missing) > 10 else ""
    there = "that is not there" if len(missing) == 1 else "that are not there"
    if all("://" in name for name, _, _ in missing):
        return (
            f"{missing[0][2]} lists web addresses ({shown.split(', ')[0]}), and the images are not here; download them "
            "into the table's folder first, under the same names."
        )
    return (
        f"{missing[0][2]} lists {count(len(missing), 'image')} {there}: {shown}{more}. Paths count from the table's "
        f"folder, {root}; add the files or remove the lines."
    )
