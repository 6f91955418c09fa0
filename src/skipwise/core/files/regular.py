"""Files that somebody else made or put in our way, opened so that nothing is ever waited for or written elsewhere.

A name may lead to a pipe into which nobody writes, to a device that never ends, or to a file of the kernel's, which
says that it is regular and empty and may still keep a reader for ever. Where Skipwise writes, somebody may have put a
link that leads out of the folder.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import os
import stat
from pathlib import Path

_FLAGS = sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"))
_HERE = getattr(os, "O_NOFOLLOW", 0)
APPENDING = os.O_WRONLY | os.O_APPEND | os.O_CREAT
"""The flags of a file that is added to, made where there is none."""
_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def is_regular(status: os.stat_result) -> bool:
    """Returns whether something is a file on a disk."""
    return stat.S_ISREG(status.st_mode) and status.st_dev not in _kernels()


def open_regular(path: str | os.PathLike[str]) -> io.BufferedReader:
    """A regular file, or a link to one, to be read. One that says it is empty is taken at its word.

    Raises:
        OSError: there is none, it can't be read, or it is a folder, a pipe, a socket or a device.
    """
    found, size = _opened(path)
    if size == 0:
        os.close(found)
        return io.BufferedReader(io.BytesIO())
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


def open_own(path: Path, flags: int) -> int:
    """A descriptor of a file whose name only Skipwise uses, and never of what somebody put there instead.

    Args:
        flags: as of `os.open`. O_TRUNC is not among them, since it would empty a file before it is looked at.

    Raises:
        OSError: it can't be opened, or is a link, a pipe, a folder, ...
    """
    if not flags & os.O_EXCL:  # which opens nothing that is there
        with contextlib.suppress(FileNotFoundError):
            _check_own(path, path.lstat())  # before it is opened, since opening a device may already do something
    found = os.open(path, flags | _FLAGS | _HERE, 0o666)
    try:
        _check_own(path, os.fstat(found))
    except OSError:
        os.close(found)
        raise
    return found


def _opened(path: str | os.PathLike[str]) -> tuple[int, int]:
    """The file's descriptor and its size."""
    _check(Path(path).stat())  # before it is opened, since opening a device may already do something
    found = os.open(path, os.O_RDONLY | _FLAGS)
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


def _check_own(path: Path, status: os.stat_result) -> None:
    if is_regular(status):
        return
    kinds = (*_KINDS, (stat.S_ISLNK, "a link"), (stat.S_ISDIR, "a folder"))
    kind = next((name for test, name in kinds if test(status.st_mode)), "something of the kernel's")
    raise OSError(errno.EINVAL, f"{path} is in the way, {kind} that Skipwise did not make; remove it")


@functools.cache
def _kernels() -> frozenset[int]:
    """The devices of file systems in which nothing is a file, whatever it says."""
    found = set()
    for name in ("/proc", "/sys"):
        with contextlib.suppress(OSError):
            found.add(Path(name).stat().st_dev)
    return frozenset(found - {Path("/").stat().st_dev})
