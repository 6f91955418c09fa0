"""One process at a time: in a folder, or writing a file.

A lock belongs to a process and goes with it however it ends, so that a kill leaves nothing to be cleared.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from skipwise.core.errors import Busy
from skipwise.core.files.folders import LOCK
from skipwise.core.files.os_errors import ELSEWHERE, explained
from skipwise.core.files.regular import APPENDING, open_own

WAIT = 0.1
"""Seconds until a lock that another process holds is tried again."""


@contextlib.contextmanager
def locked(folder: Path, *, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Locks `folder` for this process.

    Args:
        waiting: called again and again while another process holds it; None raises at once.

    Raises:
        Busy: another process holds it.
        SkipwiseError: no lock can be made in it.
    """
    path = folder / LOCK
    while True:
        # Opened by us first: that makes the file, and refuses a link or a pipe that somebody put there.
        with explained(folder):
            opened = os.fdopen(open_own(path, APPENDING), "ab")
        with opened, contextlib.ExitStack() as stack:
            is_free = _try(stack, folder)
            # Whoever had the lock may have removed its file, or the whole folder, and another process may have made it
            # again: then this is not the file that others lock now.
            if not is_at(opened, path):
                continue
            if is_free:
                held = stack.pop_all()
                break
        if waiting is None:
            raise Busy(f"Another Skipwise is working in {folder}; wait for it, or {ELSEWHERE}.")
        waiting()
        time.sleep(WAIT)
    with held:
        yield


def holder(folder: Path) -> int | None:
    """The number of the process of this machine that holds the lock of a folder; None where none is known to.

    The lock is not touched, so that nobody who wants it is disturbed. Only Linux lists its locks, and for some file
    systems not under the number by which a file is known there: that a lock is held is certain, that it is not is not.
    """
    try:
        status = (folder / LOCK).lstat()
        lines = Path("/proc/locks").read_text().splitlines()
    except (OSError, ValueError):
        return None
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    for line in lines:
        words = line.split()
        if "->" not in words and place in words and words[words.index(place) - 1].lstrip("-").isdecimal():
            return int(words[words.index(place) - 1])
    return None


def _try(stack: contextlib.ExitStack, folder: Path) -> bool:
    """Returns whether the lock of a folder is free; then this process has it until `stack` is closed."""
    from filelock import FileLock, Timeout  # takes a while to import, and what only looks on needs none

    with explained(folder):
        try:
            stack.enter_context(FileLock(folder / LOCK, thread_local=False).acquire(timeout=0))
        except Timeout:
            return False
    return True


def hold(file: IO[Any], *, at_once: bool = False) -> None:
    """Holds an open file, as long as it is open.

    This is for files of data. A `FileLock` would be the wrong thing: it opens a file by name, which may be another one
    by then, and some versions empty it.

    Args:
        at_once: raise where another process holds it, instead of waiting.

    Raises:
        BlockingIOError: another process holds it.
        OSError: files can't be held here: on Windows, and on some network disks.
    """
    try:
        import fcntl
    except ImportError:
        raise OSError("files can't be held here") from None
    fcntl.flock(file, fcntl.LOCK_EX | (fcntl.LOCK_NB if at_once else 0))


def hold_together(descriptor: int) -> None:
    """Holds an open file together with others that only read it, where files can be held."""
    try:
        import fcntl
    except ImportError:
        return
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)


def is_at(file: IO[Any], path: Path) -> bool:
    """Returns whether an open file is what `path` leads to now."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
