"""Decompressing a file a little at a time, since a few kilobytes can expand to gigabytes.

tarfile decompresses ten kilobytes at once, however much that gives, and lzma uses as much memory as a header asks for.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from skipwise.core.files.regular import open_regular

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_GZIP, _BZIP2, _XZ = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0"
_MEMORY = 2**27
"""Bytes of memory for decompressing .xz, twice what `xz -9` needs."""
_PART = 2**16


def is_packed(path: Path) -> bool:
    """Returns whether a file is compressed, by its content."""
    with open_regular(path) as file:
        return file.read(6).startswith((_GZIP, _BZIP2, _XZ))


@contextlib.contextmanager
def unpacked(file: BinaryIO) -> Iterator[BinaryIO]:
    """The decompressed content of a file that is open at its beginning, to be read once. Other files are read as is."""
    start = file.read(6)
    file.seek(0)
    if start.startswith(_GZIP):
        with gzip.open(file) as found:
            yield found  # type: ignore[misc] # it reads bytes
    elif start.startswith(_BZIP2):
        with bz2.open(file) as found:
            yield found  # type: ignore[misc]
    elif start == _XZ:
        yield io.BufferedReader(_Xz(file), _PART)
    else:
        yield file


class _Xz(io.RawIOBase):
    """Like lzma.LZMAFile, with limited memory."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.unpacker = self._new()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        while True:
            data = b""
            if self.unpacker.eof:  # another stream may follow, after padding
                data = self.unpacker.unused_data.lstrip(b"\0")
                while not data:
                    if not (part := self.file.read(_PART)):
                        return 0
                    data = part.lstrip(b"\0")
                self.unpacker = self._new()
            elif self.unpacker.needs_input and not (data := self.file.read(_PART)):
                raise EOFError("it is cut off")
            if found := self.unpacker.decompress(data, len(view)):
                view[: len(found)] = found
                return len(found)

    @staticmethod
    def _new() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)
