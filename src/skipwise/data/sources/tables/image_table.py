"""Reading a table that lists images: which images, with which classes, splits and groups."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from skipwise.core.errors import SkipwiseError
from skipwise.core.text import count, quoted, shortened
from skipwise.data.names import printable
from skipwise.data.options import ReadingOptions
from skipwise.data.sources.columns.column_names import is_verdict
from skipwise.data.sources.columns.columns import HEAD, Columns, find_columns
from skipwise.data.sources.columns.label_columns import shown_columns
from skipwise.data.sources.labelled import LabelledImage
from skipwise.data.sources.labels import quoted_list
from skipwise.data.sources.source import assigned
from skipwise.data.sources.split_names import split_in
from skipwise.data.sources.table_files.table import Table
from skipwise.data.sources.tables.class_names import ClassNames
from skipwise.data.sources.tables.row_labels import check_labels_of_column, check_one_label_each, label_of, split_of_row

_TOTALS = frozenset("total totals sum summe gesamt anzahl count somme suma totale 合计 总计 合計".split())
"""Words in the first cell of a line of totals."""


@dataclass(frozen=True, kw_only=True)
class ImageTable:
    """The images that a table lists.

    Args:
        table: the table itself.
        columns: which column is what.
        rows: the images that exist and have a class; `label` is "" if no column names a class.
        missing: names of images that do not exist, with their lines.
        unlabelled: images without a class.
        split: the split of the whole table, from the name of its file, or "".
        notes: sentences for the user.
        by_folder: whether a line of the table stands for all pictures in a folder.
    """

    table: Table
    columns: Columns
    rows: tuple[LabelledImage, ...]
    missing: tuple[tuple[str, int], ...]
    unlabelled: tuple[str, ...]
    split: str
    notes: tuple[str, ...]
    by_folder: bool = False

    @property
    def labelled(self) -> bool:
        """True if the table names classes."""
        return self.columns.label is not None or bool(self.columns.one_hot)

    def described(self) -> str:
        """The columns in words."""
        header, columns = self.columns.header, self.columns
        image = f"images by {shortened(header[columns.image])!r}"
        if columns.one_hot:
            label = f"classes by {count(len(columns.one_hot), 'column')} of 0 and 1"
        elif columns.label is not None:
            both = "" if columns.before is None else f"{header[columns.before]!r} and "
            label = f"classes by {both}{shortened(header[columns.label])!r}"
        else:
            label = "classes by the lists' names"
        return printable(f"{image}, {label}")

    def proposal(self) -> str:
        """Sentences that propose another column for the classes, and one for the groups; "" if there is none."""
        header, sentences = self.columns.header, []
        if self.columns.others and self.columns.label is not None:
            sentences.append(
                f"{shown_columns(header, self.columns.others)} could name the classes too: --label-column "
                f"{quoted(header[self.columns.others[0]])}."
            )
        if self.columns.group is None and self.columns.groups:
            name = header[self.columns.groups[0]]
            sentences.append(
                f"The column {name!r} may say which images belong together; --group {quoted(name)} keeps those on "
                "one side of the split."
            )
        return " ".join(sentences)


def read_image_table(
    table: Table,
    find: Callable[[str], str | None],
    options: ReadingOptions,
    *,
    required: bool,
    names: ClassNames | None = None,
    split: str = "",
    strip: bool = True,
) -> ImageTable | None:
    """Reads the images that a table lists.

    Args:
        table: the table.
        find: finds the picture that a cell means, or returns None.
        options: how the table is to be read.
        required: whether the user named this table, so that it has to list images.
        names: names for classes that the table numbers.
        split: the split of all of its images, from the name of its file or folder.
        strip: whether blanks around paths are ignored.

    Returns:
        The images; None if the table lists none and is not required to.

    Raises:
        SkipwiseError: the columns are unclear, an image has several labels or one that is not text, or a row is broken.
    """
    columns = find_columns(table, find, options, required=required)
    if columns is None:
        return None
    if columns.before is not None and not _needs_both(table, columns.before, columns.label or 0):
        columns = replace(columns, before=None)
    found = _read_rows(table, columns, find, split=split, strip=strip)
    rows = found.rows
    notes = [*columns.notes, *_unused_verdicts(table, columns), *found.notes]
    if columns.label is not None:
        labels = Counter(row.label for row in rows)
        check_labels_of_column(table, columns, labels)
        rows, more = _with_class_names(rows, labels, names)
        notes += more
    check_one_label_each(table, rows)
    distinct = list({(row.file, row.label, row.split): row for row in reversed(rows)}.values())[::-1]
    notes += _notes_on_rows(table, found, distinct, repeated=len(rows) - len(distinct))
    return ImageTable(
        table=table,
        columns=columns,
        rows=tuple(_with_splits(distinct)),
        missing=tuple(found.missing),
        unlabelled=tuple(found.unlabelled),
        split=split,
        notes=tuple(notes),
    )


@dataclass
class _Rows:
    """The content of a table's rows; `padded` counts class names with blanks around them."""

    rows: list[LabelledImage] = field(default_factory=list)
    missing: list[tuple[str, int]] = field(default_factory=list)
    unlabelled: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    padded: int = 0


