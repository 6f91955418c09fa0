"""Files that hold a table -> header and rows of text: CSV and its kin, lists, JSON of any nesting, Excel, Parquet."""

from __future__ import annotations

import csv
import io
import json
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from skipwise.data.containers.parquet import opened, texts_of, values_of
from skipwise.data.formats import is_picture
from skipwise.data.names import printable, suffix
from skipwise.data.sources.matlab import load_matlab, simple
from skipwise.data.sources.split_names import split_of, splits_of
from skipwise.data.sources.unpacking import LARGEST_SHEETS, MOST_CELLS, check_zip, most_text
from skipwise.errors import SkipwiseError, missing_extra, reason_of
from skipwise.text import count

SEVERAL = "\x1f"
"""Between the values of a cell that has several, as lists in JSON do."""
_MOST_ROWS = 2**20
"""Of a sheet in Excel."""
_DEEPEST, _SPARSEST = 10, 100
"""Dictionaries in dictionaries in which tables are looked for, and cells of a table for each that is filled."""


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


def read_tables(name: str, data: bytes) -> list[Table]:
    """The tables in a file, mostly one, each with a row or more. Empty where it holds none.

    Raises:
        SkipwiseError: it is meant as a table but can't be read as one, with the line and the mend.
    """
    return [table for table in _tables(name, data, suffix(name)) if table.rows]


def _tables(name: str, data: bytes, kind: str) -> list[Table]:
    if kind in (".json", ".manifest", ".jsonl", ".ndjson"):
        return _json_tables(name, data)
    if kind in (".xlsx", ".xls", ".ods"):
        return _excel(name, data, kind)
    if kind == ".parquet":
        return _parquet(name, data)
    if kind == ".mat":
        return matlab_tables(name, data)
    if kind == ".xml":
        return _xml(name, data)
    table = _text(name, decoded(name, data))
    return [] if table is None else [_with_cells_opened(table)]


def _with_cells_opened(table: Table) -> Table:
    """A table of whose cells some hold JSON, as annotation tools write them, with a column for each part of that."""
    first = list(table.rows[0])
    width = len(first)
    sample = table.rows[1:50]
    nested = [
        number
        for number in range(width)
        if sample and all(number < len(row) and row[number].strip()[:1] in ("{", "[") for row in sample)
    ]
    if not nested:
        return table
    header_row = not any(first[number].strip()[:1] in ("{", "[") for number in nested)
    names = [cell.strip() for cell in first] if header_row else [f"column {number + 1}" for number in range(width)]
    records, lines = [], []
    for row, line in zip(table.rows[int(header_row) :], table.lines[int(header_row) :], strict=True):
        record: dict[str, Any] = dict(zip(names, row, strict=False))
        for number in nested:
            try:
                record[names[number]] = json.loads(row[number])
            except (ValueError, RecursionError, IndexError):
                return table
        records.append(record)
        lines.append(line)
    return (_records(table.name, records, lines) or [table])[0]


