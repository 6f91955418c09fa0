"""The class and the split that a row of a table names, and checks that each image has exactly one class."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from skipwise.core.errors import SkipwiseError
from skipwise.core.text import count
from skipwise.data.names import printable
from skipwise.data.sources.columns.columns import Columns
from skipwise.data.sources.columns.label_columns import is_one, shown_columns
from skipwise.data.sources.labelled import LabelledImage
from skipwise.data.sources.labels import check_lengths, quoted_list
from skipwise.data.sources.table_files.table import SEVERAL, Table
from skipwise.data.sources.table_files.text import is_utf8

_QUOTED = re.compile(r"(['\"])(.*?)\1")
_TAGS = re.compile(r"\s*[|;,]\s*|\s+")


def label_of(table: Table, columns: Columns, row: Sequence[str], line: int) -> str:
    """The class that a row names, or "".

    Raises:
        SkipwiseError: the row names several classes, or one that is not UTF-8.
    """
    if columns.one_hot:
        return _one_hot_label(table, columns, row, line)
    if columns.label is None:
        return ""
    cell = row[columns.label]
    if cell.lstrip()[:1] == "[":  # a list as Python writes it
        cell = SEVERAL.join(match[2] for match in _QUOTED.finditer(cell)) or cell
    if SEVERAL in cell:
        values = list(dict.fromkeys(value.strip() for value in cell.split(SEVERAL)))
        if len(values) > 1:
            raise SkipwiseError(
                f"Line {line} of {table.name} has several values for {columns.header[columns.label]!r} "
                f"({quoted_list(values, 3)}); Skipwise needs exactly one class per image."
            )
        cell = values[0]
    if not is_utf8(cell):
        raise SkipwiseError(
            f"The class '{printable(cell.strip())}' in line {line} of {table.name} is not UTF-8; save the table as "
            "UTF-8 (in a spreadsheet: CSV UTF-8)."
        )
    if columns.before is not None and cell.strip():
        cell = f"{row[columns.before].strip()} {cell.strip()}"
    return unicodedata.normalize("NFC", cell.strip())


def _one_hot_label(table: Table, columns: Columns, row: Sequence[str], line: int) -> str:
    chosen = [number for number in columns.one_hot if is_one(row[number])]
    if len(chosen) > 1:
        raise SkipwiseError(
            f"Line {line} of {table.name} has several classes ({shown_columns(columns.header, chosen)}); Skipwise "
            "needs exactly one class per image. Leave such lines out, or make each combination a class of its own."
        )
    return unicodedata.normalize("NFC", columns.header[chosen[0]]) if chosen else ""


def split_of_row(table: Table, columns: Columns, row: Sequence[str], line: int) -> str:
    """The split that a row names, or "". Raises SkipwiseError for a value that names none."""
    if columns.split is None:
        return ""
    split, value = columns.split_of(row), row[columns.split].strip()
    if split is None:
        raise SkipwiseError(
            f"Line {line} of {table.name} has the split {value!r}; use train, val and test for every line, or leave "
            "the column out."
        )
    return split


def check_labels_of_column(table: Table, columns: Columns, labels: Counter[str]) -> None:
    """Raises SkipwiseError if the cells name several classes, are measurements, or are all different."""
    header = columns.header[columns.label or 0]
    check_lengths(labels, table.name)
    _check_no_combinations(table, header, labels)
    measured = [label for label in labels if re.fullmatch(r"-?\d*\.\d+(?:e-?\d+)?", label)]
    fractions = [label for label in measured if float(label) % 1]
    if len(fractions) > 2 and len(measured) == len(labels) and len(labels) > 0.2 * sum(labels.values()):
        raise SkipwiseError(
            f"The column {header!r} of {table.name} holds measurements ({fractions[0]}, {fractions[1]}, ...), not "
            "classes; choose another with --label-column."
        )
    if len(labels) > 3 and max(labels.values()) == 1:
        raise SkipwiseError(
            f"The column {header!r} of {table.name} has another value for each image, so there are no classes to tell "
            "apart; choose another with --label-column."
        )


def _check_no_combinations(table: Table, header: str, labels: Counter[str]) -> None:
    """Raises SkipwiseError if a label is made of other labels: "cat, dog" where there are "cat" and "dog"."""
    alone = {label for label in labels if not re.search(r"[|;,]|\s", label)}
    combined = {}
    for label in labels:
        parts = [part for part in _TAGS.split(label) if part]
        if len(parts) > 1:
            combined[label] = parts
    used = Counter(part for parts in combined.values() for part in set(parts))
    for label, parts in combined.items():
        marked = re.search(r"[|;,]", label) is not None
        if all(part in alone for part in parts) or (marked and all(used[part] > 1 or part in alone for part in parts)):
            raise SkipwiseError(
                f"The column {header!r} of {table.name} names several classes for an image ({label!r}); Skipwise "
                "needs exactly one class per image. Choose another column with --label-column, or make each "
                "combination a class of its own."
            )


def check_one_label_each(table: Table, rows: Sequence[LabelledImage]) -> None:
    """Raises SkipwiseError if many images are listed several times with different classes: one line per label."""
    first: dict[str, str] = {}
    several = {row.file for row in rows if first.setdefault(row.file, row.label) != row.label}
    if len(several) > 2 and len(several) > 0.1 * len(first):
        raise SkipwiseError(
            f"{table.name} lists {count(len(several), 'image')} under more than one class, such as "
            f"{printable(min(several))}; Skipwise needs exactly one class per image."
        )
