"""Tables from JSON and XML of any nesting, also in cells. A column is named by the path to its values: "image.id"."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from skipwise.core.errors import SkipwiseError, reason_of
from skipwise.data.names import suffix
from skipwise.data.sources.split_names import splits_of
from skipwise.data.sources.table_files.table import SEVERAL, Table, cell_text
from skipwise.data.sources.table_files.text import decoded
from skipwise.data.sources.unpacking import check_text

_DEEPEST, _SPARSEST = 10, 100
"""The depth to which nested dictionaries are searched for tables, and a table's most cells for each filled cell."""


def read_json(name: str, data: bytes) -> list[Table]:
    """The tables in a JSON file, or in JSON lines. Raises SkipwiseError for damaged files."""
    text = decoded(name, data)
    check_text(name, text)
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
                        return []  # it holds something else
                    raise SkipwiseError(f"{name} is not valid JSON ({reason_of(error)}).") from wrong
                raise SkipwiseError(
                    f"Line {number} of {name} is not valid JSON ({reason_of(wrong)}); correct or remove it."
                ) from wrong
        return _records(name, records, numbers)
    if isinstance(content, list):
        return _records(name, content, range(1, len(content) + 1))
    if isinstance(content, dict):
        return _from_dict(name, content)
    return []


def _from_dict(name: str, content: dict[str, Any], depth: int = 0) -> list[Table]:
    """The tables in a dictionary: of records, of lists of records, from paths to labels, or from labels to paths."""
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
        rows = [(str(key), cell_text(value)) for key, value in content.items()]
        found.append(Table(name, ("key", "label"), rows, range(1, len(rows) + 1)))
    elif values and all(isinstance(value, list) and all(isinstance(each, str) for each in value) for value in values):
        rows = [(path, str(key)) for key, paths in content.items() for path in paths]
        if rows:
            found.append(Table(name, ("file", "label"), rows, range(1, len(rows) + 1)))
    return found


def _by_split(name: str, content: dict[str, Any]) -> Table | None:
    """A dictionary with a list for each split as a table with a column "split"; None if the keys are not splits."""
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
            rows.append([*map(cell_text, cells), split])
    if records and not rows:
        return next(iter(_records(name, records, range(1, len(records) + 1))), None)
    width = len(rows[0]) if rows else 0
    if any(len(row) != width for row in rows) or not rows:
        return None
    header = (*(f"column {number}" for number in range(1, width)), "split")
    return Table(name, header, rows, range(1, len(rows) + 1))


def _records(name: str, records: Sequence[Any], lines: Sequence[int]) -> list[Table]:
    """Records of any nesting as a table; [] if they are not dictionaries, or have too little in common."""
    if not all(isinstance(record, dict) for record in records):
        return []
    flat = [_flattened(record) for record in records]
    header: dict[str, None] = {}
    for each in flat:
        header.update(dict.fromkeys(each))
    columns = tuple(header)
    filled = sum(map(len, flat))
    if (
        not columns or len(flat) * len(columns) > 1_000_000 + _SPARSEST * filled
    ):  # hardly any two records share a column
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
            found.setdefault(where, []).append(cell_text(value))
    return {key: SEVERAL.join(values) for key, values in found.items()}


def read_xml(name: str, data: bytes) -> list[Table]:
    """Repeated elements of an XML file as tables. Files that define entities are not read."""
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
    except (
        ElementTree.ParseError,
        ValueError,
        LookupError,
        RecursionError,
    ):  # not XML, an unknown encoding, or nested too deeply
        return []
    return found


def _element(element: Any) -> dict[str, Any]:
    inside: dict[str, list[Any]] = {}
    for child in element:
        inside.setdefault(child.tag, []).append(_element(child) or (child.text or "").strip())
    return {**inside, **element.attrib}


def with_cells_opened(table: Table) -> Table:
    """A table with JSON in some of its cells, as annotation tools write it, with a column for each value in it."""
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
