"""Images that a table lists with their classes: CSV, JSON, Excel, Parquet, text lists, exports of annotation tools."""

from __future__ import annotations

import os.path
import re
import shlex
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from skipwise.core.errors import SkipwiseError, reason_of
from skipwise.core.files.regular import read_regular
from skipwise.core.text import count, shortened
from skipwise.data.containers import LARGEST_FILE
from skipwise.data.names import printable
from skipwise.data.sources.labels import check_lengths, listing
from skipwise.data.sources.options import ReadingOptions
from skipwise.data.sources.source import Row, assigned
from skipwise.data.sources.split_names import split_in
from skipwise.data.sources.table_files.reading import read_tables
from skipwise.data.sources.table_files.table import SEVERAL, Table
from skipwise.data.sources.table_files.text import is_utf8
from skipwise.data.sources.tables.class_names import ClassNames
from skipwise.data.sources.tables.column_names import is_verdict
from skipwise.data.sources.tables.columns import HEAD, Columns, find_columns
from skipwise.data.sources.tables.label_columns import is_one, shown_columns

_QUOTED = re.compile(r"(['\"])(.*?)\1")
_TAGS = re.compile(r"\s*[|;,]\s*|\s+")

_TOTALS = frozenset("total totals sum summe gesamt anzahl count somme suma totale 合计 总计 合計".split())


@dataclass(frozen=True, kw_only=True)
class Listed:
    """What a table says of the images.

    Args:
        rows: its labelled images; `label` is "" where no column names a class.
        missing: what it names that is not there, with the lines.
        unlabelled: its images without a class.
        split: the split of all of it, by the file's name, or "".
        by_folder: whether a line is for all pictures in a folder.
    """

    table: Table
    columns: Columns
    rows: tuple[Row, ...]
    missing: tuple[tuple[str, int], ...]
    unlabelled: tuple[str, ...]
    split: str
    notes: tuple[str, ...]
    by_folder: bool = False

    @property
    def labelled(self) -> bool:
        """Whether it names classes."""
        return self.columns.label is not None or bool(self.columns.one_hot)

    def described(self) -> str:
        """Its columns, in words."""
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
        """Sentences that name another column for the classes, and one for what belongs together; "" without."""
        header, sentences = self.columns.header, []
        if self.columns.others and self.columns.label is not None:
            sentences.append(
                f"{shown_columns(header, self.columns.others)} could name the classes too: --label-column "
                f"{shlex.quote(header[self.columns.others[0]])}."
            )
        if self.columns.group is None and self.columns.groups:
            name = header[self.columns.groups[0]]
            sentences.append(
                f"The column {name!r} may say which images belong together; --group {shlex.quote(name)} keeps those on "
                "one side of the split."
            )
        return " ".join(sentences)


