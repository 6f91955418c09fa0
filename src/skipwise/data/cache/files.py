"""Files in the cache. Each is checked when it is read, and a damaged one counts as missing.

Somebody may delete the cache, or a part of it, at any moment, and disks lose and change data. So each file ends in a
hash of its content, and whoever reads it can create it again, even if a folder or something else is in its place.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import stat
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from skipwise.core.files.atomic import atomic
from skipwise.core.files.cache_folder import cache_folder
from skipwise.core.files.folders import despite_deletion, make_folder

MEND = "name a folder with room for decoded images in SKIPWISE_CACHE"
DIGEST_BYTES = 32
FORM = b"1 "
"""Version of the format of all files here. It changes with the format, so that no version reads files of another."""


def keep(path: Path, data: bytes) -> None:
    """Writes a file into the cache atomically, whatever is in its place.

    Raises:
        SkipwiseError: the disk is full, or the folder cannot be written.
    """

    def write() -> None:
        make_way(path)
        with atomic(path, mend=MEND) as temporary:
            temporary.write_bytes(data + seal(path, data))

    despite_deletion(write)


def kept(path: Path) -> bytes | None:
    """Reads what `keep` wrote; None if the file is missing or damaged."""
    try:
        with os.fdopen(open_file(path), "rb") as file:
            content = file.read()
    except OSError:
        return None
    data = content[:-DIGEST_BYTES]
    return data if content[len(data) :] == seal(path, data) else None


def keep_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Writes arrays into the cache as `keep` does, as a .npz file that is not compressed.

    Raises:
        SkipwiseError: the disk is full, or the folder cannot be written.
    """

    def write() -> None:
        make_way(path)
        with atomic(path, mend=MEND) as temporary, temporary.open("rb+") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
            file.seek(0)
            file.write(_sealed(path, file))

    despite_deletion(write)


def open_kept(path: Path) -> BinaryIO | None:
    """Opens what `keep` wrote, once all of it was checked; None if the file is missing or damaged.

    The last `DIGEST_BYTES` bytes are the hash.
    """
    with contextlib.suppress(OSError):
        file = os.fdopen(open_file(path), "rb")
        size = os.fstat(file.fileno()).st_size - DIGEST_BYTES
        if size >= 0 and _sealed(path, file, size) == file.read():
            return file
        file.close()
    return None


def keep_sums(folder: Path) -> None:
    """Writes checksums of a folder in the cache whose files are not written by `keep`, for `is_sound`."""
    keep(_sums_of(folder), json.dumps({name: [*_stamp(path), _sum(path)] for name, path in _files(folder)}).encode())


def is_sound(folder: Path, *, read: bool) -> bool:
    """Returns whether a folder has exactly the files that it had when `keep_sums` was called; False if it never was.

    Args:
        folder: the folder.
        read: whether all files are read; otherwise only those whose size or time has changed.
    """
    data = kept(_sums_of(folder))
    if data is None:
        return False
    with contextlib.suppress(OSError):
        known, files = json.loads(data), _files(folder)
        return len(known) == len(files) and all(
            name in known and ((known[name][:2] == _stamp(path) and not read) or known[name][2] == _sum(path))
            for name, path in files
        )
    return False


def seal(path: Path, data: bytes) -> bytes:
    """A hash of a file's name and content. The name is included, so that another file in its place is detected."""
    return hashlib.sha256(_before(path) + data).digest()


def _before(path: Path) -> bytes:
    return FORM + os.fsencode("/".join(path.parts[-2:])) + b"\0"


def _sealed(path: Path, file: BinaryIO, size: int | None = None) -> bytes:
    """The same of the first `size` bytes of a file that is open at its beginning; None: of all."""
    found = hashlib.sha256(_before(path))
    left = size
    while part := file.read(2**20 if left is None else min(left, 2**20)):
        found.update(part)
        left = None if left is None else left - len(part)
    return found.digest()


def open_file(path: Path) -> int:
    """Opens a file for reading, and returns its descriptor.

    Raises:
        OSError: it cannot be read, or is not a regular file. Reading a pipe would block forever.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is not a file")
    return descriptor


def make_way(path: Path) -> None:
    """Creates the folder of a file in the cache, and removes anything that is not a file from the file's place.

    Raises:
        SkipwiseError: the folder cannot be created or written.
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


def _sums_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.sums")


def _files(folder: Path) -> list[tuple[str, Path]]:
    return [(path.relative_to(folder).as_posix(), path) for path in sorted(folder.rglob("*")) if not path.is_dir()]


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _sum(path: Path) -> int:
    found = 0
    with os.fdopen(open_file(path), "rb") as file:
        while piece := file.read(2**20):
            found = zlib.crc32(piece, found)
    return found
