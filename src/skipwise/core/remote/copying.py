"""Copying files from an address into a folder, several at a time, gone on with where a process was killed.

A copy gets its name when all of it is there, and then the time of change that says which version it is. So the folder
itself says what is there already.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.os_errors import explained
from skipwise.core.files.regular import APPENDING, open_own
from skipwise.core.remote.faults import Changed, insisting
from skipwise.core.remote.kinds import kind_of, open_filesystem
from skipwise.core.remote.listing import RemoteFile
from skipwise.core.remote.reading import PART, gives_parts, read_part, read_whole, stream_into
from skipwise.core.reporting import Progress

MEND = "name a folder on another disk in SKIPWISE_CACHE"
UNFINISHED = ".unfinished"
"""The folder, beside the copies, of files that have arrived in part."""


def is_copied(folder: Path, file: RemoteFile) -> bool:
    """Returns whether this version of a file is in a folder; False where nobody knows which version it is."""
    try:
        status = os.lstat(os.path.join(folder, file.name))  # noqa: PTH118 - called for every file
    except OSError:
        return False
    return file.size in (status.st_size, -1) and status.st_mtime_ns == file.stamp != 0


def copy_files(
    address: str,
    files: Sequence[tuple[RemoteFile, str]],
    folder: Path,
    beside: Path,
    most: int,
    progress: Progress | None = None,
) -> None:
    """Copies files that are not in a folder yet.

    Args:
        address: what all of them are below, or of the same server.
        files: each with its address.
        folder: where they go.
        beside: a folder of the same disk for files that have arrived in part.
        most: bytes that there is room for.
        progress: called as progress(what, done, total), in megabytes or kilobytes.

    Raises:
        SkipwiseError: a file can't be had any more, or the disk is full.
    """
    kind, tell = kind_of(address), progress or (lambda *_: None)
    total = sum(max(0, file.size) for file, _ in files)
    unit, name = (10**6, "MB") if total > 10**7 else (10**3, "kB")
    what, done = f"Copying {address} ({name})", 0
    tell(what, 0, total // unit)
    with ThreadPoolExecutor(kind.at_once) as pool, explained(folder, mend=MEND):
        try:
            beside.mkdir(exist_ok=True, parents=True)
            reader = insisting(lambda: open_filesystem(address), address)[0]
            small = [each for each in files if 0 <= each[0].size <= PART]
            acts = (partial(_small, reader, file, at, folder, beside) for file, at in small)
            for written in _side_by_side(pool, kind.at_once, acts):
                done += written
                tell(what, done // unit, total // unit)
            for file, at in files:
                if not 0 <= file.size <= PART:
                    part = beside / f"{hash_of(file)}.part"
                    base = done

                    def arrived(size: int, base: int = base) -> None:
                        tell(what, (base + size) // unit, max(total, base + size) // unit)

                    _large(pool, reader, file, at, part, most, arrived)
                    done += max(file.size, 0)
                    _place(part, folder, file)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    with contextlib.suppress(OSError):
        beside.rmdir()


def hash_of(file: RemoteFile) -> int:
    """A number for a version of a file."""
    # Of a million files, two of the many that are copied at the same time must not get the same number.
    described = f"{file.name}\0{file.size}\0{file.stamp}".encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.sha256(described).digest()[:8])


def _side_by_side(pool: ThreadPoolExecutor, at_once: int, acts: Iterable[Callable[[], int]]) -> Iterator[int]:
    """The results, with a limited number of acts waiting."""
    waiting: deque[Future[int]] = deque()
    for act in acts:
        waiting.append(pool.submit(act))
        while len(waiting) > 4 * at_once:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _small(filesystem: Any, file: RemoteFile, address: str, folder: Path, beside: Path) -> int:
    data = read_whole(filesystem, file.path, file.size, address)
    part = beside / f"{hash_of(file)}.part"
    with explained(folder, mend=MEND):
        part.unlink(missing_ok=True)
        with os.fdopen(open_own(part, APPENDING), "wb") as opened:
            opened.write(data)
    _place(part, folder, file)
    return file.size


def _large(
    pool: ThreadPoolExecutor,
    filesystem: Any,
    file: RemoteFile,
    address: str,
    part: Path,
    most: int,
    arrived: Callable[[int], None],
) -> None:
    """A large file, whose parts come side by side and are written one after the other."""
    if file.size < 0 or not gives_parts(filesystem, file.path, file.size, address):
        part.unlink(missing_ok=True)
        stream_into(filesystem, file.path, part, file.size if file.size >= 0 else most, address, arrived)
        if file.size >= 0 and part.stat().st_size != file.size:
            size = part.stat().st_size
            part.unlink()
            raise Changed(f"{address} gave {size:,} bytes instead of {file.size:,}; give the same command again.")
        return
    if file.stamp == 0:  # nobody knows whether what came before is of this version
        part.unlink(missing_ok=True)
    have = part.stat().st_size // PART * PART if part.exists() else 0
    starts = range(have, file.size, PART)
    parts = (
        partial(read_part, filesystem, file.path, start, min(start + PART, file.size), address) for start in starts
    )
    with explained(part, mend=MEND), os.fdopen(open_own(part, APPENDING), "ab") as opened:
        opened.truncate(have)
        waiting: deque[Future[bytes]] = deque()
        for each in parts:
            waiting.append(pool.submit(each))
            if len(waiting) == 8:
                have += opened.write(waiting.popleft().result())
                arrived(have)
        while waiting:
            have += opened.write(waiting.popleft().result())
            arrived(have)
        opened.flush()
        os.fsync(opened.fileno())


def _place(part: Path, folder: Path, file: RemoteFile) -> None:
    target = folder / file.name
    with explained(target, mend=MEND):
        try:
            os.utime(part, ns=(file.stamp, file.stamp))
            try:
                part.replace(target)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                _clear_way(folder, target)
                part.replace(target)
        except FileNotFoundError as error:  # somebody deleted the cache meanwhile
            raise SkipwiseError(
                f"{folder} was deleted while files were copied there; give the same command again."
            ) from error


def _clear_way(folder: Path, target: Path) -> None:
    """The folders of a file, whatever was there when it had another version."""
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    for above in reversed(target.relative_to(folder).parents):
        where = folder / above
        if where.exists() and not where.is_dir():
            where.unlink()
    target.parent.mkdir(parents=True, exist_ok=True)
