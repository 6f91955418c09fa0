"""A copy of decoded pixels on this machine's own disk, where the cache is a folder that several machines share.

The pixels are decoded once, into the shared cache. Each machine copies them once, and checks the copy as every file of
the cache is checked: a hash of all but the rows when it is opened, and a checksum of each row whenever it is read.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.folders import make_folder
from skipwise.core.files.locks import locked
from skipwise.core.files.os_errors import explained
from skipwise.core.files.regular import APPENDING, open_own
from skipwise.data.cache.files import open_file
from skipwise.data.cache.rows import Remake, RowReader

VARIABLE = "SKIPWISE_NODE_CACHE"
"""The environment variable that names a folder on this machine's own disk."""
FREE_SHARE = 0.05
"""Share of that disk that is left free."""
MEND = f"name another folder in {VARIABLE}, or unset it"
_PIECE = 2**24


def open_near(path: Path, remake: Remake) -> RowReader | None:
    """Opens decoded pixels in the cache: a copy on this machine's disk, if a folder for it is named and has room.

    Returns:
        The rows; None if they are missing or damaged.

    Raises:
        SkipwiseError: the folder can't be written.
    """
    chosen = os.environ.get(VARIABLE)
    if not chosen:
        return RowReader.open(path, remake)
    near = Path(chosen).expanduser() / path.parent.name / path.name  # both names are in its checksum
    if (found := RowReader.open(near, remake)) is not None:
        return found
    make_folder(near.parent, mend=MEND)
    with locked(near.parent, waiting=lambda: None):
        if (found := RowReader.open(near, remake)) is None and _copied(path, near):
            found = RowReader.open(near, remake)
            if found is None:  # what was there before a kill may have been damaged
                near.unlink()
    return found or RowReader.open(path, remake)


def _copied(path: Path, near: Path) -> bool:
    """Copies a file, from where a killed process stopped. Returns whether it is there and has room."""
    part = near.with_name(f".{near.name}.part")
    try:
        descriptor = open_file(path)
    except OSError:
        return False
    with os.fdopen(descriptor, "rb") as source:
        size = os.fstat(descriptor).st_size
        have = part.stat().st_size if part.exists() else 0
        disk = shutil.disk_usage(near.parent)
        if size - have > disk.free - FREE_SHARE * disk.total:
            with contextlib.suppress(OSError):
                part.unlink()
            return False
        try:
            with explained(near, mend=MEND), os.fdopen(open_own(part, APPENDING), "ab") as copy:
                have = min(have, size) // _PIECE * _PIECE
                copy.truncate(have)
                source.seek(have)
                shutil.copyfileobj(source, copy, _PIECE)
                copy.flush()
                os.fsync(copy.fileno())
            part.replace(near)
        except (OSError, SkipwiseError):  # then it is read where it is
            return False
    return True
