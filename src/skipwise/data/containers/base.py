"""What every container of files has in common: names, protocols, and the checks of what an archive names.

What an archive names is never opened as a path, so a hostile archive can reach nothing; it is refused all the same,
since whoever made it did not mean it as a data set.
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
from typing import NamedTuple, Protocol, runtime_checkable

from skipwise.core.errors import SkipwiseError, reason_of
from skipwise.core.text import shortened
from skipwise.data.image.decode import UnreadableImage
from skipwise.data.image.formats import is_picture
from skipwise.data.names import printable, suffix

LARGEST_FILE = 512 * 2**20
"""A larger file is no image that anybody wants decoded; it would have to be held in memory."""

LARGEST_PACKED = 2**27
"""Bytes of an image in an archive, where it can be packed to next to nothing; unpacked, it is there twice."""

DEEPEST, LONGEST_NAME = 100, 4096
"""Folders in folders, and characters of a name with all of its folders: what no data set has, and few disks allow."""

_DAMAGES = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,  # raised by zipfile for unknown methods of compression
    ValueError,  # names that are no UTF-8, numbers that are no offsets
    OverflowError,
    RecursionError,  # tarfile reads names that are announced by names in a call within a call
    MemoryError,  # and takes the sizes that headers claim
)


class Entry(NamedTuple):
    """A file: its name relative to the container with `/` between folders, its size in bytes, and a `stamp` that
    changes when the file is written again."""

    name: str
    size: int
    stamp: int


@dataclass(frozen=True)
class Listing:
    """What a container holds, by name. `folders` are those seen, empty ones among them; in a folder on disk clutter is
    passed over. `special` are those of the entries that are no files on a disk: pipes, devices, and links to such."""

    entries: tuple[Entry, ...]
    folders: tuple[str, ...]
    special: tuple[str, ...] = ()


Reader = Callable[[str], bytes]
"""A file's bytes by its address. Raises UnreadableImage."""
Progress = Callable[[str, int, int], None]
"""Called as progress(what, done, total)."""


class Container(Protocol):
    """Where files are read from."""

    @property
    def path(self) -> Path: ...

    def stamp(self) -> tuple[int, ...]:
        """Changes when the container does; () for a folder, whose files are watched one by one."""

    def listing(self, progress: Progress | None = None) -> Listing:
        """Every file's name. Raises SkipwiseError: damaged, hostile, or not allowed to be read."""

    def stream(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | UnreadableImage]]:
        """The named files' bytes, or what is wrong with them, in whatever order is quick."""


@runtime_checkable
class Shareable(Container, Protocol):
    """A container of which several processes can read different files at once.

    `kind` is its name in the table of `skipwise.data.containers`, by which another process opens it again.
    """

    @property
    def kind(self) -> str: ...

    def address(self, name: str) -> str:
        """Where a file's bytes are: all that another process needs to read it without searching the container."""

    def reader(self) -> AbstractContextManager[Reader]:
        """Reads files in any order, by their addresses."""


def file_stamp(*paths: Path) -> tuple[int, ...]:
    """Changes when one of some files does. Raises SkipwiseError where one is not there."""
    found: list[int] = []
    for path in paths:
        with explained(path):
            status = path.stat()
            found += [status.st_size, status.st_mtime_ns, status.st_ino]
    return tuple(found)


def one_by_one(container: Shareable, names: Iterable[str]) -> Iterator[tuple[str, bytes | UnreadableImage]]:
    """The `stream` of a container that can read any file at once."""
    with container.reader() as read:
        for name in names:
            try:
                yield name, read(container.address(name))
            except UnreadableImage as error:
                yield name, error


def listed(path: Path, entries: list[Entry], folders: Iterable[str]) -> Listing:
    """The listing of what was found, in order.

    Raises:
        SkipwiseError: two files have one name, or names are longer or deeper than any data set's.
    """
    entries.sort()
    for name in itertools.chain((entry.name for entry in entries), folders):
        check_depth(path, name)
    for one, other in itertools.pairwise(entries):
        if one.name == other.name:
            raise SkipwiseError(
                f"{path} holds two files called {printable(one.name)!r}; make it again with one of them."
            )
    return Listing(tuple(entries), tuple(sorted(set(folders))))


def check_depth(path: Path, name: str) -> None:
    """Raises SkipwiseError for a name that nothing but a damaged or hostile archive, or a loop of folders, has."""
    if name.count("/") > DEEPEST or len(name) > LONGEST_NAME:
        raise SkipwiseError(
            f"{path} holds {shortened(printable(name))!r}, a name of {len(name):,} characters with {name.count('/')} "
            f"folders; at most {LONGEST_NAME:,} and {DEEPEST} are read, so make it again without that."
        )


def plain(name: str) -> str:
    """A name in an archive with `/` between folders; Windows' tools write backslashes."""
    name = name.replace("\\", "/")
    while name.startswith("./"):
        name = name[2:]
    return name.rstrip("/")


def largest(name: str) -> int:
    """How many bytes are read of a file in an archive: less of pictures than of tables."""
    return LARGEST_PACKED if is_picture(suffix(name)) else LARGEST_FILE


def check_size(size: int, most: int = LARGEST_PACKED) -> None:
    """Raises UnreadableImage for a file in an archive that is too large to be what it should be."""
    if size > most:
        raise UnreadableImage(f"a file of {size / 2**20:,.0f} MiB; at most {most // 2**20} are read")


def check_entry(path: Path, name: str, *, is_link: bool) -> None:
    """Raises SkipwiseError for a name that points outside its archive, or a link."""
    if not plain(name):
        raise SkipwiseError(f"{path} holds a file without a name; make it again without that.")
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or name.startswith(("/", "\\")) or (len(name) > 1 and name[1] == ":" and name[0].isalpha()):
        raise SkipwiseError(
            f"{path} holds {printable(name)!r}, a name that points outside the archive; make it again without that."
        )
    if is_link:
        raise SkipwiseError(
            f"{path} holds a link, {printable(name)!r}; make the archive with the files themselves (tar -h, zip)."
        )


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns what damaged archives raise into a sentence."""
    try:
        yield
    except _DAMAGES as error:
        raise SkipwiseError(
            f"{path} is cut off or no archive of its kind ({reason_of(error)}); fetch or make it again."
        ) from error
    except OSError as error:
        if error.errno is None:  # how bz2 and gzip say that bytes are damaged
            raise SkipwiseError(
                f"{path} is cut off or no archive of its kind ({reason_of(error)}); fetch or make it again."
            ) from error
        raise SkipwiseError(f"Can't read {path}: {reason_of(error)}.") from error
