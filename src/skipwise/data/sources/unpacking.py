"""How much a file may unpack to: a few kilobytes can claim, and even hold, a hundred gigabytes."""

from __future__ import annotations

import gzip
import io

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.json_limits import memory_of_structure
from skipwise.core.files.zip_directory import open_zip
from skipwise.core.text import byte_size

LARGEST_ARRAYS = 2**30
"""Bytes of arrays that are held in memory."""
LARGEST_TEXT = 2**28
"""Characters in a table's cells; in memory they are several times as many."""
LARGEST_SHEETS = 2**26
"""Bytes of a spreadsheet's XML, of which a million take a second to read."""
MOST_CELLS = 20_000_000
"""Cells of a table in a file that can say them in fewer bytes than there are cells."""
FREE, RATIO = 2**22, 100
"""Text that a packed file may hold in any case, and how many times its own size beyond; texts pack to a tenth."""

FREE_MEMORY, DENSEST = 3 * 2**28, 24
"""Bytes of memory that JSON may take by an estimate in any case, and for each of its characters beyond. Outlines and
boxes as COCO has them are estimated at 14 to 22, though they take 5; nothing but empty lists is estimated at 64."""


def most_text(packed: int) -> int:
    """How much text a packed file of so many bytes may hold without being made to fill the memory."""
    return FREE + RATIO * packed


def check_size(name: str, size: int, most: int) -> None:
    """Raises SkipwiseError for more than there may be."""
    if size > most:
        raise SkipwiseError(
            f"{name} holds {size / 2**20:,.0f} MiB or more, where at most {most / 2**20:,.0f} are read; split "
            "it, or make it again if that can't be."
        )


def check_text(name: str, text: str) -> None:
    """Raises SkipwiseError for JSON that is made to take far more memory than it has characters. What annotation tools
    write takes five times as much."""
    found, most = memory_of_structure(text), max(FREE_MEMORY, DENSEST * len(text))
    if found > most:
        raise SkipwiseError(
            f"{name} is too large for what is in it: reading it could take {byte_size(found)} of memory, at most "
            f"{byte_size(most)} are given; split it, or take it away."
        )


def check_zip(name: str, data: bytes, most: int) -> None:
    """Raises SkipwiseError for a zip, as .npz and .xlsx are, that unpacks to more; zipfile raises for damaged ones."""
    with open_zip(io.BytesIO(data)) as archive:
        check_size(name, sum(info.file_size for info in archive.infolist()), most)


def gunzipped(name: str, data: bytes) -> bytearray:
    """What is in a .gz file.

    Raises:
        SkipwiseError: more than arrays may have.
        OSError, EOFError, zlib.error: it is damaged.
    """
    found = bytearray()  # grows in place
    with gzip.open(io.BytesIO(data)) as file:
        while part := file.read(2**20):
            found += part
            check_size(name, len(found), LARGEST_ARRAYS)
    return found
