"""A folder on disk as a container of files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, NamedTuple

from skipwise.core.errors import SkipwiseError, reason_of
from skipwise.core.files.regular import is_regular, read_regular
from skipwise.core.reporting import Progress
from skipwise.data.containers.base import LARGEST_FILE, Listing, Reader, check_depth, make_listing, one_by_one
from skipwise.data.containers.entries import EntryWriter
from skipwise.data.image.decode import UnreadableImage
from skipwise.data.names import is_clutter

_PROGRESS_EVERY = 20_000
"""Files between two calls of progress."""


@dataclass(frozen=True)
class Folder:
    """A folder on disk. Links are followed. A file that cannot be read is reported when it is read."""

    path: Path
    kind: ClassVar[str] = "folder"

    def stamp(self) -> tuple[int, ...]:
        return ()

    def address(self, name: str) -> str:
        return name

    def listing(self, progress: Progress | None = None) -> Listing:
        entries, folders, special = EntryWriter(), list[str](), list[str]()
        seen: set[str] = set()
        # What is left, the next one last. A folder's own name ends in "/", so all names come in their order.
        left = [_Item("/", 0, 0, True)]
        while left:
            item = left.pop()
            if not item.name.endswith("/"):
                entries.add(item.name, item.size, item.stamp)
                if not item.is_regular:
                    special.append(item.name)
                if progress is not None and len(entries) % _PROGRESS_EVERY == 0:
                    progress("Listing the files", len(entries), 0)
                continue
            prefix = item.name.removeprefix("/")
            check_depth(self.path, prefix)
            where = os.path.join(self.path, prefix)  # noqa: PTH118 - a Path would be made for every folder
            real = os.path.realpath(where)
            if real in seen:  # a link back up
                continue
            seen.add(real)
            found = sorted(_items(where, prefix), reverse=True)
            folders += [each.name[:-1] for each in found if each.name.endswith("/")]
            left += found
        return replace(make_listing(self.path, entries.finish()[0], folders), special=tuple(special))

    @contextlib.contextmanager
    def reader(self) -> Iterator[Reader]:
        yield self._bytes

    def stream(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | UnreadableImage]]:
        return one_by_one(self, names)

    def _bytes(self, name: str) -> bytes:
        try:
            return read_regular(os.path.join(self.path, name), LARGEST_FILE)  # noqa: PTH118 - called for every image
        except OSError as error:
            raise UnreadableImage(reason_of(error).lower()) from error


class _Item(NamedTuple):
    """A file, or a folder, whose name ends in "/"."""

    name: str
    size: int
    stamp: int
    is_regular: bool


def _items(where: str, prefix: str) -> Iterator[_Item]:
    """What lies in a folder, without clutter."""
    try:
        with os.scandir(where) as found:
            for item in found:
                if _is_folder(item):
                    if not is_clutter(item.name):
                        yield _Item(f"{prefix}{item.name}/", 0, 0, True)
                    continue
                try:
                    status = item.stat()
                    yield _Item(prefix + item.name, status.st_size, status.st_mtime_ns, is_regular(status))
                except OSError:  # a broken link, which is reported when it is read
                    yield _Item(prefix + item.name, 0, 0, True)
    except OSError as error:
        raise SkipwiseError(f"Can't read the folder {where}: {reason_of(error)}.") from error


def _is_folder(item: os.DirEntry[str]) -> bool:
    """Returns whether it is a folder. A link to itself counts as a file, which is reported when it is read."""
    try:
        return item.is_dir()
    except OSError:
        return False
