"""Tar archives as containers of files: one, compressed or not, or the many of a folder of shards."""

from __future__ import annotations

import contextlib
import hashlib
import io
import math
import os
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Self

import msgspec

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.cache_folder import cache_folder
from skipwise.core.files.regular import open_regular
from skipwise.data.cache.files import keep, kept
from skipwise.data.containers.base import (
    LARGEST_FILE,
    Entry,
    Listing,
    Progress,
    Reader,
    check_depth,
    check_entry,
    check_size,
    explained,
    file_stamp,
    largest,
    listed,
    one_by_one,
    plain,
)
from skipwise.data.containers.unpacked import unpacked
from skipwise.data.image.decode import UnreadableImage

_SAID_EVERY = 512
_PART = 2**20
_SPARSE = "a file with holes; make it without --sparse"
_LONGEST_HEADER = 2**16
"""Bytes of the headers that come before a file to say more of it."""
_LARGEST_MEMBER = 2**36
"""Whatever a header claims would be gone through in search of the next one."""
_HEEDED = (b"path", b"linkpath", b"size", b"mtime")
"""What of a file is said in records that come before it, where its header has no room for it."""
_FREE_BYTES, _RATIO, _FREE_FILES, _LEAST_BYTES = 2**31, 200, 100_000, 32
"""How much a compressed archive may hold in any case, and how many times its own size beyond; how many files it may
hold in any case, and how few bytes it has for each of those beyond."""


class _Header(tarfile.TarInfo):
    """A header that is sound. tarfile takes a broken one for the end, and reads as much of a name as it is told to."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"a header is broken or missing: {error}") from error
        told = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, b"X")
        if header.type in told and not 0 <= header.size <= _LONGEST_HEADER:
            raise tarfile.ReadError(f"a header of {header.size:,} bytes")
        return header

    def _proc_pax(self, archive: Any) -> tarfile.TarInfo:
        """As tarfile does it, whose search for records takes hours for some before Python 3.11.10; other records than
        _HEEDED would only be kept."""
        records = _records(archive.fileobj.read(self._block(self.size))[: self.size])  # type: ignore[attr-defined]
        if self.type == tarfile.XGLTYPE:
            archive.pax_headers.update(records)
        found: Any = self.fromtarfile(archive)
        if self.type != tarfile.XGLTYPE:
            found._apply_pax_info({**archive.pax_headers, **records}, archive.encoding, archive.errors)
            found.offset = self.offset
            if "size" in records:
                archive.offset = found.offset_data + (found._block(found.size) if found.isreg() else 0)
        return found

    def _sparse(self, *_: object) -> tarfile.TarInfo:
        raise tarfile.ReadError(_SPARSE)

    _proc_sparse = _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _sparse


def _records(data: bytes) -> dict[str, str]:
    """The records of a pax header: the length of each, a blank, its name, "=", its value and a line's end."""
    found = {}
    position = 0
    while position < len(data) and data[position]:
        length, blank, _ = data[position : position + 20].partition(b" ")
        end = position + int(length) if blank and length.isdigit() else 0
        name, equals, value = data[position + len(length) + 1 : max(end - 1, 0)].partition(b"=")
        if not equals or end > len(data) or data[end - 1 : end] != b"\n":
            raise tarfile.ReadError("a damaged record")
        if name.startswith(b"GNU.sparse."):
            raise tarfile.ReadError(_SPARSE)
        if name in _HEEDED:
            found[name.decode()] = value.decode("utf-8", "surrogateescape")
        position = end
    return found


@dataclass(frozen=True)
class Tar:
    """A plain .tar archive: it has no index, but once its headers were read any file can be read at once."""

    path: Path
    kind: ClassVar[str] = "tar"

    def stamp(self) -> tuple[int, ...]:
        return file_stamp(self.path)

    @cached_property
    def _members(self) -> tuple[dict[str, tuple[int, int]], Listing]:
        places: dict[str, tuple[int, int]] = {}
        with (
            explained(self.path),
            open_regular(self.path) as file,
            tarfile.open(fileobj=file, mode="r:", tarinfo=_Header) as archive,
        ):
            entries: list[Entry] = []
            folders: list[str] = []
            for member in archive:
                if _is_file(self.path, member, folders):
                    entries.append(_entry(member))
                    places[entries[-1].name] = (member.offset_data, member.size)
                archive.members = []  # type: ignore[attr-defined] # it would keep every header for good
        return places, listed(self.path, entries, folders)

    def listing(self, progress: Progress | None = None) -> Listing:  # noqa: ARG002 - quick without
        return self._members[1]

    def address(self, name: str) -> str:
        offset, size = self._members[0][name]
        return f"{offset}:{size}"

    @contextlib.contextmanager
    def reader(self) -> Iterator[Reader]:
        with explained(self.path), open_regular(self.path) as file:
            yield lambda address: _part_of(file, address)

    def stream(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | UnreadableImage]]:
        return one_by_one(self, names)