def decoded(name: str, data: bytes) -> str:
    """A text file's text: UTF-8, or UTF-16 or UTF-32 where it is marked or plain to see.

    A file's name need not be UTF-8, so other bytes are carried through; whoever takes a label from them says so.

    Raises:
        SkipwiseError: marked as one encoding, but not in it.
    """
    for mark, encoding in (
        (b"\xff\xfe\0\0", "utf-32"),
        (b"\0\0\xfe\xff", "utf-32"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if data.startswith(mark):
            return _strictly(name, data, encoding)
    start = data[:400]
    if len(start) >= 4 and start[1::2].count(0) > 0.9 * len(start[1::2]):
        return _strictly(name, data, "utf-16-le")
    if len(start) >= 4 and start[::2].count(0) > 0.9 * len(start[::2]):
        return _strictly(name, data, "utf-16-be")
    return data.decode("utf-8-sig", "surrogateescape")


def _strictly(name: str, data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeError as error:
        raise SkipwiseError(
            f"{name} begins like {encoding.upper()} text but is damaged or something else; save it as UTF-8."
        ) from error


def is_utf8(text: str) -> bool:
    """Whether a cell's bytes were UTF-8."""
    return not any("\udc80" <= character <= "\udcff" for character in text)


def _text(name: str, text: str) -> Table | None:
    if "\0" in text:
        return None
    lines = [line for line in text.splitlines()[:50] if line.strip()]
    if not lines:
        return None
    if lines[0].startswith("#") and "," in lines[0] and lines[0].count(",") == lines[-1].count(","):
        text = text.lstrip().removeprefix("#")  # a header that is marked as a comment
        lines[0] = lines[0].removeprefix("#")
    comments = [line for line in lines if line.lstrip().startswith("#")]
    head = [line for line in lines if line not in comments][:30] or comments
    separator = _separator(name, head)
    if separator is None:
        return _by_spaces(name, text, skip_comments=len(comments) < len(lines))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=separator != "\t")
    rows: list[list[str]] = []
    numbers: list[int] = []
    began = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row) and not (
                rows == [] and row[0].lstrip().startswith("#") and comments != lines
            ):
                rows.append(row)
                numbers.append(began)
            if reader.line_num - began > 500:
                raise csv.Error("an endless cell")
            began = reader.line_num + 1
    except csv.Error as error:
        if '"' not in text:
            raise SkipwiseError(f"Line {began} of {name} can't be read ({error}); mend or remove it.") from error
        raise SkipwiseError(
            f"The quotation mark that opens in line {began} of {name} is never closed ({error}); close it, or double "
            "it where it is part of a name."
        ) from error
    if rows and "\n" in (last := rows[-1][-1]) and text.count('"') % 2:
        raise SkipwiseError(
            f"The quotation mark that opens in line {numbers[-1]} of {name} is never closed; close it, or double it "
            f"where it is part of a name. It begins '{printable(last.strip().splitlines()[0][:40])}'."
        )
    return Table(name, (), *_without_title(rows, numbers)) if rows else None


def _without_title(rows: list[list[str]], lines: list[int]) -> tuple[list[list[str]], list[int]]:
    """Rows without those above the header that hold a single cell: a title, a remark, "sep=;"."""
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows[:30]]
    first = next((number for number, cells in enumerate(filled) if cells > 1), 0)
    # Lines of one cell may also be images, of which some have no class.
    titles = [next(cell for cell in row if cell.strip()) for row in rows[:first]]
    if first > 5 or len(rows) - first < 2 or any(is_picture(suffix(title.strip())) for title in titles):
        return rows, lines
    return rows[first:], lines[first:]


def _separator(name: str, head: Sequence[str]) -> str | None:
    """What separates the cells, or None for blanks, as in lists without a header."""
    if suffix(name) in (".tsv", ".tab"):
        return "\t"
    bare = [_bare(line) for line in head]
    counts = {each: [line.count(each) for line in bare] for each in ("\t", ",", ";", "|")}
    # Above the header there may be a title, which has none.
    title = next((number for number, line in enumerate(head[:5]) if any(counts[each][number] for each in counts)), 0)
    counts = {each: found[title:] for each, found in counts.items()}
    steady = {each: found[0] for each, found in counts.items() if found and found[0] and min(found) > 0}
    if steady:
        even = {each: number for each, number in steady.items() if len(set(counts[each])) == 1}
        best = even or steady
        # Decimal commas: "a.jpg;1,5;cat" has both, but the semicolon in every line and its header.
        return max(best, key=lambda each: best[each])
    if suffix(name) == ".csv":
        return max(("\t", ",", ";", "|"), key=lambda each: counts[each][0])
    return None


def _bare(line: str) -> str:
    """A line without what is in quotation marks."""
    return re.sub(r'"[^"]*"', "", line)


_PICTURE_THEN = re.compile(r"(.*\.(?:jpe?g|png|tiff?|bmp|gif|webp))\s+(.*\S)", re.IGNORECASE)
"""A file's name, blanks in it allowed, and what follows."""


def _by_spaces(name: str, text: str, *, skip_comments: bool) -> Table | None:
    """A list whose lines are split at blanks: "path 3", "1025794 Boeing 717", or a path alone."""
    lines, numbers = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not (skip_comments and line.lstrip().startswith("#")):
            lines.append(line.strip())
            numbers.append(number)
    if not lines:
        return None
    named = [_PICTURE_THEN.fullmatch(line) for line in lines]
    pairs = [[match[1], match[2]] for match in named if match is not None]
    if len(pairs) == len(lines) and any(" " in path or _is_phrase(label) for path, label in pairs):
        return Table(name, (), pairs, numbers)
    rows = [line.split() for line in lines]
    width = min(map(len, rows))
    if any(len(row) != width for row in rows):  # names of several words: all that follows the first is one cell
        rows = [[row[0], " ".join(row[1:])] if width > 1 else [" ".join(row)] for row in rows]
    return Table(name, (), rows, numbers)


def _is_phrase(label: str) -> bool:
    """Whether what follows a file's name is a name of several words, rather than values of several columns."""
    words = label.split()
    return len(words) > 1 and all(any(c.isalpha() for c in word) for word in words) and not any(map(split_of, words))


