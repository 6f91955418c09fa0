"""Tables that name images indirectly: by folder and file name, by number, or by folder alone.

Each function returns the table with the images' paths in it, and the rest of a sentence that explains how it was read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from skipwise.data.names import printable, stem
from skipwise.data.sources.columns.column_names import is_image_column, is_label_column, pictures_of
from skipwise.data.sources.place import Place
from skipwise.data.sources.table_files.table import Table

_SAMPLE = 200
"""Rows that are tried."""


def with_paths(table: Table, place: Place) -> Iterator[tuple[Table, str]]:
    """A table that lists no images directly, with paths in it, in every way that is possible."""
    header, first = table.header, 0
    if not header:
        header, first = tuple(cell.strip() for cell in table.rows[0]), 1
        if any("/" in cell for cell in header):  # a path, so there is no header
            header, first = tuple(f"column {number}" for number in range(1, len(header) + 1)), 0
    rows = [list(row) for row in table.rows[first:] if len(row) == len(header)]
    if len(header) < 2 or len(rows) < 2:
        return
    complete = replace(table, header=header, rows=rows, lines=table.lines[first : first + len(rows)])
    if len(rows) < len(table.rows) - first:
        return
    for read in (_by_folder_and_file, _by_number, _by_folder):
        if (found := read(complete, place)) is not None:
            yield found


def _by_folder_and_file(table: Table, place: Place) -> tuple[Table, str] | None:
    """One column with the folder, and one with the file name."""
    files = [number for number, name in enumerate(table.header) if is_image_column(name)]
    for file in files:
        for folder in range(len(table.header)):
            if folder == file:
                continue
            paths = [f"{row[folder].strip()}/{row[file].strip()}".replace("\\", "/") for row in table.rows]
            if _share(place.index.find(path) is not None and _lies_in(place, path) for path in paths[:_SAMPLE]) >= 0.9:
                note = f"{table.header[folder]!r} is taken for the folder of {table.header[file]!r}."
                return _with_column(table, file, paths), note
    return None


def _lies_in(place: Place, path: str) -> bool:
    """Returns whether the picture that a path means is in the folder that the path names."""
    found = place.index.find(path)
    return found is not None and f"/{found}".endswith(f"/{path}")


def _by_number(table: Table, place: Place) -> tuple[Table, str] | None:
    """Numbers for files with numbers in their names: 7 for "img_0007.png"."""
    numbered: dict[str, dict[int, list[str]]] = {}
    for name in place.names:
        if (match := re.fullmatch(r"(.*?)(\d{1,18})", stem(name.rpartition("/")[2]))) is not None:
            numbered.setdefault(match[1], {}).setdefault(int(match[2]), []).append(name)
    if not numbered:
        return None
    files = max(numbered.values(), key=len)
    if len(files) < 0.9 * len(place.names) or any(len(names) > 1 for names in files.values()):
        return None
    for column, name in enumerate(table.header):
        cells = [re.fullmatch(r"(\d{1,18})(?:\.0)?", row[column].strip()) for row in table.rows]
        numbers = [int(cell[1]) for cell in cells if cell is not None]
        if not is_image_column(name) or len(numbers) < len(cells) or len(set(numbers)) < len(numbers):
            continue
        # If only a few of many files are named, the numbers are those of classes.
        if _share(number in files for number in numbers) < 0.9 or len(numbers) < 0.5 * len(files):
            continue
        paths = [files[number][0] if number in files else str(number) for number in numbers]
        known = next(number for number in numbers if number in files)
        shown = printable(files[known][0].rpartition("/")[2])
        note = f"the numbers under {name!r} are taken for those in the files' names: {known} for {shown}."
        return _with_column(table, column, paths), note
    return None


def _by_folder(table: Table, place: Place) -> tuple[Table, str] | None:
    """One line for each folder: a patient, a video, a well. All pictures in a folder have the class of its line."""
    by_folder = _pictures_by_folder(place)
    for column, name in enumerate(table.header):
        cells = [row[column].strip().replace("\\", "/").strip("/") for row in table.rows]
        inside = {cell: _inside(by_folder, cell) for cell in cells}
        # A table that describes classes has a line for each class folder, too, but that does not name their classes.
        if is_label_column(name) or len(set(cells)) < len(cells) or _share(bool(inside[cell]) for cell in cells) < 0.9:
            continue
        rows, lines = [], []
        for row, line, cell in zip(table.rows, table.lines, cells, strict=True):
            rows += [[*row, picture] for picture in inside[cell]]
            lines += [line] * len(inside[cell])
        note = f"{name!r} names folders: all pictures in a folder have the class of its line."
        return replace(table, header=(*table.header, pictures_of(name)), rows=rows, lines=lines), note
    return None


def _with_column(table: Table, column: int, cells: Sequence[str]) -> Table:
    """The table with other cells in one column."""
    rows = [[*row[:column], cell, *row[column + 1 :]] for row, cell in zip(table.rows, cells, strict=True)]
    return replace(table, rows=rows)


def _pictures_by_folder(place: Place) -> dict[str, list[str]]:
    """The pictures in and below each folder, by the folder's path, and by its name if no other folder has that name."""
    by_path: dict[str, list[str]] = {}
    for picture in place.names:
        parts = picture.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            by_path.setdefault("/".join(parts[:depth]), []).append(picture)
    own = Counter(path.rpartition("/")[2] for path in by_path)
    by_name = {name: pictures for path, pictures in by_path.items() if own[name := path.rpartition("/")[2]] == 1}
    return {**by_name, **by_path}


def _inside(by_folder: dict[str, list[str]], path: str) -> list[str]:
    """The pictures in the folder that a path means. The path may begin with folders that do not exist here."""
    while path and path not in by_folder:
        path = path.partition("/")[2]
    return by_folder.get(path, [])


def _share(found: Iterator[bool] | Sequence[bool]) -> float:
    known = list(found)
    return sum(known) / len(known) if known else 0.0
