"""Parts of the cache that may go: decoded images, knowledge of sets of images, and downloads that nobody has used."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from skipwise.cleaning.measured import last_used, size_of
from skipwise.cleaning.record import Removable
from skipwise.core.files.atomic import leftovers
from skipwise.core.files.cache_folder import cache_folder
from skipwise.data.cache.origins import origins

PARTS = {
    "pixels": ("decoded images", "they are decoded again"),
    "surveys": ("what is known of a set of images", "it is found out again"),
    "listings": ("the list of an archive's files", "it is made again"),
    "reading": ("half-read images of a command that was stopped", "they are read again"),
    "datasets": ("a downloaded data set", "it is downloaded again"),
    "huggingface": ("a downloaded data set", "it is downloaded again"),
}
"""The folders of the cache: what is in them, and what happens when it is gone."""
OURS = {
    "pixels": r"[0-9a-f]{32}\.npy",
    "surveys": r"[0-9a-f]{32}",
    "listings": r"[0-9a-f]{32}\.msgpack",
    "reading": r"[0-9a-f]{32}-.+",
    "datasets": r"\w+",
    "huggingface": r".+-[0-9a-f]{16}",
}
"""How Skipwise names what it puts there. SKIPWISE_CACHE may name a folder in which others have a `datasets`, too: in
~/.cache, `huggingface` is the hub's own."""


def removable_caches(*, before: float) -> Iterator[Removable]:
    """Lists what may go in the cache.

    Args:
        before: the time, in seconds since 1970, before which something has to be used last.
    """
    root = cache_folder()
    for part, (what, again) in PARTS.items():
        folder = root / part
        if folder.is_symlink() or not folder.is_dir():
            continue
        for path in sorted(folder.iterdir()):
            # What it begins with says whose lock is held while it is read; see data/scan/journal.py.
            home = root / "locks" / (f"datasets-{path.name}" if part == "datasets" else path.name.partition("-")[0])
            if not re.fullmatch(OURS[part], path.name, re.DOTALL) or (part == "datasets" and not home.is_dir()):
                continue
            found = _removable(path, what, again, home, before)
            if found is not None:
                yield found
        for path in leftovers(folder):
            why = "a process was killed while it wrote this"
            yield Removable(
                kind="leftover", path=path, size=size_of(path), why=why, again="nothing is lost", home=root / "locks"
            )


def _removable(path: Path, what: str, again: str, home: Path, before: float) -> Removable | None:
    if path.is_symlink():
        return None
    places = origins(path) if path.suffix == ".npy" else []
    used = last_used(path)
    if places and not any(map(_is_there, places)):
        why = f"the images are gone from {places[-1]}"
        return Removable(kind="pack", path=path, size=size_of(path), why=why, again=again, home=home)
    if used >= before:
        return None
    days = f"{int((time.time() - used) / 86400):,} days"
    why = f"{what}, not used for {days}"
    if _reading_leaves_no_trace(path):
        why = f"{what}, written {days} ago (this disk does not note when files are read)"
    return Removable(kind="cache", path=path, size=size_of(path), why=why, again=again, home=home)


def _is_there(place: str) -> bool:
    """Whether images are where they were, or may come back: a disk that is not there now is no reason."""
    path = Path(place)
    try:
        # The folder at which a disk appears is empty without it.
        return path.exists() or not path.parent.exists() or not any(path.parent.iterdir())
    except OSError:  # somebody else's
        return True


def _reading_leaves_no_trace(path: Path) -> bool:
    """Whether the file system keeps no time at which a file was read."""
    if not hasattr(os, "statvfs") or not hasattr(os, "ST_NOATIME"):
        return False
    return bool(os.statvfs(path).f_flag & os.ST_NOATIME)
