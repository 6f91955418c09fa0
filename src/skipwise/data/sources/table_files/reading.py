"""Files that hold a table -> header and rows of text, by the kind of file."""

from __future__ import annotations

from skipwise.data.names import suffix
from skipwise.data.sources.table_files.nested import read_json, read_xml, with_cells_opened
from skipwise.data.sources.table_files.sheets import read_excel, read_matlab, read_parquet
from skipwise.data.sources.table_files.table import Table
from skipwise.data.sources.table_files.text import decoded, read_text


def read_tables(name: str, data: bytes) -> list[Table]:
    """The tables in a file, mostly one, each with a row or more. Empty where it holds none.

    Raises:
        SkipwiseError: it is meant as a table but can't be read as one, with the line and the mend.
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