def _json_tables(name: str, data: bytes) -> list[Table]:
    text = decoded(name, data)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        records, numbers = [], []
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip():
                continue
            try:
                records.append(json.loads(line))
                numbers.append(number)
            except (ValueError, RecursionError) as wrong:
                if not records or suffix(name) == ".json":
                    if suffix(name) in (".json", ".manifest") and len(records) < 2:
                        return []  # of something else
                    raise SkipwiseError(f"{name} is no JSON ({reason_of(error)}).") from wrong
                raise SkipwiseError(
                    f"Line {number} of {name} is no JSON ({reason_of(wrong)}); mend or remove it."
                ) from wrong
        return _records(name, records, numbers)
    if isinstance(content, list):
        return _records(name, content, range(1, len(content) + 1))
    if isinstance(content, dict):
        return _from_dict(name, content)
    return []


def _from_dict(name: str, content: dict[str, Any], depth: int = 0) -> list[Table]:
    """A dictionary of records, of lists of records, or from paths to labels or from labels to paths."""
    found: list[Table] = []
    if depth > _DEEPEST:
        return found
    values = list(content.values())
    if (parts := _by_split(name, content)) is not None:
        return [parts]
    for key, value in content.items():
        if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
            found.append(Table(name, (str(key),), [[each] for each in value], range(1, len(value) + 1)))
        if isinstance(value, list) and len(value) > 1 and all(isinstance(each, dict) for each in value[:50]):
            found += _records(name, value, range(1, len(value) + 1))
        elif isinstance(value, dict) and value:
            found += _from_dict(name, value, depth + 1)
    if values and all(isinstance(value, dict) for value in values[:50]):
        records = [{"key": key, **value} for key, value in content.items() if isinstance(value, dict)]
        found += _records(name, records, range(1, len(records) + 1))
    elif values and all(isinstance(value, str | int | float) for value in values):
        rows = [(str(key), _cell(value)) for key, value in content.items()]
        found.append(Table(name, ("key", "label"), rows, range(1, len(rows) + 1)))
    elif values and all(isinstance(value, list) and all(isinstance(each, str) for each in value) for value in values):
        rows = [(path, str(key)) for key, paths in content.items() for path in paths]
        if rows:
            found.append(Table(name, ("file", "label"), rows, range(1, len(rows) + 1)))
    return found


def _by_split(name: str, content: dict[str, Any]) -> Table | None:
    """A list for each split, as a table with a column that says it; None where the keys are no splits."""
    splits = splits_of(map(str, content))
    lists = [(str(key), value) for key, value in content.items() if str(key) in splits and isinstance(value, list)]
    if "train" not in splits.values() or len(lists) < 2 or len(lists) < len(content):
        return None
    rows: list[list[str]] = []
    records: list[dict[str, Any]] = []
    for split, values in lists:
        for value in values:
            if isinstance(value, dict):
                records.append({**value, "split": split})
                continue
            cells = value if isinstance(value, list) else [value]
            if not all(isinstance(cell, str | int | float) for cell in cells):
                return None
            rows.append([*map(_cell, cells), split])
    if records and not rows:
        return next(iter(_records(name, records, range(1, len(records) + 1))), None)
    width = len(rows[0]) if rows else 0
    if any(len(row) != width for row in rows) or not rows:
        return None
    header = (*(f"column {number}" for number in range(1, width)), "split")
    return Table(name, header, rows, range(1, len(rows) + 1))


def _records(name: str, records: Sequence[Any], lines: Sequence[int]) -> list[Table]:
    """Records of any nesting as a table; a column is called by the names on the way to its values."""
    if not all(isinstance(record, dict) for record in records):
        return []
    flat = [_flattened(record) for record in records]
    header: dict[str, None] = {}
    for each in flat:
        header.update(dict.fromkeys(each))
    columns = tuple(header)
    filled = sum(map(len, flat))
    if not columns or len(flat) * len(columns) > 1_000_000 + _SPARSEST * filled:  # hardly two records are alike
        return []
    return [Table(name, columns, [[each.get(column, "") for column in columns] for each in flat], lines)]


def _flattened(record: dict[str, Any]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    waiting: list[tuple[str, Any]] = [("", record)]
    while waiting and len(found) < 500:
        where, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(f"{where}.{key}" if where else str(key), each) for key, each in reversed(value.items())]
        elif isinstance(value, list):
            waiting += [(where, each) for each in reversed(value[:1000])]
        elif value is not None:
            found.setdefault(where, []).append(_cell(value))
    return {key: SEVERAL.join(values) for key, values in found.items()}


def _cell(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _xml(name: str, data: bytes) -> list[Table]:
    """Elements that come again and again as records, with what is in them; entities are not followed."""
    if b"<!ENTITY" in data:
        return []
    found = []
    try:
        alike: dict[str, list[Any]] = {}
        for child in ElementTree.fromstring(data):
            alike.setdefault(child.tag, []).append(child)
        for children in alike.values():
            if len(children) > 1:
                records = [_element(child) for child in children]
                found += _records(name, records, range(1, len(records) + 1))
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError):  # or of an unknown encoding, or too deep
        return []
    return found