@dataclass(frozen=True)
class CompressedTar:
    """A compressed .tar archive: one process reads it from its beginning on. Its listing is kept in the cache."""

    path: Path

    def stamp(self) -> tuple[int, ...]:
        return file_stamp(self.path)

    def listing(self, progress: Progress | None = None) -> Listing:
        path = self._kept()
        if (data := kept(path)) is not None:
            return msgspec.msgpack.decode(data, type=Listing)
        entries: list[Entry] = []
        folders: list[str] = []
        total = max(1, self.path.stat().st_size)
        with self._members() as (file, archive):
            for member in archive:
                if _is_file(self.path, member, folders):
                    entries.append(_entry(member))
                _check_expansion(member, len(entries) + len(folders), total)
                archive.members = []  # type: ignore[attr-defined]
                if progress is not None and len(entries) % _SAID_EVERY == 1:
                    progress("Listing the compressed archive (MiB)", file.tell() >> 20, total >> 20)
        found = listed(self.path, entries, folders)
        with contextlib.suppress(SkipwiseError, UnicodeError):  # without a cache it is listed anew each time
            keep(path, msgspec.msgpack.encode(found))
        return found

    def stream(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | UnreadableImage]]:
        wanted = set(names)
        with self._members() as (_, archive):
            for member in archive:
                name = plain(member.name)
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
        """The file itself, and what is in it."""
        with (
            explained(self.path),
            open_regular(self.path) as file,
            unpacked(file) as content,
            tarfile.open(fileobj=content, mode="r|", tarinfo=_Header) as archive,
        ):
            yield file, archive

    def _kept(self) -> Path:
        status = self.path.stat()
        described = f"{self.path.absolute()} {status.st_size} {status.st_mtime_ns} {status.st_ino}"
        return cache_folder() / "listings" / f"{hashlib.sha256(os.fsencode(described)).hexdigest()[:32]}.msgpack"


@dataclass(frozen=True)
class TarShards:
    """A folder of plain .tar files, one after the other: webdataset's shards. Files are called `shard.tar/name`."""

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
        entries = []
        for number, (shard, tar) in enumerate(self._shards.items()):
            if progress is not None:
                progress("Listing the shards", number, len(self._shards))
            stamp = tar.path.stat().st_mtime_ns
            entries += [Entry(f"{shard}/{entry.name}", entry.size, stamp) for entry in tar.listing().entries]
        return listed(self.path, entries, self._shards)

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
                    if len(opened) > 64:  # file descriptors are few
                        stack.close()
                        opened.clear()
                    opened[shard] = stack.enter_context(Tar(self.path / shard).reader())
                return opened[shard](place)

            yield read

    def stream(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | UnreadableImage]]:
        return one_by_one(self, names)


def _entry(member: tarfile.TarInfo) -> Entry:
    return Entry(plain(member.name), member.size, int(member.mtime) % 2**63 if math.isfinite(member.mtime) else 0)


def _is_file(path: Path, member: tarfile.TarInfo, folders: list[str]) -> bool:
    if not 0 <= member.size <= _LARGEST_MEMBER:
        raise tarfile.ReadError(f"a file of {member.size:,} bytes")
    if member.isdir():
        folders.append(plain(member.name))
        return False
    check_depth(path, member.name)
    check_entry(path, member.name, is_link=member.issym() or member.islnk())
    return True


def _check_expansion(member: tarfile.TarInfo, files: int, packed: int) -> None:
    """Raises ReadError for more than an archive of so many bytes holds that was not made to fill the memory."""
    if member.offset_data + member.size > _FREE_BYTES + _RATIO * packed:
        raise tarfile.ReadError(f"{packed:,} bytes that unpack to more than {_FREE_BYTES + _RATIO * packed:,}")
    if files > _FREE_FILES + packed // _LEAST_BYTES:
        raise tarfile.ReadError(f"more than {_FREE_FILES + packed // _LEAST_BYTES:,} files in {packed:,} bytes")


def _part_of(file: object, address: str) -> bytes:
    offset, size = map(int, address.split(":"))
    check_size(size, LARGEST_FILE)  # here nothing is packed
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
        found = io.BytesIO()  # which grows in place
        while part := file.read(_PART):
            found.write(part)
        return found.getvalue()
    except UnreadableImage as error:
        return error
