"""Limits on how much a file may expand to, since a few kilobytes can hold a hundred gigabytes."""

from __future__ import annotations

import gzip
import io

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.json_limits import memory_of_structure
from skipwise.core.files.zip_directory import open_zip
from skipwise.core.text import byte_size

LARGEST_ARRAYS = 2**30
"""Bytes of arrays that are read into memory, at most."""
LARGEST_TEXT = 2**28
"""Characters in a table's cells, at most; they take several times as many bytes of memory."""
LARGEST_SHEETS = 2**26
"""Bytes of a spreadsheet's XML, at most; a million take a second to read."""
MOST_CELLS = 20_000_000
"""Cells of a table, at most, in formats that can store many cells in few bytes."""
FREE, RATIO = 2**22, 100
"""A compressed file may hold FREE bytes of text plus RATIO times its own size. Texts compress to about a tenth."""

FREE_MEMORY, DENSEST = 3 * 2**28, 24
"""Estimated bytes of memory that JSON may take: the larger of FREE_MEMORY, and DENSEST for each of its characters.

COCO's outlines and boxes are estimated at 14 to 22 bytes per character, though they take 5; empty lists at 64."""


def most_text(packed: int) -> int:
    """Bytes of text that a compressed file of so many bytes may hold."""
    return FREE + RATIO * packed


def check_size(name: str, size: int, most: int) -> None:
    """Raises SkipwiseError if a file is larger than `most` bytes."""
    if size > most:
        raise SkipwiseError(
            f"{name} holds {size / 2**20:,.0f} MiB or more; at most {most / 2**20:,.0f} MiB are read. Split it, or "
            "create it again if it should be smaller."
        )


def check_text(name: str, text: str) -> None:
    """Raises SkipwiseError for JSON that would take far more memory than its length suggests.

    The JSON of annotation tools takes five bytes per character.
    """
    needed, most = memory_of_structure(text), max(FREE_MEMORY, DENSEST * len(text))
    if needed > most:
        raise SkipwiseError(
            f"{name} is too complex to be read: it could take {byte_size(needed)} of memory, and at most "
            f"{byte_size(most)} are allowed. Split it, or remove it."
        )


def check_zip(name: str, data: bytes, most: int) -> None:
    """Raises SkipwiseError for a zip file (.npz and .xlsx are) that expands to more than `most` bytes.

    zipfile raises its own exceptions for damaged files.
    """
    with open_zip(io.BytesIO(data)) as archive:
        check_size(name, sum(info.file_size for info in archive.infolist()), most)


def gunzipped(name: str, data: bytes) -> bytearray:
    """The content of a .gz file.

    Raises:
        SkipwiseError: it is larger than `LARGEST_ARRAYS`.
        OSError, EOFError, zlib.error: it is damaged.
    """
    found = bytearray()  # it grows in place
    with gzip.open(io.BytesIO(data)) as file:
        while part := file.read(2**20):
            found += part
            check_size(name, len(found), LARGEST_ARRAYS)
    return found