def _element(element: Any) -> dict[str, Any]:
    inside: dict[str, list[Any]] = {}
    for child in element:
        inside.setdefault(child.tag, []).append(_element(child) or (child.text or "").strip())
    return {**inside, **element.attrib}


def _excel(name: str, data: bytes, kind: str) -> list[Table]:
    if kind != ".xlsx":
        raise SkipwiseError(f"{name} is a spreadsheet in a format that is not read; save it as .xlsx or .csv.")
    try:
        import openpyxl
    except ImportError as error:
        raise missing_extra("formats", "openpyxl") from error
    try:
        check_zip(name, data, min(LARGEST_SHEETS, most_text(len(data))))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # styles and extensions that it does not know
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
            found = {sheet.title: table for sheet in book.worksheets if (table := _sheet(name, sheet)) is not None}
        return _sheets_of_splits(found) or list(found.values())
    except SkipwiseError:
        raise
    except Exception as error:  # openpyxl raises what its parts raise: zip, XML, its own
        raise SkipwiseError(
            f"{name} is no sound Excel file ({reason_of(error)}); save it again, or as .csv."
        ) from error


def _sheet(name: str, sheet: Any) -> Table | None:
    sheet.reset_dimensions()  # what a sheet says of its size need not be so
    rows, lines = [], []
    cells = 0
    for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
        cells += len(row)
        if cells > MOST_CELLS or number > _MOST_ROWS:
            raise SkipwiseError(f"{name} holds more cells than a table of images has; save what lists them as .csv.")
        if any(cell is not None for cell in row):
            rows.append(["" if cell is None else _cell(cell) for cell in row])
            lines.append(number)
    width = max(map(len, rows), default=0)
    if len(rows) < 2 or len(rows) * width > MOST_CELLS:
        return None
    wide = [row + [""] * (width - len(row)) for row in rows]
    return Table(name, (), *_without_title(wide, lines))


def _sheets_of_splits(sheets: dict[str, Table]) -> list[Table]:
    """Sheets that are called like splits as one table with a column that says it; [] for others."""
    splits = splits_of(sheets)
    headers = {tuple(table.rows[0]) for table in sheets.values()}
    if len(sheets) < 2 or len(splits) < len(sheets) or len(headers) > 1:
        return []
    rows = [[*row, split] for split, table in sheets.items() for row in table.rows[1:]]
    lines = [line for table in sheets.values() for line in table.lines[1:]]
    return [Table(next(iter(sheets.values())).name, (*headers.pop(), "split"), rows, lines)]


def _parquet(name: str, data: bytes) -> list[Table]:
    with opened(io.BytesIO(data), name) as table:
        texts, rows, width = texts_of(table), table.metadata.num_rows, len(table.schema_arrow)
        if rows * width > MOST_CELLS:
            raise SkipwiseError(
                f"{name} holds {rows:,} rows of {count(width, 'column')}, more cells than a table of images has; save "
                "the columns that list them alone."
            )
    with opened(io.BytesIO(data), name, texts) as table:
        header = tuple(table.schema_arrow.names)
        found: list[list[str]] = []
        for batch in table.iter_batches():
            columns = [map(_parquet_cell, values_of(column)) for column in batch.columns]
            found += map(list, zip(*columns, strict=True))
    return [Table(name, header, found, range(1, len(found) + 1))] if header else []


def _parquet_cell(value: Any) -> str:
    return SEVERAL.join(map(_cell, value)) if isinstance(value, list) else "" if value is None else _cell(value)


def matlab_tables(name: str, data: bytes) -> list[Table]:
    """The struct arrays in a MATLAB file, a row for each struct, and arrays of one length as columns side by side."""
    try:
        content = load_matlab(name, data)
    except SkipwiseError:  # then it is no list
        return []
    found, columns = [], {}
    for key, value in content.items():
        cells = simple(value)
        if not isinstance(cells, list) or not cells:
            continue
        if isinstance(cells[0], dict):
            rows = [[_cell(simple(each)) for each in record.values()] for record in cells]
            found.append(Table(name, tuple(cells[0]), rows, range(1, len(rows) + 1)))
        elif all(isinstance(each, str | int) for each in map(simple, cells)):
            columns[key] = [_cell(simple(each)) for each in cells]
    for length in sorted({len(cells) for cells in columns.values()}, reverse=True):
        same = {key: cells for key, cells in columns.items() if len(cells) == length}
        found.append(Table(name, tuple(same), list(zip(*same.values(), strict=True)), range(1, length + 1)))
    return found