def list_images(
    table: Table,
    find: Callable[[str], str | None],
    options: ReadingOptions,
    *,
    must: bool,
    names: ClassNames | None = None,
    split: str = "",
    strip: bool = True,
) -> Listed | None:
    """The images that a table lists; None where it lists none.

    Args:
        find: the picture that a cell means, or None.
        must: whether the user named this table.
        names: names for classes that the table numbers.
        split: the split of all of its images, by where it lies.
        strip: whether blanks around paths count for nothing.

    Raises:
        SkipwiseError: columns can't be told, labels are several or no text, or rows are broken.
    """
    columns = find_columns(table, find, options, must=must)
    if columns is None:
        return None
    if columns.before is not None and not _doubled(table, columns.before, columns.label or 0):
        columns = replace(columns, before=None)
    rows: list[Row] = []
    missing: list[tuple[str, int]] = []
    unlabelled: list[str] = []
    notes = [*columns.notes, *_warnings(table, columns)]
    padded = 0
    width = len(columns.header)
    labels: Counter[str] = Counter()
    for number in range(columns.first, len(table.rows)):
        row, line = table.rows[number], table.lines[number]
        if len(row) > width and not any(cell.strip() for cell in row[width:]):
            row = row[:width]
        if len(row) != width:
            if len(row) > width or columns.image >= len(row) or (columns.label or 0) >= len(row):
                raise SkipwiseError(
                    f"Line {line} of {table.name} has {len(row)} columns where the header has {width}; put names with "
                    "commas in quotation marks."
                )
            row = [*row, *[""] * (width - len(row))]
        cell = row[columns.image].strip() if strip else row[columns.image]
        if not cell:
            raise SkipwiseError(f"Line {line} of {table.name} lacks a path; fill it in or remove the line.")
        if number == len(table.rows) - 1 and cell.rstrip(":").lower() in _TOTALS and find(cell) is None:
            notes.append(f"The last line of {table.name} is a total ({printable(cell)}), so it is left out.")
            continue
        label = _label(table, columns, row, line)
        if not label and (columns.label is not None or columns.one_hot):
            unlabelled.append(find(cell) or cell)
            continue
        padded += columns.label is not None and row[columns.label] != row[columns.label].strip()
        file = find(cell)
        if file is None:
            missing.append((cell, line))
            continue
        labels[label] += 1
        rows.append(Row(file, label, _split(table, columns, row, line) or split, _group(columns, row), line))
    if columns.label is not None:
        _check_single(table, columns, labels)
        rows, said = _named(rows, labels, names)
        notes += said
    _check_once(table, rows)
    once = list({(row.file, row.label, row.split): row for row in reversed(rows)}.values())[::-1]
    if len(once) < len(rows):
        notes.append(f"{count(len(rows) - len(once), 'line')} of {table.name} name an image again and count once.")
        rows = once
    two = Counter(row.file for row in rows)
    if (number := sum(times > 1 for times in two.values())) > 0:
        name = two.most_common(1)[0][0]
        notes.append(
            f"{count(number, 'image')} {'is' if number == 1 else 'are'} listed twice, such as {printable(name)}."
        )
    if unlabelled:
        notes.append(
            f"{count(len(unlabelled), 'line')} of {table.name} without a class "
            f"{'is' if len(unlabelled) == 1 else 'are'} left out."
        )
    if padded:
        notes.append(f"Blanks around {count(padded, 'class name')} of {table.name} count for nothing.")
    return Listed(
        table=table,
        columns=columns,
        rows=tuple(_whole_split(rows)),
        missing=tuple(missing),
        unlabelled=tuple(unlabelled),
        split=split,
        notes=tuple(notes),
    )


def _whole_split(rows: list[Row]) -> list[Row]:
    """Without splits where no row has one; rows that are not assigned are for training where others are.

    Where the table says nothing of splits, but its images lie in folders for training and others, those say it.
    """
    there = {row.split for row in rows}
    if there <= {""}:
        folders = {folder: split_in(folder) for folder in {row.file.rpartition("/")[0] for row in rows}}
        if "train" not in folders.values() or "" in folders.values() or len(set(folders.values())) < 2:
            return rows
        return [row._replace(split=folders[row.file.rpartition("/")[0]]) for row in rows]
    return assigned(rows)


def _label(table: Table, columns: Columns, row: Sequence[str], line: int) -> str:
    if columns.one_hot:
        chosen = [number for number in columns.one_hot if is_one(row[number])]
        if len(chosen) > 1:
            raise SkipwiseError(
                f"Line {line} of {table.name} has several classes ({shown_columns(columns.header, chosen)}); Skipwise "
                "needs exactly one class per image. Leave such lines out, or make each combination a "
                "class of its own."
            )
        return unicodedata.normalize("NFC", columns.header[chosen[0]]) if chosen else ""
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
                f"({listing(values, 3)}); Skipwise needs exactly one class per image."
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


def _warnings(table: Table, columns: Columns) -> list[str]:
    """A sentence about columns that may say which images are no good, since nothing here heeds them."""
    body = table.rows[columns.first : columns.first + HEAD]
    doubtful = [
        name
        for number, name in enumerate(columns.header)
        if is_verdict(name)
        and number not in (columns.label, columns.split, columns.image, *columns.one_hot)
        and len({row[number] for row in body if number < len(row)}) > 1
    ]
    if not doubtful:
        return []
    return [
        f"The column{'s' * (len(doubtful) > 1)} {listing(doubtful, 3)} of {table.name} "
        f"{'are' if len(doubtful) > 1 else 'is'}"
        " not used; remove the lines that you do not want."
    ]


def _doubled(table: Table, before: int, label: int) -> bool:
    """Whether a value of one column comes with several of another: a species' second word with several genera."""
    wide = (row for row in table.rows if len(row) > max(before, label))
    pairs = {(row[before].strip(), row[label].strip()) for row in wide}
    return len(pairs) > len({value for _, value in pairs})


