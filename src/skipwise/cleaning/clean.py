"""The verb `clean`: lists what may go, and frees it where that is asked for."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from skipwise.cleaning.caches import removable_caches
from skipwise.cleaning.copies import copies_of, removable_copies
from skipwise.cleaning.measured import is_read, last_used
from skipwise.cleaning.options import CleanOptions
from skipwise.cleaning.record import Cleaning, Kept, Removable
from skipwise.cleaning.works import artifacts_below, is_used, references_of, removable, works_in
from skipwise.core.addresses import is_address
from skipwise.core.errors import Busy, SkipwiseError
from skipwise.core.files.folders import LOCK, remove_empty
from skipwise.core.files.locks import locked
from skipwise.core.files.paths import user_path
from skipwise.core.remote.copies import RECORD, USED
from skipwise.core.signatures import takes
from skipwise.data.cache.origins import forget_origin
from skipwise.training.folder.dropped import drop_weights
from skipwise.watching.presence import at_work

DAY = 86400.0


@takes(CleanOptions)
def clean(folders: Sequence[str | os.PathLike[str]], *, options: CleanOptions) -> Cleaning:
    """Lists what may go in folders of results and in the cache; with `yes`, it frees it.

    Results, answers, exported networks, the weights that one would use, and whatever a running process holds are never
    touched, nor is anything that Skipwise did not make, nor what lies at an address.

    Args:
        folders: of works, or folders that hold several, such as ["runs"]; [] looks into the cache only. An address,
            such as "s3://bucket/pets", stands for the copies, in the cache, of what lies there.

    Returns:
        What may go, and what was freed.

    Raises:
        SkipwiseError: there is no such folder, or a number of days below 0.

    Example:
        >>> import skipwise
        >>> [each.kind for each in skipwise.clean(["runs"], cache=False).found]
        []
    """
    if options.older_than < 0:
        raise SkipwiseError(f"--older-than must be at least 0 days, not {options.older_than}.")
    began = time.time()
    found = tuple(sorted(_found(folders, options), key=lambda each: (-each.size, str(each.path))))
    return free(found, listed=began) if options.yes else Cleaning(found=found)


def free(found: Sequence[Removable], *, listed: float) -> Cleaning:
    """Removes what was found, each under the lock of where it is, and only if it may still go.

    Args:
        listed: the time, in seconds since 1970, at which it was begun to list them; what was used since then stays.
    """
    freed, left = 0, []
    for each in found:
        try:
            with _held(each.home):
                if why := _why_not(each, listed):
                    left.append(Kept(path=each.path, why=why))
                    continue
                freed += _remove(each)
        except Busy as error:
            left.append(Kept(path=each.path, why=str(error)))
        except (SkipwiseError, OSError) as error:
            left.append(Kept(path=each.path, why=f"{each.path} can't be removed ({error})."))
    return Cleaning(found=tuple(found), freed=freed, left=tuple(left), done=True)


def _found(folders: Sequence[str | os.PathLike[str]], options: CleanOptions) -> Iterator[Removable]:
    before = time.time() - options.older_than * DAY
    given = [folders] if isinstance(folders, str | os.PathLike) else list(folders)
    copies: dict[Path, Removable] = {}
    for address in filter(is_address, given):
        copies |= {each.path: each for each in copies_of(os.fspath(address))}
    works, artifacts = [], []
    for folder in (user_path(each) for each in given if not is_address(each)):
        if not folder.is_dir():
            what = "is a file" if folder.exists() else "does not exist"
            raise SkipwiseError(f"{folder} {what}; give folders of results, such as runs.")
        works += works_in(folder)
        artifacts += artifacts_below(folder)
    once = list({home.resolve(): (home, kind) for home, kind in works}.values())
    yield from removable(once, references_of(once, artifacts), before=before)
    if options.cache and not copies:
        yield from removable_caches(before=before)
        copies |= {each.path: each for each in removable_copies(before=before)}
    yield from copies.values()


@contextlib.contextmanager
def _held(home: Path) -> Iterator[None]:
    """Holds the lock of a folder, where it has one or is a work's."""
    if home.is_dir():
        with locked(home):
            yield
    else:  # a part of the cache that nobody has ever waited for
        yield


def _why_not(each: Removable, listed: float) -> str:
    """Returns a sentence on why something has to stay by now; "" if it may go."""
    in_cache = each.kind in ("cache", "pack", "copy")
    place = each.path / USED if each.kind == "copy" else each.path
    if is_read(place) if in_cache else _in_use(each):
        return f"A process reads {each.path}." if in_cache else f"A process is at work in {each.home}."
    used = last_used(each.path / USED) if each.kind == "copy" else last_used(each.path)
    return f"{each.path} was used after it was listed." if used >= listed else ""


def _in_use(each: Removable) -> bool:
    heartbeat = at_work(each.home)
    alive = heartbeat is not None and heartbeat.said is not None  # the lock is our own now
    return alive or at_work(each.path.parent) not in (None, heartbeat) or is_used(each.home)


def _remove(each: Removable) -> int:
    """Removes it; returns how many bytes that freed."""
    if each.kind == "weights":
        return drop_weights(each.path.parent, "skipwise clean")
    if each.kind == "copy":
        _remove_copy(each.path)
    elif each.path.is_dir():
        shutil.rmtree(each.path)
    else:
        each.path.unlink(missing_ok=True)
        if each.kind in ("pack", "cache"):
            forget_origin(each.path)
    return each.size


def _remove_copy(home: Path) -> None:
    """Removes a copy, while its lock is held. Its record goes first: a kill leaves an unfinished copy."""
    (home / RECORD).unlink(missing_ok=True)
    for path in home.iterdir():
        if path.name == LOCK:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    remove_empty(home)
