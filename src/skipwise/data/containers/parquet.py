"""A container of images in the rows of Parquet files: one file, or a folder of shards. Needs pyarrow."""

from __future__ import annotations

import array
import contextlib
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError, missing_extra, reason_of
from skipwise.core.remote.reading import PART
from skipwise.core.reporting import Progress
from skipwise.data.containers.base import Listing, check_size, make_listing
from skipwise.data.containers.entries import EntryWriter
from skipwise.data.containers.shards import address_of_shard, opened_shard, size_and_stamp, stamp_of_shards
from skipwise.data.image.decode import UnreadableImage

ROWS_AT_ONCE, BYTES_AT_ONCE = 64, 2**26
"""Rows whose images are in memory at a time, and about how many bytes they may take. A thousand rows can share one
image, of which the file has a single copy."""
COLUMNS = 2**16
"""Bytes of one request for the columns beside the images, which lie between these."""


@dataclass(frozen=True)
class Parquet:
    """The rows of Parquet files as images, named `file/number` by the row in the file.

    Args:
        path: the file, or the folder that the files are in.
        files: the files' names relative to `path`, or "" for the file itself.
        column: the column of images, a struct with `bytes` (and `path`), or bytes.
    """

    path: Path
    files: tuple[str, ...]
    column: str

    def stamp(self) -> tuple[int, ...]:
        return stamp_of_shards(self.path, self.files)

    def name(self, file: str, row: int) -> str:
        """The name of the image in a row of a file."""
        return f"{file}/{row:08d}" if file else f"{row:08d}"

    def listing(self, progress: Progress | None = None) -> Listing:  # noqa: ARG002 - it takes no time
        entries = EntryWriter()
        for file in self.files:
            stamp = size_and_stamp(self.path, file)[1]
            with opened(self.path, file) as table:
                for row in range(table.metadata.num_rows):
                    entries.add(self.name(file, row), 0, stamp)
        return make_listing(self.path, entries.finish()[0], ())

    def stream(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | UnreadableImage]]:
        wanted: dict[str, array.array[int]] = {}
        for name in names:
            file, _, row = name.rpartition("/")
            if file not in wanted:
                wanted[file] = array.array("q")
            wanted[file].append(int(row))
        for file, rows in wanted.items():
            with opened(self.path, file, part=PART) as table:
                for number, image in self._rows(table, np.unique(np.array(rows, np.int64))):
                    yield self.name(file, number), image

    def _rows(self, table: Any, rows: NDArray[np.int64]) -> Iterator[tuple[int, bytes | UnreadableImage]]:
        """Some rows of a file, ascending."""
        start = 0
        for group in range(table.metadata.num_row_groups):
            end = start + table.metadata.row_group(group).num_rows
            first, last = np.searchsorted(rows, (start, end)).tolist()
            if first < last:
                wanted, number = set(rows[first:last].tolist()), start
                largest = max(1, table.metadata.row_group(group).total_byte_size)
                at_once = max(1, min(ROWS_AT_ONCE, BYTES_AT_ONCE // largest))
                for batch in table.iter_batches(batch_size=at_once, row_groups=[group], columns=[self.column]):
                    values = batch.column(0)
                    for offset in range(len(values)):
                        if number + offset in wanted:
                            yield number + offset, _image(values[offset].as_py())
                    number += len(values)
            start = end


@contextlib.contextmanager
def opened(root: Path | io.BytesIO, name: str = "", texts: Sequence[str] = (), part: int = COLUMNS) -> Iterator[Any]:
    """pyarrow's ParquetFile, read a piece at a time.

    Args:
        root: the folder of the file, or the file itself, or a file in memory.
        name: the name of the file from `root`; "" for `root` itself; of a file in memory, what messages call it.
        part: bytes of one request, where the file is at an address.
        texts: columns of text whose equal values share one object; see `values_of`.

    Raises:
        SkipwiseError: pyarrow is not installed, or the file is damaged.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise missing_extra("formats", "pyarrow") from error
    try:
        with (
            opened_shard(root, name, part) if isinstance(root, Path) else root as opened_file,
            pyarrow.parquet.ParquetFile(
                opened_file, buffer_size=2**20, pre_buffer=False, read_dictionary=list(texts) or None
            ) as table,
        ):
            yield table
    except (pyarrow.ArrowException, OSError, ValueError, LookupError, OverflowError, MemoryError) as error:
        where = address_of_shard(root, name) if isinstance(root, Path) else name
        raise SkipwiseError(
            f"{where} is not a valid Parquet file ({reason_of(error)}); download or create it again."
        ) from error


def texts_of(table: Any) -> list[str]:
    """The names of the columns that hold text and nothing else."""
    schema = table.metadata.schema
    columns = [schema.column(number) for number in range(len(schema))]
    return [each.path for each in columns if each.physical_type == "BYTE_ARRAY" and each.path == each.name]


def values_of(column: Any) -> list[Any]:
    """The values of a column. Equal values of the `texts` given to `opened` are the same object."""
    if not hasattr(column, "dictionary"):
        return list(column.to_pylist())
    texts = column.dictionary.to_pylist()
    return [None if index is None else texts[index] for index in column.indices.to_pylist()]


def _image(value: Any) -> bytes | UnreadableImage:
    data = value.get("bytes") if isinstance(value, dict) else value
    if not isinstance(data, bytes) or not data:
        return UnreadableImage("the row holds no image")
    try:
        check_size(len(data))
    except UnreadableImage as error:
        return error
    return data
