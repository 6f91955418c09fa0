"""Errors of the operating system about a path, as a sentence that says what to do."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from skipwise.core.errors import SkipwiseError

ELSEWHERE = "choose another folder with --output"


@contextlib.contextmanager
def explained(path: Path, *, mend: str = ELSEWHERE) -> Iterator[None]:
    """Turns what the operating system says about `path` into a sentence a person can act on.

    Args:
        mend: how to write somewhere else.
    """
    try:
        yield
    except OSError as error:
        reasons = {
            errno.ENOSPC: "the disk is full; free some space and give the same command again.",
            errno.EDQUOT: "the disk quota is used up; free some space and give the same command again.",
            errno.EACCES: f"permission is denied; {mend}.",
            errno.EPERM: f"permission is denied; {mend}.",
            errno.EROFS: f"the file system is read-only; {mend}.",
            errno.ENOENT: f"no folder can be made there; {mend}.",
            errno.ENOTDIR: f"a part of that path is a file; {mend}.",
            errno.EISDIR: f"a folder is in the way; {mend}.",
            errno.EEXIST: f"a file is in the way; {mend}.",
        }
        reason = reasons.get(error.errno or 0, f"{error.strerror or error}.")
        raise SkipwiseError(f"Can't write {path}: {reason}") from error
