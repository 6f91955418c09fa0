"""A .csv that lists images, their labels and, if it has them, their splits and groups."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from skipwise.data.layout import SPLIT_NAMES
from skipwise.errors import SkipwiseError

PATH_COLUMNS = ("path", "file", "filename", "filepath", "file_name", "image", "image_path", "img")
LABEL_COLUMNS = ("label", "class", "target", "category", "class_name")
SPLIT_COLUMNS = ("split", "subset", "partition", "set")


@dataclass(frozen=True)
class Table:
    """The columns of a table, a value per row. `splits` and `groups` are None where it has none; `lines` are the
    rows' line numbers in the file."""

    paths: tuple[str, ...]
    labels: tuple[str, ...]
    splits: tuple[str, ...] | None
    groups: tuple[str, ...] | None
    lines: tuple[int, ...]


def read_table(file: Path, *, group: str | None = None, strip: bool = True) -> Table:
    """The table in a comma-, semicolon- or tab-separated file with a header line.

    Args:
        group: the column that says which images belong together; an empty cell belongs with nothing.
        strip: whether spaces around values count for nothing.

    Raises:
        SkipwiseError: a column is missing, a value is, or the file is no such table.
    """
    header, rows = _rows(file)
    path = _column(header, PATH_COLUMNS, file, "the images' paths")
    label = _column(header, LABEL_COLUMNS, file, "their labels")
    split = next((header.index(name) for name in SPLIT_COLUMNS if name in header), None)
    together = None if group is None else _column(header, (group.strip().lower(),), file, "the groups")
    for line, row in rows:
        for number, what in ((path, "a path"), (label, "a label")):
            if not row[number].strip():
                raise SkipwiseError(f"Line {line} of {file} lacks {what}; fill it in or remove the line.")
    return Table(
        paths=tuple(row[path].strip() if strip else row[path] for _, row in rows),
        labels=tuple(unicodedata.normalize("NFC", row[label].strip()) for _, row in rows),
        splits=None if split is None else _splits(file, [(line, row[split].strip()) for line, row in rows]),
        groups=None if together is None else tuple(row[together].strip() for _, row in rows),
        lines=tuple(line for line, _ in rows),
    )


def _rows(file: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    try:
        # utf-8-sig: spreadsheets put a mark in front. A file's name need not be UTF-8: surrogateescape carries it.
        text = file.read_bytes().decode("utf-8-sig", "surrogateescape")
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text.partition("\n")[0]))
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except OSError as error:
        raise SkipwiseError(f"Can't read {file}: {error.strerror}.") from error
    except csv.Error as error:
        raise SkipwiseError(f"{file} is no table ({error}); save it as comma-separated values.") from error
    if len(rows) < 2:
        raise SkipwiseError(
            f"{file} lists no images; it needs a header line with path and label, and a line per image."
        )
    header = [cell.strip().lower() for cell in rows[0][1]]
    for line, row in rows[1:]:
        if len(row) != len(header):
            raise SkipwiseError(
                f"Line {line} of {file} has {len(row)} columns where the header has {len(header)}; put names with "
                "commas in quotation marks."
            )
    return header, rows[1:]


def _delimiter(header: str) -> str:
    return max(",;\t", key=header.count)


def _column(header: Sequence[str], names: Sequence[str], file: Path, what: str) -> int:
    for name in names:
        if name in header:
            return header.index(name)
    raise SkipwiseError(
        f"{file} has no column {names[0]!r} with {what}; its columns are {', '.join(map(repr, header))}."
    )


def _splits(file: Path, values: Sequence[tuple[int, str]]) -> tuple[str, ...] | None:
    if not any(value for _, value in values):
        return None
    for line, value in values:
        if value.lower() not in SPLIT_NAMES:
            raise SkipwiseError(
                f"Line {line} of {file} has the split {value!r}; use train, val and test for every line, or leave the "
                "column out."
            )
    splits = tuple(SPLIT_NAMES[value.lower()] for _, value in values)
    for split in ("train", "test"):
        if split not in splits:
            raise SkipwiseError(f"No line of {file} has the split {split!r}; add some, or leave the column out.")
    return splits
