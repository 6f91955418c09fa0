"""Tables of paths that need not exist, such as a split.csv."""

from __future__ import annotations

from pathlib import Path

from skipwise.core.errors import SkipwiseError, reason_of
from skipwise.core.files.regular import read_regular
from skipwise.data.containers import LARGEST_FILE
from skipwise.data.options import ReadingOptions
from skipwise.data.sources.labels import quoted_list
from skipwise.data.sources.table_files.reading import read_tables
from skipwise.data.sources.tables.image_table import ImageTable, read_image_table


def read_path_table(file: Path) -> ImageTable:
    """Reads a table with a column "path", whose cells are taken as they are.

    Raises:
        SkipwiseError: the file cannot be read, or it is not such a table.
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
        raise SkipwiseError(
            f"{file} has no column 'path' with the images' paths; its columns are {quoted_list(header)}."
        )
    options = ReadingOptions(image_column="path", label_column="label" if "label" in header else None)
    found = read_image_table(tables[0], lambda cell: cell, options, required=True, strip=False)
    assert found is not None
    return found
