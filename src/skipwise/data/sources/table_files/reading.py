"""Reading the tables in a file, by the kind of file."""

from __future__ import annotations

from skipwise.data.names import suffix
from skipwise.data.sources.table_files.nested import read_json, read_xml, with_cells_opened
from skipwise.data.sources.table_files.sheets import read_excel, read_matlab, read_parquet
from skipwise.data.sources.table_files.table import Table
from skipwise.data.sources.table_files.text import decoded, read_text


def read_tables(name: str, data: bytes) -> list[Table]:
    """The tables in a file that have rows: usually one, or none.

    Args:
        name: the name of the file.
        data: its bytes.

    Raises:
        SkipwiseError: the file is a damaged table. The message names the line, and what to do.
    """
    return [table for table in _tables(name, data, suffix(name)) if table.rows]


def _tables(name: str, data: bytes, kind: str) -> list[Table]:
    if kind in (".json", ".manifest", ".jsonl", ".ndjson"):
        return read_json(name, data)
    if kind in (".xlsx", ".xls", ".ods"):
        return read_excel(name, data, kind)
    if kind == ".parquet":
        return read_parquet(name, data)
    if kind == ".mat":
        return read_matlab(name, data)
    if kind == ".xml":
        return read_xml(name, data)
    table = read_text(name, decoded(name, data))
    return [] if table is None else [with_cells_opened(table)]
