"""The checksums of the batches of a file of answers, in a file of their own: a line of nine bytes for each batch."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.atomic import atomic
from skipwise.core.files.os_errors import explained
from skipwise.core.files.regular import open_own, read_regular

ANOTHER_FILE = "choose another file with --output"
"""The mend where a file can't be written."""
LARGEST_SUMS = 2**24
"""Bytes of the checksums of two million batches."""
_SUM = re.compile("[0-9a-f]{8}")


class BatchChecksums:
    """The CRC-32 of the rows of each batch.

    Args:
        path: the file; `keep` makes it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None

    def read(self) -> list[int] | None:
        """The checksums in the file, -1 for a line that is damaged; None where there is no file, as earlier versions
        left it.

        Raises:
            SkipwiseError: it can't be read.
        """
        try:
            lines = read_regular(self.path, LARGEST_SUMS).decode("ascii", "replace").split("\n")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SkipwiseError(f"Can't read {self.path}: {error.strerror}.") from error
        # What follows the end of the last line was cut off.
        return [int(line, 16) if _SUM.fullmatch(line) else -1 for line in lines[:-1]]

    def keep(self, sums: Sequence[int]) -> None:
        """Makes these the checksums in the file; more can be added.

        Raises:
            SkipwiseError: the file can't be written.
        """
        self.close()
        with atomic(self.path, mend=ANOTHER_FILE) as temporary:
            temporary.write_text("".join(map(_line, sums)))
        with explained(self.path, mend=ANOTHER_FILE):
            self._file = os.fdopen(open_own(self.path, os.O_WRONLY | os.O_APPEND), "ab", buffering=0)

    def add(self, checksum: int) -> None:
        """Adds the checksum of a batch whose rows are written.

        Raises:
            SkipwiseError: the file can't be written.
        """
        if self._file is None:
            raise ValueError("keep() has to be called before add()")
        with explained(self.path, mend=ANOTHER_FILE):
            write_all(self._file, _line(checksum).encode())

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def write_all(file: IO[bytes], data: bytes) -> None:
    """Writes bytes into an unbuffered file, which may take them in parts."""
    while data:
        data = data[os.write(file.fileno(), data) :]


def _line(checksum: int) -> str:
    return f"{checksum:08x}\n"
