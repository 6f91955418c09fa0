"""Files that are whole or absent."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.locks import hold, is_at
from skipwise.core.files.os_errors import ELSEWHERE, explained
from skipwise.core.files.regular import open_own

_TEMPORARY = re.compile(r"\..+\.\d+\.tmp", re.DOTALL)
"""Names of the temporary files that `atomic` makes."""


@contextlib.contextmanager
def atomic(path: Path, *, old: Path | None = None, mend: str = ELSEWHERE) -> Iterator[Path]:
    """A temporary path beside `path`; what was written there takes its place when the block ends well.

    The content is on the disk before the name is, so that a kill or a power cut leaves the old file or the new
    one. When the block fails the temporary file is removed; what a killed process left is removed by the next that
    writes the same file.

    Args:
        old: where the file that was at `path` is kept; a kill may leave it there and nothing at `path`.
        mend: how to write somewhere else.

    Raises:
        SkipwiseError: the disk is full, read-only, ...
    """
    temporary = None
    try:
        with explained(path, mend=mend), contextlib.ExitStack() as stack:
            if path.is_dir():  # said before the work is done; "." has no name that one could be made of
                raise IsADirectoryError(errno.EISDIR, "it is a folder")
            temporary = _new_file(path, stack)
            clear_leftovers(path.parent, path.name)
            yield temporary
            with os.fdopen(open_own(temporary, os.O_RDWR), "rb+") as file:
                os.fsync(file.fileno())
            if old is not None and path.exists():
                path.replace(old)
            temporary.replace(path)
            _sync_folder(path.parent)
    except BaseException as failed:
        try:
            if temporary is not None:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            if isinstance(failed, SkipwiseError) and temporary and os.path.lexists(temporary):
                raise SkipwiseError(f"{failed} {temporary} can't be removed either ({error.strerror}).") from failed
        raise


def clear_leftovers(folder: Path, name: str | None = None) -> None:
    """Removes the temporary files of `atomic` whose process was killed; those that are being written stay.

    Args:
        name: of the file that they were to become; None for any.
    """
    for leftover in _named(folder, name):
        # A living process holds what it writes: its name alone would say nothing on a shared disk.
        with contextlib.suppress(OSError), os.fdopen(open_own(leftover, os.O_RDWR), "rb+") as file:
            hold(file, at_once=True)
            if is_at(file, leftover):
                leftover.unlink()


def leftovers(folder: Path) -> Iterator[Path]:
    """The temporary files of `atomic` in a folder whose process was killed; nothing is changed."""
    for leftover in _named(folder, None):
        with contextlib.suppress(OSError):
            with os.fdopen(open_own(leftover, os.O_RDWR), "rb+") as file:
                hold(file, at_once=True)
            yield leftover


def _named(folder: Path, name: str | None) -> Iterator[Path]:
    """The files with the name of a temporary one."""
    for path in folder.glob(".*.tmp" if name is None else f".{glob.escape(name)}.*.tmp"):
        if _TEMPORARY.fullmatch(path.name):
            yield path


def _new_file(path: Path, stack: contextlib.ExitStack) -> Path:
    """A new temporary file beside `path`, which this process holds until `stack` is closed."""
    while True:
        # A name that nobody knows before the file is there, so that nothing can have been put in its way.
        temporary = path.with_name(f".{path.name}.{secrets.randbelow(10**9)}.tmp")
        try:
            file = stack.enter_context(os.fdopen(open_own(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL), "rb+"))
        except FileExistsError:
            continue
        try:
            hold(file)
        except OSError:  # some network disks know no locks; then nothing there is ever taken for a leftover
            file.close()  # and on Windows an open file can't get its name
            return temporary
        if is_at(file, temporary):  # else another process took it for a leftover before it was held
            return temporary


def _sync_folder(folder: Path) -> None:
    """Puts the names in it on the disk too, where folders can be opened (not on Windows)."""
    with contextlib.suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def write_text(path: Path, text: str, *, mend: str = ELSEWHERE) -> None:
    """Writes `text` as UTF-8, atomically; for `mend` see `atomic`."""
    with atomic(path, mend=mend) as temporary:
        # A file name need not be UTF-8; surrogateescape carries its bytes through unchanged.
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape")
