"""Files by name in a folder, a .zip or a .tar, read without unpacking anything to disk.

What an archive names is never opened as a path, so a hostile archive can reach nothing; it is refused all the same,
since whoever made it did not mean it as a data set.
"""

from __future__ import annotations

import contextlib
import itertools
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol, runtime_checkable

from skipwise.data.decode import UnreadableImage
from skipwise.errors import SkipwiseError

LARGEST_FILE = 512 * 2**20
"""A larger file is no image that anybody wants decoded; it would have to be held in memory."""
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")

CLUTTER = {"__MACOSX", "@eaDir", "lost+found", "Thumbs.db", "desktop.ini"}
"""What operating systems and storage boxes leave behind."""

_DAMAGES = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    ValueError,  # names that are no UTF-8, numbers that are no offsets
    OverflowError,
)


@dataclass(frozen=True)
class Entry:
    """A file: its name relative to the container with `/` between folders, its size in bytes, and a `stamp` that
    changes when the file is written again."""

    name: str
    size: int
    stamp: int


@dataclass(frozen=True)
class Listing:
    """What a container holds, by name. `folders` are those seen, empty ones among them; in a folder on disk hidden ones
    and CLUTTER are passed over."""

    entries: tuple[Entry, ...]
    folders: tuple[str, ...]


Reader = Callable[[str], bytes]
"""A file's bytes by its address. Raises UnreadableImage."""


class Container(Protocol):
    """Where files are read from."""

    @property
    def path(self) -> Path: ...

    def listing(self) -> Listing:
        """Every file's name. Raises SkipwiseError: damaged, hostile, or not allowed to be read."""

    def stream(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | UnreadableImage]]:
        """The named files' bytes, or what is wrong with them, in whatever order is quick."""


@runtime_checkable
class Shareable(Container, Protocol):
    """A container of which several processes can read different files at once."""

    def address(self, name: str) -> str:
        """Where a file's bytes are: all that another process needs to read it without searching the container."""

    def reader(self) -> AbstractContextManager[Reader]:
        """Reads files in any order, by their addresses."""


def open_container(path: Path) -> Container:
    """The container at a path that exists.

    Raises:
        SkipwiseError: a file that is no archive of a kind that is read.
    """
    if path.is_dir():
        return Folder(path)
    name = path.name.lower()
    if name.endswith(".zip"):
        return Zip(path)
    if name.endswith(ARCHIVES):
        return Tar(path)
    raise SkipwiseError(
        f"{path} is a file of an unknown kind; give a folder with one sub-folder of images per class, an archive of "
        f"one ({', '.join(ARCHIVES)}), or a .csv with the columns path and label."
    )


@dataclass(frozen=True)
class Folder:
    """A folder on disk. Links are followed; what can't be read says so when it is read."""

    path: Path

    def address(self, name: str) -> str:
        return name

    def listing(self) -> Listing:
        def fail(error: OSError) -> None:
            raise SkipwiseError(f"Can't read the folder {error.filename}: {error.strerror}.") from error

        entries: list[Entry] = []
        below: list[str] = []
        seen: set[str] = set()
        for where, folders, names in os.walk(self.path, onerror=fail, followlinks=True):
            real = os.path.realpath(where)
            if real in seen:  # a link back up
                folders.clear()
                continue
            seen.add(real)
            prefix = Path(where).relative_to(self.path).as_posix() + "/"
            prefix = "" if prefix == "./" else prefix
            folders[:] = [name for name in folders if name not in CLUTTER and not name.startswith(".")]
            below += [prefix + name for name in folders]
            for name in names:
                try:
                    status = os.stat(os.path.join(where, name))  # noqa: PTH116, PTH118 - called for every image
                    entries.append(Entry(prefix + name, status.st_size, status.st_mtime_ns))
                except OSError:  # a broken link; reading it will say so
                    entries.append(Entry(prefix + name, 0, 0))
        return _listing(self.path, entries, below)

    @contextlib.contextmanager
    def reader(self) -> Iterator[Reader]:
        yield self._bytes

    def stream(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | UnreadableImage]]:
        return _one_by_one(self, names)

    def _bytes(self, name: str) -> bytes:
        path = self.path / name
        try:
            # A pipe or a device under an image's name would be waited for, or read, for ever.
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise UnreadableImage("it is not a file")
            _check_size(status.st_size)
            return path.read_bytes()
        except OSError as error:
            raise UnreadableImage(str(error.strerror or error).lower()) from error


