"""Zip archives, whose directories are read whole: a hundred megabytes of one take ten times that in memory."""

from __future__ import annotations

import zipfile
from typing import IO, Any

MOST_FILES = 1_500_000
"""Files in an archive, at some 600 bytes of memory each; ImageNet has 1.4 million."""
LARGEST_DIRECTORY = 192 * 2**20
"""Bytes of the names and places of all files."""


class LargeDirectoryError(zipfile.BadZipFile):
    """There are more files in an archive, or longer names, than in any data set."""


class _Opening:
    """A file while zipfile looks for the directory in it, which it reads in one piece."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        if size > LARGEST_DIRECTORY:
            raise LargeDirectoryError(
                f"names of {size / 2**20:,.0f} MiB; at most {LARGEST_DIRECTORY // 2**20} are read"
            )
        found = self._file.read(size)
        if size > MOST_FILES and (files := found.count(b"PK\1\2")) > MOST_FILES:
            raise LargeDirectoryError(f"{files:,} files; at most {MOST_FILES:,} are read")
        return found


def open_zip(file: IO[bytes]) -> zipfile.ZipFile:
    """An archive to be read.

    Raises:
        zipfile.BadZipFile: it is damaged, or its directory is too large.
    """
    archive = zipfile.ZipFile(_Opening(file))
    archive.fp = file
    return archive
