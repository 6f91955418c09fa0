"""Folders that are made, and removed again where nothing came to be in them."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.os_errors import ELSEWHERE, explained

_T = TypeVar("_T")

LOCK = ".lock"
"""The file by which a folder is locked; see locks.py."""


def make_folder(path: Path, *, mend: str = ELSEWHERE) -> None:
    """The folder and those above it.

    Raises:
        SkipwiseError: it can't be made or written in.
    """
    with explained(path, mend=mend):
        path.mkdir(parents=True, exist_ok=True)
        # Permission bits don't tell on every file system whether a file can be made; making one does.
        with tempfile.TemporaryFile(dir=path, prefix="."):
            pass


def remove_empty(path: Path) -> None:
    """Removes a folder that `make_folder` made, while this process holds it, if nothing but the lock is in it."""
    with contextlib.suppress(OSError):
        if {entry.name for entry in path.iterdir()} == {LOCK}:
            (path / LOCK).unlink()
            path.rmdir()


def despite_deletion(act: Callable[[], _T]) -> _T:
    """Returns `act()`, which is tried again if another process deletes a folder meanwhile."""
    for _ in range(20):
        try:
            return act()
        except FileNotFoundError:
            continue
        except SkipwiseError as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
    return act()