def _split(table: Table, columns: Columns, row: Sequence[str], line: int) -> str:
    if columns.split is None:
        return ""
    split, value = columns.split_of(row), row[columns.split].strip()
    if split is None:
        raise SkipwiseError(
            f"Line {line} of {table.name} has the split {value!r}; use train, val and test for every line, or leave "
            "the column out."
        )
    return split


def _group(columns: Columns, row: Sequence[str]) -> str:
    return "" if columns.group is None else row[columns.group].strip()


def _check_single(table: Table, columns: Columns, labels: Counter[str]) -> None:
    """Raises SkipwiseError where cells name several classes, or measure instead of naming one."""
    header = columns.header[columns.label or 0]
    check_lengths(labels, table.name)
    combined = {}
    alone = {label for label in labels if not re.search(r"[|;,]|\s", label)}
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


def _check_once(table: Table, rows: Sequence[Row]) -> None:
    """Raises SkipwiseError where images are listed again and again with other classes: a line for each label."""
    first: dict[str, str] = {}
    several = {row.file for row in rows if first.setdefault(row.file, row.label) != row.label}
    if len(several) > 2 and len(several) > 0.1 * len(first):
        name = next(iter(sorted(several)))
        raise SkipwiseError(
            f"{table.name} lists {count(len(several), 'image')} under more than one class, such as {printable(name)}; "
            "Skipwise needs exactly one class per image."
        )


def _named(rows: list[Row], labels: Counter[str], names: ClassNames | None) -> tuple[list[Row], list[str]]:
    """The rows with names for numbered classes, if there are any, and whole numbers without a decimal point."""
    notes = []
    if labels and all(re.fullmatch(r"\d+\.0+", label) for label in labels):
        whole = {label: str(int(label.partition(".")[0])) for label in labels}
        rows = [row._replace(label=whole[row.label]) for row in rows]
        labels = Counter({whole[label]: n for label, n in labels.items()})
    if names is not None and (known := names.of(labels)):
        rows = [row._replace(label=known[row.label]) for row in rows]
        notes.append(f"The classes' names are those of {names.where}.")
    return rows, notes


def on_disk(root: Path) -> Callable[[str], str | None]:
    """Finds what a table calls by a path from its own folder, without listing that."""

    def find(cell: str) -> str | None:
        for name in dict.fromkeys((cell, cell.replace("\\", "/"), cell.strip())):
            try:
                if name and os.path.isfile(os.path.join(root, name)):  # noqa: PTH113, PTH118 - called for every row
                    return name
            except (OSError, ValueError):
                continue
        return None

    return find


def plain_table(file: Path, *, strip: bool = False) -> Listed:
    """A table of paths that mean nothing but themselves, such as a split.csv.

    Raises:
        SkipwiseError: it can't be read, or is no such table.
    """
    try:
        data = read_regular(file, LARGEST_FILE)
    except OSError as error:
        raise SkipwiseError(f"Can't read {file}: {reason_of(error)}.") from error
    tables = [table for table in read_tables(str(file), data) if len(table.rows) > 1]
    if not tables:
        raise SkipwiseError(
            f"{file} lists no images; it needs a header line with path and label, and a line per image."
        )
    header = [cell.strip().lower() for cell in tables[0].rows[0]]
    if "path" not in header:
        raise SkipwiseError(f"{file} has no column 'path' with the images' paths; its columns are {listing(header)}.")
    given = ReadingOptions(image_column="path", label_column="label" if "label" in header else None)
    listed = list_images(tables[0], lambda cell: cell, given, must=True, strip=strip)
    assert listed is not None
    return listed


def missing_sentence(listed: Sequence[Listed], root: str) -> str:
    """A sentence about images that tables list and that are not there."""
    missing = [(name, line, each.table.name) for each in listed for name, line in each.missing]
    shown = ", ".join(f"{printable(name)} (line {line})" for name, line, _ in missing[:10])
    more = f" and {len(missing) - 10} more" if len(missing) > 10 else ""
    there = "that is not there" if len(missing) == 1 else "that are not there"
    if all("://" in name for name, _, _ in missing):
        return (
            f"{missing[0][2]} lists addresses of the web ({shown.split(', ')[0]}) and the images are not here; "
            "download them beside the table first, under the same names."
        )
    return (
        f"{missing[0][2]} lists {count(len(missing), 'image')} {there}: {shown}{more}. Paths count from the table's "
        f"folder, {root}; add the files or remove the lines."
    )
