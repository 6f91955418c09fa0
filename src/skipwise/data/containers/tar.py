"""Tar archives as containers of files: one archive, compressed or not, or a folder of shards."""

from __future__ import annotations

import array
import contextlib
import hashlib
import io
import os
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, ClassVar

import msgspec
import numpy as np

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.cache_folder import cache_folder
from skipwise.core.files.regular import open_regular
from skipwise.core.reporting import Progress
from skipwise.data.cache.files import keep, kept
from skipwise.data.columns.integers import Integers
from skipwise.data.containers.base import (
    LARGEST_FILE,
    Listing,
    Reader,
    check_size,
    explained,
    file_stamp,
    largest,
    make_listing,
    normalised,
    one_by_one,
)
from skipwise.data.containers.entries import Entries, Entry, EntryWriter
from skipwise.data.containers.tar_headers import CheckedHeader
from skipwise.data.containers.tar_members import entry_of, is_file
from skipwise.data.containers.unpacked import unpacked
from skipwise.data.image.decode import UnreadableImage

_PROGRESS_EVERY = 512
"""Files between two calls of progress."""
_PART = 2**20
_FREE_BYTES, _RATIO, _FREE_FILES, _LEAST_BYTES = 2**31, 200, 100_000, 32
"""A compressed archive may hold _FREE_BYTES plus _RATIO times its own size, and _FREE_FILES files plus one for every
_LEAST_BYTES of its size."""


@dataclass(frozen=True)
class Tar:
    """An uncompressed .tar archive. It has no index, but once its headers are read, any file can be read directly."""

    path: Path
    kind: ClassVar[str] = "tar"

    def stamp(self) -> tuple[int, ...]:
        return file_stamp(self.path)

    @cached_property
    def _members(self) -> tuple[Listing, Integers]:
        """The listing, and where each of its files begins."""
        found, places, folders = EntryWriter(), array.array("q"), list[str]()
        with (
            explained(self.path),
            open_regular(self.path) as file,
            tarfile.open(fileobj=file, mode="r:", tarinfo=CheckedHeader) as archive,
        ):
            for member in archive:
                if is_file(self.path, member, folders):
                    found.add(*entry_of(member))
                    places.append(member.offset_data)
                archive.members = []  # type: ignore[attr-defined] # tarfile would keep every header in memory
        entries, order = found.finish()
        return make_listing(self.path, entries, folders), Integers.of(np.array(places, np.int64)[order])

    def listing(self, progress: Progress | None = None) -> Listing:  # noqa: ARG002 - it takes no time
        return self._members[0]

    def address(self, name: str) -> str:
        listing, places = self._members
        number = listing.entries.names.find(name)
        return f"{places[number]}:{listing.entries.sizes[number]}"

    @contextlib.contextmanager
    def reader(self) -> Iterator[Reader]:
        with explained(self.path), open_regular(self.path) as file:
            yield lambda address: _part_of(file, address)

    def stream(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | UnreadableImage]]:
        return one_by_one(self, names)


@dataclass(frozen=True)
class _Kept:
    """The listing of a compressed archive in the cache."""

    entries: tuple[Entry, ...]
    folders: tuple[str, ...]
    special: tuple[str, ...] = ()


@dataclass(frozen=True)
class CompressedTar:
    """A compressed .tar archive, which one process reads from the start. Its listing is stored in the cache."""

    path: Path

    def stamp(self) -> tuple[int, ...]:
        return file_stamp(self.path)

    def listing(self, progress: Progress | None = None) -> Listing:
        path = self._cached_listing()
        if (data := kept(path)) is not None:
            known = msgspec.msgpack.decode(data, type=_Kept)
            return Listing(Entries.of(known.entries), known.folders)
        entries, folders = EntryWriter(), list[str]()
        total = max(1, self.path.stat().st_size)
        with self._members() as (file, archive):
            for member in archive:
                if is_file(self.path, member, folders):
                    entries.add(*entry_of(member))
                _check_expansion(member, len(entries) + len(folders), total)
                archive.members = []  # type: ignore[attr-defined]
                if progress is not None and len(entries) % _PROGRESS_EVERY == 1:
                    progress("Listing the compressed archive (MiB)", file.tell() >> 20, total >> 20)
        found = make_listing(self.path, entries.finish()[0], folders)
        with contextlib.suppress(SkipwiseError, UnicodeError):  # without a cache it is listed again each time
            keep(path, msgspec.msgpack.encode(_Kept(tuple(found.entries), found.folders)))
        return found

    def stream(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | UnreadableImage]]:
        wanted = set(names)
        with self._members() as (_, archive):
            for member in archive:
                name = normalised(member.name)
                if name in wanted:
                    wanted.discard(name)
                    yield name, _extracted(archive, member)
                archive.members = []  # type: ignore[attr-defined]
                if not wanted:
                    return
        for name in sorted(wanted):
            yield name, UnreadableImage("it is no longer in the archive")

    @contextlib.contextmanager
    def _members(self) -> Iterator[tuple[BinaryIO, tarfile.TarFile]]:
        """The compressed file, and the archive in it."""
        with (
            explained(self.path),
            open_regular(self.path) as file,
            unpacked(file) as content,
            tarfile.open(fileobj=content, mode="r|", tarinfo=CheckedHeader) as archive,
        ):
            yield file, archive

    def _cached_listing(self) -> Path:
        status = self.path.stat()
        described = f"{self.path.absolute()} {status.st_size} {status.st_mtime_ns} {status.st_ino}"
        return cache_folder() / "listings" / f"{hashlib.sha256(os.fsencode(described)).hexdigest()[:32]}.msgpack"


