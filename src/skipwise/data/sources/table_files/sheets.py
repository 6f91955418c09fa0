"""Tables from Excel, Parquet and MATLAB files without images."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np

from skipwise.core.errors import SkipwiseError, missing_extra, reason_of
from skipwise.core.text import count
from skipwise.data.containers.parquet import opened, texts_of, values_of
from skipwise.data.sources.arrays.matlab import load_matlab, simple
from skipwise.data.sources.split_names import splits_of
from skipwise.data.sources.table_files.table import SEVERAL, Table, cell_text, without_title
from skipwise.data.sources.unpacking import LARGEST_SHEETS, LARGEST_TEXT, MOST_CELLS, check_size, check_zip, most_text

_MOST_ROWS = 2**20
"""Rows of a sheet in Excel, at most."""


def read_excel(name: str, data: bytes, kind: str) -> list[Table]:
    """The sheets of an Excel file. Raises SkipwiseError for damaged files and other kinds of spreadsheets."""
    if kind != ".xlsx":
        raise SkipwiseError(f"{name} is a spreadsheet in an unsupported format; save it as .xlsx or .csv.")
    try:
        import openpyxl
    except ImportError as error:
        raise missing_extra("formats", "openpyxl") from error
    try:
        check_zip(name, data, min(LARGEST_SHEETS, most_text(len(data))))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl warns of styles and extensions that it does not know
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
            found = {sheet.title: table for sheet in book.worksheets if (table := _sheet(name, sheet)) is not None}
        return _sheets_of_splits(found) or list(found.values())
    except SkipwiseError:
        raise
    except Exception as error:  # openpyxl raises what its parts raise: zip, XML, its own
        raise SkipwiseError(
            f"{name} is not a valid Excel file ({reason_of(error)}); save it again, or as .csv."
        ) from error


def _sheet(name: str, sheet: Any) -> Table | None:
    sheet.reset_dimensions()  # the size in the file may be wrong
    rows, lines = [], []
    cells = 0
    for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
        cells += len(row)
        if cells > MOST_CELLS or number > _MOST_ROWS:
            raise SkipwiseError(
                f"{name} has too many cells to be a table of images; save only its list of images as .csv."
            )
        if any(cell is not None for cell in row):
            rows.append(["" if cell is None else cell_text(cell) for cell in row])
            lines.append(number)
    width = max(map(len, rows), default=0)
    if len(rows) < 2 or len(rows) * width > MOST_CELLS:
        return None
    return Table(name, (), *without_title([row + [""] * (width - len(row)) for row in rows], lines))


def _sheets_of_splits(sheets: dict[str, Table]) -> list[Table]:
    """Sheets that are named like splits as one table with a column "split"; [] for other sheets."""
    splits = splits_of(sheets)
    headers = {tuple(table.rows[0]) for table in sheets.values()}
    if len(sheets) < 2 or len(splits) < len(sheets) or len(headers) > 1:
        return []
    rows = [[*row, split] for split, table in sheets.items() for row in table.rows[1:]]
    lines = [line for table in sheets.values() for line in table.lines[1:]]
    return [Table(next(iter(sheets.values())).name, (*headers.pop(), "split"), rows, lines)]


def read_parquet(name: str, data: bytes) -> list[Table]:
    """The table in a Parquet file. Raises SkipwiseError for damaged and too large files."""
    with opened(io.BytesIO(data), name) as table:
        texts, rows, width = texts_of(table), table.metadata.num_rows, len(table.schema_arrow)
        if rows * width > MOST_CELLS:
            raise SkipwiseError(
                f"{name} holds {rows:,} rows of {count(width, 'column')}, too many for a table of images; save "
                "only the columns that list the images."
            )
    with opened(io.BytesIO(data), name, texts) as table:
        header = tuple(table.schema_arrow.names)
        found: list[list[str]] = []
        size = 0
        for batch in table.iter_batches():
            columns = [[_parquet_cell(value) for value in values_of(column)] for column in batch.columns]
            size += sum(len(cell) for column in columns for cell in column)
            check_size(name, size, LARGEST_TEXT)  # many rows can share one text that is stored once
            found += map(list, zip(*columns, strict=True))
    return [Table(name, header, found, range(1, len(found) + 1))] if header else []


def _parquet_cell(value: Any) -> str:
    return SEVERAL.join(map(cell_text, value)) if isinstance(value, list) else "" if value is None else cell_text(value)


def read_matlab(name: str, data: bytes) -> list[Table]:
    """The tables in a MATLAB file: struct arrays with a row for each struct, and arrays of equal length as columns."""
    try:
        content = load_matlab(name, data)
    except SkipwiseError:  # it is not a list
        return []
    found, columns = [], {}
    for key, value in content.items():
        if isinstance(value, np.ndarray) and value.squeeze().ndim == 1 and value.size <= MOST_CELLS:
            cells = value.squeeze().tolist()
        else:
            cells = simple(value)
        if not isinstance(cells, list) or not cells:
            continue
        if isinstance(cells[0], dict):
            rows = [[cell_text(simple(each)) for each in record.values()] for record in cells]
            found.append(Table(name, tuple(cells[0]), rows, range(1, len(rows) + 1)))
        elif all(isinstance(each, str | int) for each in map(simple, cells)):
            columns[key] = [cell_text(simple(each)) for each in cells]
    for length in sorted({len(cells) for cells in columns.values()}, reverse=True):
        same = {key: cells for key, cells in columns.items() if len(cells) == length}
        found.append(Table(name, tuple(same), list(zip(*same.values(), strict=True)), range(1, length + 1)))
    return found
