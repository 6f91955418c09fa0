"""A folder on disk as a container of files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from skipwise.core.errors import SkipwiseError, reason_of
from skipwise.core.files.regular import is_regular, read_regular
from skipwise.core.reporting import Progress
from skipwise.data.containers.base import LARGEST_FILE, Entry, Listing, Reader, check_depth, make_listing, one_by_one
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
        entries: list[Entry] = []
        folders: list[str] = []
        special: list[str] = []
        seen: set[str] = set()
        waiting = [""]
        while waiting:
            prefix = waiting.pop()
            check_depth(self.path, prefix)
            where = os.path.join(self.path, prefix)  # noqa: PTH118 - a Path would be made for every folder
            real = os.path.realpath(where)
            if real in seen:  # a link back up
                continue
            seen.add(real)
            try:
                with os.scandir(where) as found:
                    for item in found:
                        is_folder = _is_folder(item)
                        if is_folder and is_clutter(item.name):
                            continue
                        if is_folder:
                            folders.append(prefix + item.name)
                            waiting.append(f"{prefix}{item.name}/")
                            continue
                        try:
                            status = item.stat()
                            entries.append(Entry(prefix + item.name, status.st_size, status.st_mtime_ns))
                            if not is_regular(status):
                                special.append(prefix + item.name)
                        except OSError:  # a broken link, which is reported when it is read
                            entries.append(Entry(prefix + item.name, 0, 0))
                        if progress is not None and len(entries) % _PROGRESS_EVERY == 0:
                            progress("Listing the files", len(entries), 0)
            except OSError as error:
                raise SkipwiseError(f"Can't read the folder {where}: {reason_of(error)}.") from error
        return replace(make_listing(self.path, entries, folders), special=tuple(special))

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


def _is_folder(item: os.DirEntry[str]) -> bool:
    """Returns whether it is a folder. A link to itself counts as a file, which is reported when it is read."""
    try:
        return item.is_dir()
    except OSError:
        return False
