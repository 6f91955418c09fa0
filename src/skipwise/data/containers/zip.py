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

import numpy as np

from skipwise.core.errors import SkipwiseError, reason_of
from skipwise.core.files.regular import open_regular
from skipwise.core.files.zip_directory import LargeDirectoryError, open_zip
from skipwise.core.reporting import Progress
from skipwise.core.text import byte_size
from skipwise.data.columns.integers import Integers
from skipwise.data.containers.base import (
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
from skipwise.data.containers.entries import EntryWriter
from skipwise.data.image.decode import UnreadableImage

_UTF8_FLAG = 0x800
_ADDRESS = ("header_offset", "compress_size", "file_size", "CRC", "compress_type", "flag_bits")
"""The fields of an entry that are needed to read its file without the directory."""


@dataclass(frozen=True)
class Zip:
    """A .zip archive."""

    path: Path
    kind: ClassVar[str] = "zip"

    def stamp(self) -> tuple[int, ...]:
        return file_stamp(self.path)

    @cached_property
    def _directory(self) -> tuple[Listing, tuple[Integers, ...]]:
        """The listing, and the numbers of each file's address. It is read once, since a million files take a while."""
        with explained(self.path), open_regular(self.path) as file:
            try:
                with open_zip(file) as archive:
                    infos = archive.infolist()
            except LargeDirectoryError as error:
                raise SkipwiseError(f"{self.path} holds {error}; unpack it and give the folder.") from error
        files = [info for info in infos if not _name(info).endswith(("/", "\\"))]
        if files and all(info.flag_bits & 1 for info in files):
            raise SkipwiseError(f"{self.path} is encrypted; unpack it with its password and give the folder.")
        packed, size = sum(info.compress_size for info in files), self.path.stat().st_size
        if packed > size:  # thousands of entries can share the bytes of one that takes long to unpack
            raise SkipwiseError(
                f"{self.path} has {byte_size(size)}, and the files in it have {byte_size(packed)}, so some share their "
                "bytes; create it again."
            )
        entries, folders = EntryWriter(), list[str]()
        with explained(self.path):  # sizes and places may be more than 63 bits hold
            for info in infos:
                name = _name(info)
                if name.endswith(("/", "\\")):
                    folders.append(normalised(name))
                    continue
                check_entry(self.path, name, is_link=stat.S_ISLNK(info.external_attr >> 16))
                entries.add(normalised(name), info.file_size, info.CRC)
            found, order = entries.finish()
            columns = tuple(
                Integers.of(np.array([getattr(info, name) for info in files], np.int64)[order]) for name in _ADDRESS
            )
        return make_listing(self.path, found, folders), columns

    def listing(self, progress: Progress | None = None) -> Listing:  # noqa: ARG002 - it takes no time
        return self._directory[0]

    def address(self, name: str) -> str:
        listing, columns = self._directory
        number = listing.entries.names.find(name)
        return ":".join(map(str, (*(column[number] for column in columns), largest(name))))

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
