"""A table whose images are at addresses of their own, in one of its columns."""

from __future__ import annotations

from collections.abc import Sequence

from skipwise.core.addresses import KNOWN, is_address, scheme_of
from skipwise.core.errors import SkipwiseError
from skipwise.core.remote.cells import copied_each
from skipwise.core.reporting import Progress
from skipwise.data.options import ReadingOptions
from skipwise.data.sources.labels import quoted_list
from skipwise.data.sources.table_files.table import Table
from skipwise.data.sources.tables.image_table import ImageTable, read_image_table

LOOKED_AT = 100
"""Rows by which a column of addresses is known."""
SHARE = 0.9
"""Share of addresses among their cells, at least."""


def is_one(cell: str) -> bool:
    """Returns whether a cell is an address that is read."""
    return scheme_of(cell.strip()) in KNOWN and is_address(cell.strip())


def read_addressed_table(table: Table, options: ReadingOptions, progress: Progress | None) -> ImageTable | None:
    """Copies the images that a table lists by addresses, and reads the table. Its images are named by their addresses
    without the scheme; they lie in `cells_folder()`.

    Returns:
        The images; None if no column has addresses.

    Raises:
        SkipwiseError: several columns have addresses, or an image can't be read.
    """
    number = _column(table, options)
    if number is None:
        return None
    cells = [row[number].strip() for row in table.rows if number < len(row)]
    names = copied_each([cell for cell in cells if is_one(cell)], progress)
    return read_image_table(table, lambda cell: names.get(cell.strip()), options, required=True)


def _column(table: Table, options: ReadingOptions) -> int | None:
    rows = table.rows[1 : LOOKED_AT + 1]
    found = [number for number in range(max(map(len, rows), default=0)) if _has_addresses(rows, number)]
    header = list(table.header or table.rows[0])
    if options.image_column is not None and options.image_column in header:
        return header.index(options.image_column) if header.index(options.image_column) in found else None
    if len(found) > 1:
        names = [header[number] for number in found if number < len(header)]
        raise SkipwiseError(
            f"{table.name} has several columns of addresses, {quoted_list(names)}; say with --image-column which "
            "has the images."
        )
    return found[0] if found else None


def _has_addresses(rows: Sequence[Sequence[str]], number: int) -> bool:
    cells = [row[number] for row in rows if number < len(row) and row[number].strip()]
    return len(cells) > 0 and sum(map(is_one, cells)) >= SHARE * len(cells)
