"""The size of something on the disk, when it was used, and whether it is in use."""

from __future__ import annotations

import os
from pathlib import Path

from skipwise.core.files.locks import hold
from skipwise.core.files.regular import open_own


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder; links count as nothing."""
    if path.is_symlink():
        return 0
    if path.is_file():
        return path.stat().st_size
    total = 0
    for top, _, files in os.walk(path):
        for name in files:
            try:
                status = (Path(top) / name).lstat()
            except OSError:
                continue
            total += status.st_size
    return total


def is_read(path: Path) -> bool:
    """Whether a process has decoded images open, and may open them again."""
    try:
        with os.fdopen(open_own(path, os.O_RDWR), "rb+") as file:
            hold(file, at_once=True)
    except BlockingIOError:
        return True
    except OSError:  # no file, or a disk that knows no locks
        return False
    return False


def last_used(path: Path) -> float:
    """When a file, or what is in a folder, was read or written last, as far as the file system keeps that."""
    newest = 0.0
    for each in [path, *(path.rglob("*") if path.is_dir() else ())]:
        try:
            status = each.lstat()
        except OSError:
            continue
        newest = max(newest, status.st_mtime, 0.0 if each.is_dir() else status.st_atime)
    return newest