@dataclass(frozen=True)
class TarShards:
    """A folder of uncompressed .tar files: the shards of a webdataset. Files are named `shard.tar/name`."""

    path: Path
    kind: ClassVar[str] = "tars"

    def stamp(self) -> tuple[int, ...]:
        return file_stamp(*(tar.path for tar in self._shards.values()))

    @cached_property
    def _shards(self) -> dict[str, Tar]:
        return {
            file.relative_to(self.path).as_posix(): Tar(file)
            for file in sorted(self.path.rglob("*.tar"))
            if file.is_file()
        }

    def listing(self, progress: Progress | None = None) -> Listing:
        entries = EntryWriter()
        for number, (shard, tar) in enumerate(self._shards.items()):
            if progress is not None:
                progress("Listing the shards", number, len(self._shards))
            stamp = tar.path.stat().st_mtime_ns
            for entry in tar.listing().entries:
                entries.add(f"{shard}/{entry.name}", entry.size, stamp)
        return make_listing(self.path, entries.finish()[0], self._shards)

    def address(self, name: str) -> str:
        shard = next(each for each in self._candidates(name) if each in self._shards)
        return f"{shard}\0{self._shards[shard].address(name[len(shard) + 1 :])}"

    @staticmethod
    def _candidates(name: str) -> Iterator[str]:
        end = name.find(".tar/")
        while end >= 0:
            yield name[: end + 4]
            end = name.find(".tar/", end + 1)

    @contextlib.contextmanager
    def reader(self) -> Iterator[Reader]:
        with explained(self.path), contextlib.ExitStack() as stack:
            opened: dict[str, Reader] = {}

            def read(address: str) -> bytes:
                shard, _, place = address.partition("\0")
                if shard not in opened:
                    if len(opened) > 64:  # the number of open files is limited
                        stack.close()
                        opened.clear()
                    opened[shard] = stack.enter_context(Tar(self.path / shard).reader())
                return opened[shard](place)

            yield read

    def stream(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | UnreadableImage]]:
        return one_by_one(self, names)


def _check_expansion(member: tarfile.TarInfo, files: int, packed: int) -> None:
    """Raises ReadError if an archive expands so much that it was probably made to fill the memory."""
    if member.offset_data + member.size > _FREE_BYTES + _RATIO * packed:
        raise tarfile.ReadError(f"{packed:,} bytes that expand to more than {_FREE_BYTES + _RATIO * packed:,}")
    if files > _FREE_FILES + packed // _LEAST_BYTES:
        raise tarfile.ReadError(f"more than {_FREE_FILES + packed // _LEAST_BYTES:,} files in {packed:,} bytes")


def _part_of(file: object, address: str) -> bytes:
    offset, size = map(int, address.split(":"))
    check_size(size, LARGEST_FILE)  # nothing is compressed here
    file.seek(offset)  # type: ignore[attr-defined]
    data: bytes = file.read(size)  # type: ignore[attr-defined]
    if len(data) != size:
        raise UnreadableImage("the archive is cut off before its end")
    return data


def _extracted(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes | UnreadableImage:
    try:
        file = archive.extractfile(member) if member.isreg() else None
        if file is None:
            return UnreadableImage("it is not a file")
        check_size(member.size, largest(member.name))
        found = io.BytesIO()  # it grows in place
        while part := file.read(_PART):
            found.write(part)
        return found.getvalue()
    except UnreadableImage as error:
        return error
