"""A .zip archive as a container of files."""

from __future__ import annotations

import contextlib
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from skipwise.core.errors import SkipwiseError, reason_of
from skipwise.core.files.regular import open_regular
from skipwise.core.files.zip_directory import LargeDirectoryError, open_zip
from skipwise.core.reporting import Progress
from skipwise.core.text import byte_size
from skipwise.data.containers.base import (
    Entry,
    Listing,
    Reader,
    check_entry,
    check_size,
    explained,
    file_stamp,
    largest,
    make_listing,
    normalised,
    one_by_one,
)
from skipwise.data.image.decode import UnreadableImage

_UTF8_FLAG = 0x800


@dataclass(frozen=True)
class Zip:
    """A .zip archive."""

    path: Path
    kind: ClassVar[str] = "zip"

    def stamp(self) -> tuple[int, ...]:
        return file_stamp(self.path)

    @cached_property
    def _directory(self) -> list[tuple[str, zipfile.ZipInfo]]:
        """Every entry with its name. It is read once, since 60,000 entries take a third of a second."""
        with explained(self.path), open_regular(self.path) as file:
            try:
                with open_zip(file) as archive:
                    return [(_name(info), info) for info in archive.infolist()]
            except LargeDirectoryError as error:
                raise SkipwiseError(f"{self.path} holds {error}; unpack it and give the folder.") from error

    @cached_property
    def _infos(self) -> dict[str, zipfile.ZipInfo]:
        return {normalised(name): info for name, info in self._directory if not name.endswith(("/", "\\"))}

    def listing(self, progress: Progress | None = None) -> Listing:  # noqa: ARG002 - it takes no time
        entries, folders = [], []
        files = [info for name, info in self._directory if not name.endswith(("/", "\\"))]
        if files and all(info.flag_bits & 1 for info in files):
            raise SkipwiseError(f"{self.path} is encrypted; unpack it with its password and give the folder.")
        packed, size = sum(info.compress_size for info in files), self.path.stat().st_size
        if packed > size:  # thousands of entries can share the bytes of one that takes long to unpack
            raise SkipwiseError(
                f"{self.path} has {byte_size(size)}, and the files in it have {byte_size(packed)}, so some share their "
                "bytes; create it again."
            )
        for name, info in self._directory:
            if name.endswith(("/", "\\")):
                folders.append(normalised(name))
                continue
            check_entry(self.path, name, is_link=stat.S_ISLNK(info.external_attr >> 16))
            entries.append(Entry(normalised(name), info.file_size, info.CRC))
        return make_listing(self.path, entries, folders)

    def address(self, name: str) -> str:
        info = self._infos[name]
        numbers = (info.header_offset, info.compress_size, info.file_size, info.CRC, info.compress_type, info.flag_bits)
        return ":".join(map(str, (*numbers, largest(name))))

    @contextlib.contextmanager
    def reader(self) -> Iterator[Reader]:
        """Reads files without zipfile, which reads the whole directory first and takes three times as long."""
        with explained(self.path), open_regular(self.path) as file:

            def read(address: str) -> bytes:
                offset, packed, size, crc, method, flags, most = map(int, address.split(":"))
                check_size(max(size, packed), most)
                if flags & 1:
                    raise UnreadableImage("it is encrypted")
                if method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise UnreadableImage("it is compressed by a method other than deflate; create the archive again")
                try:
                    file.seek(offset)
                    header = file.read(30)
                    # The name here may be longer than in the directory.
                    file.seek(int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), 1)
                    data = file.read(packed)
                    if method == zipfile.ZIP_DEFLATED:
                        data = zlib.decompressobj(-15).decompress(data, size + 1)  # never more than it should have
                except (OSError, zlib.error, ValueError, OverflowError) as error:
                    raise UnreadableImage(f"it is damaged in the archive: {reason_of(error)}") from error
                if len(data) != size or zlib.crc32(data) != crc or header[:4] != b"PK\3\4":
                    raise UnreadableImage("it is damaged in the archive")
                return data

            yield read

    def stream(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | UnreadableImage]]:
        return one_by_one(self, names)


def _name(info: zipfile.ZipInfo) -> str:
    """An entry's name. Without the flag for UTF-8 it should be code page 437, but many tools write UTF-8 all the same.

    Hardly any text in code page 437 is also valid UTF-8.
    """
    if info.flag_bits & _UTF8_FLAG or info.filename.isascii():
        return info.filename
    with contextlib.suppress(UnicodeError):
        return info.filename.encode("cp437").decode("utf-8")
    return info.filename
