"""Files that somebody else made, opened so that nothing is ever waited for.

A name may lead to a pipe into which nobody writes, to a device that never ends, or to a file of the kernel's, which
says that it is regular and empty and may still keep a reader for ever.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import os
import stat
from pathlib import Path

_FLAGS = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"))
_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def is_regular(status: os.stat_result) -> bool:
    """Whether something is a file on a disk."""
    return stat.S_ISREG(status.st_mode) and status.st_dev not in _kernels()


def open_regular(path: str | os.PathLike[str]) -> io.BufferedReader | io.BytesIO:
    """A regular file, or a link to one, to be read. One that says it is empty is taken at its word.

    Raises:
        OSError: there is none, it can't be read, or it is a folder, a pipe, a socket or a device.
    """
    found, size = _opened(path)
    if size == 0:
        os.close(found)
        return io.BytesIO()
    return os.fdopen(found, "rb")


def read_regular(path: str | os.PathLike[str], most: int) -> bytes:
    """All of a regular file, as far as it goes when it is opened.

    Args:
        most: bytes; a larger file is not read.

    Raises:
        OSError: as `open_regular`, or it is larger.
    """
    found, size = _opened(path)
    try:
        if size > most:
            raise OSError(errno.EFBIG, f"a file of {size / 2**20:,.0f} MiB; at most {most // 2**20:,} are read")
        parts = []
        while size and (part := os.read(found, size)):
            parts.append(part)
            size -= len(part)
    finally:
        os.close(found)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _opened(path: str | os.PathLike[str]) -> tuple[int, int]:
    """The file's descriptor and its size."""
    _check(Path(path).stat())  # before it is opened, since opening a device may already do something
    found = os.open(path, _FLAGS)
    try:
        status = os.fstat(found)
        _check(status)
    except OSError:
        os.close(found)
        raise
    return found, status.st_size


def _check(status: os.stat_result) -> None:
    if is_regular(status):
        return
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder, not a file")
    kind = next((name for test, name in _KINDS if test(status.st_mode)), "something of the kernel's")
    raise OSError(errno.EINVAL, f"it is {kind}, not a file")


@functools.cache
def _kernels() -> frozenset[int]:
    """The devices of file systems in which nothing is a file, whatever it says."""
    found = set()
    for name in ("/proc", "/sys"):
        with contextlib.suppress(OSError):
            found.add(Path(name).stat().st_dev)
    return frozenset(found - {Path("/").stat().st_dev})
