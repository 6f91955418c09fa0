"""Files of the cache: each is checked when it is read, and one that is wrong in any way is as good as none.

Somebody may delete the cache, or a part of it, at any moment, and disks lose and change what was written. So a file
here ends in a hash of what is in it, whoever reads it can make it again, and nothing that lies in its way, a folder
perhaps, keeps it from being made.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from skipwise.errors import SkipwiseError
from skipwise.files import atomic, cache_folder, make_folder

_T = TypeVar("_T")

MEND = "name a folder with room for decoded images in SKIPWISE_CACHE"
DIGEST_BYTES = 32
_ATTEMPTS = 20


def keep(path: Path, data: bytes) -> None:
    """Writes a file of the cache, atomically, whatever is in its way.

    Raises:
        SkipwiseError: the disk is full, or nothing can be written there.
    """

    def write() -> None:
        make_way(path)
        with atomic(path, mend=MEND) as temporary:
            temporary.write_bytes(data + seal(path, data))

    despite_deletion(write)


def kept(path: Path) -> bytes | None:
    """What `keep` wrote there; None if nothing is there, or anything else than exactly that."""
    try:
        with os.fdopen(open_file(path), "rb") as file:
            content = file.read()
    except OSError:
        return None
    data = content[:-DIGEST_BYTES]
    return data if content[len(data) :] == seal(path, data) else None


def seal(path: Path, data: bytes) -> bytes:
    """A hash of a file's name and content. With its name, since another file of the cache in its place is wrong too."""
    name = os.fsencode("/".join(path.parts[-2:]))
    return hashlib.sha256(name + b"\0" + data).digest()


def open_file(path: Path) -> int:
    """A descriptor to read a file with.

    Raises:
        OSError: it can't be read, or is no file: a folder, or a pipe, at which a reader would wait for ever.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is not a file")
    return descriptor


def make_way(path: Path) -> None:
    """The folder of a file in the cache, and nothing that is no file in the file's own place.

    Raises:
        SkipwiseError: it can't be made or written in.
    """
    root = cache_folder()
    with contextlib.suppress(OSError):
        for folder in reversed(path.parents):
            if folder != root and folder.is_relative_to(root) and not folder.is_dir():
                folder.unlink(missing_ok=True)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif not path.is_file():
            path.unlink(missing_ok=True)
    despite_deletion(lambda: make_folder(path.parent, mend=MEND))


def despite_deletion(act: Callable[[], _T]) -> _T:
    """What `act` returns; it is tried again where somebody deletes the cache under its hands."""
    for _ in range(_ATTEMPTS):
        try:
            return act()
        except FileNotFoundError:
            continue
        except SkipwiseError as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
    return act()
