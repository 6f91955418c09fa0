"""Code that all containers of files share: names, protocols, and checks of the names in an archive.

A name in an archive is never opened as a path, so a hostile archive can reach nothing. It is refused all the same,
since it was not made as a data set.
"""

from __future__ import annotations

import contextlib
import itertools
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from skipwise.core.errors import SkipwiseError, reason_of
from skipwise.core.reporting import Progress
from skipwise.core.text import shortened
from skipwise.data.containers.entries import Entries
from skipwise.data.image.decode import UnreadableImage
from skipwise.data.image.formats import is_picture
from skipwise.data.names import printable, suffix

LARGEST_FILE = 512 * 2**20
"""Bytes of a file, at most. A file is read into memory, and no image that anybody wants to train on is larger."""

LARGEST_PACKED = 2**27
"""Bytes of an image in an archive, at most. Compressed, it can be tiny; unpacked, it is in memory twice."""

DEEPEST, LONGEST_NAME = 100, 4096
"""The most nested folders, and the most characters of a path. No data set has more, and few file systems allow it."""

_DAMAGES = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,  # raised by zipfile for unknown methods of compression
    ValueError,  # names that are not UTF-8, numbers that are not offsets
    OverflowError,
    RecursionError,  # tarfile reads chains of headers recursively
    MemoryError,  # tarfile believes the sizes that headers claim
)


@dataclass(frozen=True)
class Listing:
    """The contents of a container.

    Args:
        entries: the files, in the order of their names.
        folders: the folders, including empty ones, without clutter such as `.git`.
        special: names of those entries that are not regular files: pipes, devices, and links to them.
    """

    entries: Entries
    folders: tuple[str, ...]
    special: tuple[str, ...] = ()


Reader = Callable[[str], bytes]
"""Returns a file's bytes by its address. Raises UnreadableImage."""


class Container(Protocol):
    """A place that files are read from by name: a folder or an archive."""

    @property
    def path(self) -> Path: ...

    def stamp(self) -> tuple[int, ...]:
        """Numbers that change when the container does; () for a folder, whose files are checked one by one."""

    def listing(self, progress: Progress | None = None) -> Listing:
        """All files and folders. Raises SkipwiseError if the container is damaged, hostile or not readable."""

    def stream(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | UnreadableImage]]:
        """The named files' bytes, or why they cannot be read, in whatever order is fast."""


@runtime_checkable
class Shareable(Container, Protocol):
    """A container whose files several processes can read at the same time.

    Another process opens it again by its `kind`, which names it in the table of `skipwise.data.containers`.
    """

    @property
    def kind(self) -> str: ...

    def address(self, name: str) -> str:
        """Returns the address of a file's bytes, so that another process need not search the container."""

    def reader(self) -> AbstractContextManager[Reader]:
        """A context manager whose value reads files by their addresses, in any order."""


@runtime_checkable
class Fetching(Container, Protocol):
    """A container whose files one process fetches, many at a time and in any order, since each takes a while."""

    at_random: bool


def file_stamp(*paths: Path) -> tuple[int, ...]:
    """Numbers that change when one of the files does. Raises SkipwiseError if one does not exist."""
    found: list[int] = []
    for path in paths:
        with explained(path):
            status = path.stat()
            found += [status.st_size, status.st_mtime_ns, status.st_ino]
    return tuple(found)


def one_by_one(container: Shareable, names: Iterable[str]) -> Iterator[tuple[str, bytes | UnreadableImage]]:
    """The `stream` of a container that can read any file directly."""
    with container.reader() as read:
        for name in names:
            try:
                yield name, read(container.address(name))
            except UnreadableImage as error:
                yield name, error


def make_listing(path: Path, entries: Entries, folders: Iterable[str]) -> Listing:
    """The listing of a container's files and folders.

    Raises:
        SkipwiseError: two files have the same name, or a path is too long or too deep.
    """
    for name in itertools.chain(entries.names, folders):
        check_depth(path, name)
    for one, other in itertools.pairwise(entries.names):
        if one == other:
            raise SkipwiseError(f"{path} holds two files named {printable(one)!r}; create it again with one of them.")
    return Listing(entries, tuple(sorted(set(folders))))


def check_depth(path: Path | str, name: str) -> None:
    """Raises SkipwiseError for a path that only a damaged or hostile archive has, or a loop of folders."""
    if name.count("/") > DEEPEST or len(name) > LONGEST_NAME:
        raise SkipwiseError(
            f"{path} holds {shortened(printable(name))!r}, a path of {len(name):,} characters and {name.count('/')} "
            f"folders; at most {LONGEST_NAME:,} characters and {DEEPEST} folders are read, so create it again without "
            "it."
        )


def normalised(name: str) -> str:
    """A name in an archive with `/` between folders; tools on Windows write backslashes."""
    name = name.replace("\\", "/")
    while name.startswith("./"):
        name = name[2:]
    return name.rstrip("/")


def largest(name: str) -> int:
    """The most bytes that are read of a file in an archive: fewer of a picture than of a table."""
    return LARGEST_PACKED if is_picture(suffix(name)) else LARGEST_FILE


def check_size(size: int, most: int = LARGEST_PACKED) -> None:
    """Raises UnreadableImage for a file that is too large."""
    if size > most:
        raise UnreadableImage(f"the file has {size / 2**20:,.0f} MiB; at most {most // 2**20} MiB are read")


def check_entry(path: Path | str, name: str, *, is_link: bool) -> None:
    """Raises SkipwiseError for a name that points outside its archive, and for a link."""
    if not normalised(name):
        raise SkipwiseError(f"{path} holds a file without a name; create it again without that file.")
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or name.startswith(("/", "\\")) or (len(name) > 1 and name[1] == ":" and name[0].isalpha()):
        raise SkipwiseError(
            f"{path} holds {printable(name)!r}, a name that points outside the archive; create it again without that "
            "file."
        )
    if is_link:
        raise SkipwiseError(
            f"{path} holds a link, {printable(name)!r}; create the archive with the files themselves (tar -h, zip)."
        )


@contextlib.contextmanager
def explained(path: Path | str) -> Iterator[None]:
    """Turns the exceptions that damaged archives cause into a SkipwiseError."""
    try:
        yield
    except _DAMAGES as error:
        raise SkipwiseError(
            f"{path} is cut off, or not an archive of this kind ({reason_of(error)}); download or create it again."
        ) from error
    except OSError as error:
        if error.errno is None:  # bz2 and gzip raise it so for damaged bytes
            raise SkipwiseError(
                f"{path} is cut off, or not an archive of this kind ({reason_of(error)}); download or create it again."
            ) from error
        raise SkipwiseError(f"Can't read {path}: {reason_of(error)}.") from error
