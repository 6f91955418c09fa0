"""Files of the cache: each is checked when it is read, and one that is wrong in any way is as good as none.

Somebody may delete the cache, or a part of it, at any moment, and disks lose and change what was written. So a file
here ends in a hash of what is in it, whoever reads it can make it again, and nothing that lies in its way, a folder
perhaps, keeps it from being made.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import stat
import zlib
from pathlib import Path

from skipwise.core.files.atomic import atomic
from skipwise.core.files.cache_folder import cache_folder
from skipwise.core.files.folders import despite_deletion, make_folder

MEND = "name a folder with room for decoded images in SKIPWISE_CACHE"
DIGEST_BYTES = 32
FORM = b"1 "
"""To be another wherever what is in the files is: so no version takes those of another for its own."""


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


def keep_sums(folder: Path) -> None:
    """Keeps what `is_sound` needs, beside a folder of the cache whose files are not written by `keep`."""
    keep(_sums_of(folder), json.dumps({name: [*_stamp(path), _sum(path)] for name, path in _files(folder)}).encode())


def is_sound(folder: Path, *, read: bool) -> bool:
    """Whether a folder has the files that it had, with the same bytes. Not if `keep_sums` was never told of it.

    Args:
        read: whether all of them are read; else only those whose size or time is another.
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
    """A hash of a file's name and content. With its name, since another file of the cache in its place is wrong too."""
    name = os.fsencode("/".join(path.parts[-2:]))
    return hashlib.sha256(FORM + name + b"\0" + data).digest()


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