def _read_rows(table: Table, columns: Columns, find: Callable[[str], str | None], *, split: str, strip: bool) -> _Rows:
    found = _Rows()
    for number in range(columns.first, len(table.rows)):
        line = table.lines[number]
        row = _of_full_width(table, columns, table.rows[number], line)
        cell = row[columns.image].strip() if strip else row[columns.image]
        if not cell:
            raise SkipwiseError(f"Line {line} of {table.name} lacks a path; fill it in or remove the line.")
        if number == len(table.rows) - 1 and cell.rstrip(":").lower() in _TOTALS and find(cell) is None:
            found.notes.append(f"The last line of {table.name} is a total ({printable(cell)}), so it is left out.")
            continue
        label = label_of(table, columns, row, line)
        if not label and (columns.label is not None or columns.one_hot):
            found.unlabelled.append(find(cell) or cell)
            continue
        found.padded += columns.label is not None and row[columns.label] != row[columns.label].strip()
        file = find(cell)
        if file is None:
            found.missing.append((cell, line))
            continue
        group = "" if columns.group is None else row[columns.group].strip()
        found.rows.append(LabelledImage(file, label, split_of_row(table, columns, row, line) or split, group, line))
    return found


def _of_full_width(table: Table, columns: Columns, row: Sequence[str], line: int) -> Sequence[str]:
    """A row with as many cells as the header; empty cells at its end may be missing or too many."""
    width = len(columns.header)
    if len(row) > width and not any(cell.strip() for cell in row[width:]):
        return row[:width]
    if len(row) > width or max(columns.image, columns.label or 0) >= len(row):
        raise SkipwiseError(
            f"Line {line} of {table.name} has {len(row)} columns where the header has {width}; put names with "
            "commas in quotation marks."
        )
    return row if len(row) == width else [*row, *[""] * (width - len(row))]


def _with_class_names(
    rows: list[LabelledImage], labels: Counter[str], names: ClassNames | None
) -> tuple[list[LabelledImage], list[str]]:
    """The rows with names for numbered classes, if there are any; numbers lose a decimal point (3.0 becomes 3)."""
    if labels and all(re.fullmatch(r"\d+\.0+", label) for label in labels):
        integers = {label: str(int(label.partition(".")[0])) for label in labels}
        rows = [row._replace(label=integers[row.label]) for row in rows]
        labels = Counter({integers[label]: number for label, number in labels.items()})
    if names is None or not (known := names.for_labels(labels)):
        return rows, []
    return [row._replace(label=known[row.label]) for row in rows], [f"The class names come from {names.where}."]


def _notes_on_rows(table: Table, found: _Rows, rows: Sequence[LabelledImage], *, repeated: int) -> list[str]:
    """Sentences about lines that are repeated, left out or padded."""
    notes = []
    if repeated:
        notes.append(f"{count(repeated, 'line')} of {table.name} name an image again and count once.")
    times = Counter(row.file for row in rows)
    if number := sum(each > 1 for each in times.values()):
        name = printable(times.most_common(1)[0][0])
        notes.append(f"{count(number, 'image')} {'is' if number == 1 else 'are'} listed twice, such as {name}.")
    if number := len(found.unlabelled):
        notes.append(
            f"{count(number, 'line')} of {table.name} without a class {'is' if number == 1 else 'are'} left out."
        )
    if found.padded:
        notes.append(f"Blanks around {count(found.padded, 'class name')} of {table.name} are ignored.")
    return notes


def _unused_verdicts(table: Table, columns: Columns) -> list[str]:
    """A sentence about columns that may say which images are bad, since these are not used."""
    body = table.rows[columns.first : columns.first + HEAD]
    unused = [
        name
        for number, name in enumerate(columns.header)
        if is_verdict(name)
        and number not in (columns.label, columns.split, columns.image, *columns.one_hot)
        and len({row[number] for row in body if number < len(row)}) > 1
    ]
    if not unused:
        return []
    several = len(unused) > 1
    return [
        f"The column{'s' * several} {quoted_list(unused, 3)} of {table.name} {'are' if several else 'is'} not used; "
        "remove the lines that you do not want."
    ]


def _needs_both(table: Table, before: int, label: int) -> bool:
    """Returns whether one label comes with several values of the other column: one epithet, several genera."""
    wide = (row for row in table.rows if len(row) > max(before, label))
    pairs = {(row[before].strip(), row[label].strip()) for row in wide}
    return len(pairs) > len({value for _, value in pairs})


def _with_splits(rows: list[LabelledImage]) -> list[LabelledImage]:
    """Rows with a split each, or all without one.

    If the table names no splits, but all images lie in folders of splits, the folders decide. If it names splits for
    some images only, the others are for training.
    """
    if any(row.split for row in rows):
        return assigned(rows)
    folders = {folder: split_in(folder) for folder in {row.file.rpartition("/")[0] for row in rows}}
    if "train" not in folders.values() or "" in folders.values() or len(set(folders.values())) < 2:
        return rows
    return [row._replace(split=folders[row.file.rpartition("/")[0]]) for row in rows]