@dataclass(frozen=True)
class Zip:
    """A .zip archive."""

    path: Path

    @cached_property
    def _archive(self) -> zipfile.ZipFile:
        """Kept open: its directory of, say, 60,000 entries takes a third of a second to read."""
        return zipfile.ZipFile(self.path)

    @cached_property
    def _infos(self) -> dict[str, zipfile.ZipInfo]:
        return {_plain(info.filename): info for info in self._archive.infolist()}

    def listing(self) -> Listing:
        entries, folders = [], []
        with _explained(self.path):
            for info in self._archive.infolist():
                if info.is_dir():
                    folders.append(_plain(info.filename))
                    continue
                _check_entry(self.path, info.filename, is_link=stat.S_ISLNK(info.external_attr >> 16))
                entries.append(Entry(_plain(info.filename), info.file_size, info.CRC))
        return _listing(self.path, entries, folders)

    def address(self, name: str) -> str:
        info = self._infos[name]
        numbers = (info.header_offset, info.compress_size, info.file_size, info.CRC, info.compress_type, info.flag_bits)
        return ":".join(map(str, numbers))

    @contextlib.contextmanager
    def reader(self) -> Iterator[Reader]:
        """Own code where zipfile could do it, since it reads the whole directory first and is three times slower."""
        with _explained(self.path), self.path.open("rb") as file:

            def read(address: str) -> bytes:
                offset, packed, size, crc, method, flags = map(int, address.split(":"))
                _check_size(max(size, packed))
                if flags & 1:
                    raise UnreadableImage("it is encrypted")
                if method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise UnreadableImage("it is packed by a method other than deflate; make the archive again")
                try:
                    file.seek(offset)
                    header = file.read(30)
                    # The names there may be longer than in the directory.
                    file.seek(int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), 1)
                    data = file.read(packed)
                    if method == zipfile.ZIP_DEFLATED:
                        data = zlib.decompressobj(-15).decompress(data, size + 1)  # never more, whatever it claims
                except (OSError, zlib.error, ValueError, OverflowError) as error:
                    raise UnreadableImage(f"it is damaged in the archive: {error}") from error
                if len(data) != size or zlib.crc32(data) != crc or header[:4] != b"PK\3\4":
                    raise UnreadableImage("it is damaged in the archive")
                return data

            yield read

    def stream(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | UnreadableImage]]:
        return _one_by_one(self, names)


@dataclass(frozen=True)
class Tar:
    """A .tar archive, compressed or not: it has no index, so one process reads it from its beginning on."""

    path: Path

    def listing(self) -> Listing:
        entries, folders = [], []
        with _explained(self.path), tarfile.open(self.path) as archive:
            for member in archive:
                if member.isdir():
                    folders.append(_plain(member.name))
                    continue
                _check_entry(self.path, member.name, is_link=member.issym() or member.islnk())
                entries.append(Entry(_plain(member.name), member.size, int(member.mtime)))
        if _is_plain(self.path):  # a compressed one that is cut off does not decompress
            with self.path.open("rb") as file:
                file.seek(archive.offset)
                if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                    raise SkipwiseError(f"{self.path} is cut off: its end mark is missing; fetch or make it again.")
        return _listing(self.path, entries, folders)

    def stream(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | UnreadableImage]]:
        wanted = set(names)
        with _explained(self.path), tarfile.open(self.path) as archive:
            for member in archive:
                name = _plain(member.name)
                if name in wanted:
                    wanted.discard(name)
                    yield name, self._bytes(archive, member)
                if not wanted:
                    return
        for name in sorted(wanted):
            yield name, UnreadableImage("it is no longer in the archive")

    def _bytes(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes | UnreadableImage:
        try:
            file = archive.extractfile(member) if member.isreg() else None
            if file is None:
                return UnreadableImage("it is not a file")
            _check_size(member.size)
            return file.read()
        except UnreadableImage as error:
            return error


def _one_by_one(container: Shareable, names: Iterable[str]) -> Iterator[tuple[str, bytes | UnreadableImage]]:
    with container.reader() as read:
        for name in names:
            try:
                yield name, read(container.address(name))
            except UnreadableImage as error:
                yield name, error


def _is_plain(path: Path) -> bool:
    """Whether a tar archive is not compressed, whatever its name says."""
    with path.open("rb") as file:
        start = file.read(6)
    return not start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ"))


def _listing(path: Path, entries: list[Entry], folders: list[str]) -> Listing:
    entries.sort(key=lambda entry: entry.name)
    for one, other in itertools.pairwise(entries):
        if one.name == other.name:
            raise SkipwiseError(f"{path} holds two files called {one.name!r}; make it again with one of them.")
    return Listing(tuple(entries), tuple(sorted(folders)))


def _plain(name: str) -> str:
    return name.removeprefix("./").rstrip("/")


def _check_size(size: int) -> None:
    if size > LARGEST_FILE:
        raise UnreadableImage(f"a file of {size / 2**20:,.0f} MiB; at most {LARGEST_FILE // 2**20} are read")


def _check_entry(path: Path, name: str, *, is_link: bool) -> None:
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or name.startswith(("/", "\\")) or (len(name) > 1 and name[1] == ":"):
        raise SkipwiseError(
            f"{path} holds {name!r}, a name that points outside the archive; make it again without that."
        )
    if is_link:
        raise SkipwiseError(f"{path} holds a link, {name!r}; make the archive with the files themselves (tar -h, zip).")


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGES as error:
        raise SkipwiseError(
            f"{path} is cut off or no archive of its kind ({error}); fetch or make it again."
        ) from error
    except OSError as error:
        raise SkipwiseError(f"Can't read {path}: {error.strerror or error}.") from error
