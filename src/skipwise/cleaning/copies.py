"""What may go of the copies, in the cache, of what lies at addresses. Nothing at an address itself is ever removed."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

from skipwise.cleaning.measured import last_used, size_of
from skipwise.cleaning.record import Removable
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.cache_folder import cache_folder
from skipwise.core.files.folders import LOCK
from skipwise.core.remote.copies import FOLDER, USED, known, record_in

_OURS = re.compile("[0-9a-f]{20}")
"""How Skipwise names the folder of a copy."""
_AGAIN = "it is copied again"


def removable_copies(*, before: float) -> Iterator[Removable]:
    """The copies that nobody has used for long.

    Args:
        before: the time, in seconds since 1970, before which something has to be used last.
    """
    for home in _homes():
        used, record = _last_used(home), record_in(home)
        if used >= before:
            continue
        days = f"not used for {int((time.time() - used) / 86400):,} days"
        if record is not None:
            yield _copy(home, f"a copy of {record.address}, {days}", has_secret=record.has_secret)
        elif (home / "streamed").is_dir():
            yield _copy(home, f"a list of shards at an address, {days}")
        else:
            yield _copy(home, f"an unfinished copy of what lies at an address, {days}")


def copies_of(address: str) -> Iterator[Removable]:
    """The copies of what lies at an address and below it, whenever they were used.

    Raises:
        SkipwiseError: there is none.
    """
    shown = known(address).rstrip("/")
    found = False
    for home in _homes():
        record = record_in(home)
        if record is not None and f"{record.address.rstrip('/')}/".startswith(f"{shown}/"):
            found = True
            yield _copy(home, f"a copy of {record.address}, which stays where it is", has_secret=record.has_secret)
    if not found:
        raise SkipwiseError(
            f"There is no copy of {shown} in {cache_folder() / FOLDER}, and Skipwise removes nothing at an address "
            "itself; give folders of results, such as runs."
        )


def _homes() -> list[Path]:
    """The folders of copies, but for empty ones, whose lock was all that was made."""
    root = cache_folder() / FOLDER
    if root.is_symlink() or not root.is_dir():
        return []
    homes = (path for path in sorted(root.iterdir()) if _OURS.fullmatch(path.name) and not path.is_symlink())
    return [path for path in homes if path.is_dir() and any(each.name != LOCK for each in path.iterdir())]


def _last_used(home: Path) -> float:
    """When a copy was used last; the times of its files are those at the address."""
    noted = home / USED
    return noted.lstat().st_mtime if noted.exists() else last_used(home)


def _copy(home: Path, why: str, *, has_secret: bool = False) -> Removable:
    again = f"{_AGAIN}, once its address is named with its signature" if has_secret else _AGAIN
    return Removable(kind="copy", path=home, size=size_of(home), why=why, again=again, home=home)
