"""What may go in the cache: decoded images, what is known of sets of images, and downloads that nobody has used."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from skipwise.cleaning.record import Removable
from skipwise.cleaning.works import size_of
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


def removable_caches(*, before: float) -> Iterator[Removable]:
    """What may go in the cache.

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
            found = _removable(path, what, again, home, before)
            if found is not None:
                yield found
        for path in leftovers(folder):
            why = "a process was killed while it wrote this"
            yield Removable(
                kind="leftover", path=path, size=size_of(path), why=why, again="nothing is lost", home=root / "locks"
            )


def _removable(path: Path, what: str, again: str, home: Path, before: float) -> Removable | None:
    if path.is_symlink() or path.name.startswith(".") or path.suffix in (".origins", ".sums"):
        return None
    places = origins(path) if path.suffix == ".npy" else []
    used = _used(path)
    if places and not any(map(_is_there, places)):
        why = f"the images are gone from {places[-1]}"
        return Removable(kind="pack", path=path, size=size_of(path), why=why, again=again, home=home)
    if used >= before:
        return None
    days = int((time.time() - used) / 86400)
    why = f"{what}, not used for {days:,} days"
    return Removable(kind="cache", path=path, size=size_of(path), why=why, again=again, home=home)


def _is_there(place: str) -> bool:
    """Whether images are where they were, or may come back: a disk that is not there now is no reason."""
    path = Path(place)
    return path.exists() or not path.parent.exists()


def _used(path: Path) -> float:
    """When something in the cache was read or written last, as far as the file system keeps that."""
    newest = 0.0
    for each in [path, *(path.rglob("*") if path.is_dir() else ())]:
        try:
            status = each.lstat()
        except OSError:
            continue
        newest = max(newest, status.st_mtime, 0.0 if each.is_dir() else status.st_atime)
    return newest
