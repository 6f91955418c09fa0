"""Files that are whole or absent: atomic writes, JSON, and one process at a time in a folder."""

from __future__ import annotations

import contextlib
import errno
import glob
import json
import os
import re
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec

from skipwise.core.errors import Busy, Damaged, SkipwiseError
from skipwise.core.files.json_limits import check_json
from skipwise.core.files.regular import APPENDING, open_own, read_regular

_T = TypeVar("_T")


ELSEWHERE = "choose another folder with --output"
LARGEST_RECORD = 2**28
"""Bytes of a record of ours."""
CACHE = "SKIPWISE_CACHE"
LOCK = ".lock"
"""The file by which a folder is held."""
_TEMPORARY = re.compile(r"\..+\.\d+\.tmp", re.DOTALL)
"""What `atomic` calls its temporary files."""


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
            errno.EEXIST: f"a file is in the way; {mend}.",
        }
        reason = reasons.get(error.errno or 0, f"{error.strerror or error}.")
        raise SkipwiseError(f"Can't write {path}: {reason}") from error


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


def cache_folder() -> Path:
    """Where decoded images and data sets are kept, to be used again: $SKIPWISE_CACHE, else the user's cache folder.

    Everything in it can be made again, so it may be deleted at any time.

    Raises:
        SkipwiseError: nobody knows where the user's folders are.
    """
    chosen = os.environ.get(CACHE)
    given = os.environ.get("XDG_CACHE_HOME") or ""
    try:
        if chosen:
            return Path(chosen).expanduser()
        # A relative one is to be ignored, as the specification of these folders says.
        return (Path(given) if Path(given).is_absolute() else Path.home() / ".cache") / "skipwise"
    except RuntimeError as error:
        raise SkipwiseError(
            f"There is no home folder here ({str(error).rstrip('.')}); name a folder for decoded images in {CACHE}."
        ) from error


@contextlib.contextmanager
def cache_for_looking() -> Iterator[None]:
    """For what only looks at finished work: a cache for the time being, where the user's own can't be written.

    Processes that are started meanwhile use it too.
    """
    before = os.environ.get(CACHE)
    with contextlib.ExitStack() as stack:
        try:
            make_folder(cache_folder())
        except SkipwiseError:
            with contextlib.suppress(OSError):  # without it, what is in the user's own has to do
                os.environ[CACHE] = stack.enter_context(tempfile.TemporaryDirectory(prefix="skipwise-"))
        try:
            yield
        finally:
            if before is None:
                os.environ.pop(CACHE, None)
            else:
                os.environ[CACHE] = before


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
    for leftover in folder.glob(".*.tmp" if name is None else f".{glob.escape(name)}.*.tmp"):
        if _TEMPORARY.fullmatch(leftover.name):
            # A living process holds what it writes: its name alone would say nothing on a shared disk.
            with contextlib.suppress(OSError), os.fdopen(open_own(leftover, os.O_RDWR), "rb+") as file:
                _hold(file, at_once=True)
                if _is_at(file, leftover):
                    leftover.unlink()


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
            _hold(file)
        except OSError:  # some network disks know no locks; then nothing there is ever taken for a leftover
            file.close()  # and on Windows an open file can't get its name
            return temporary
        if _is_at(file, temporary):  # else another process took it for a leftover before it was held
            return temporary


def _hold(file: IO[Any], *, at_once: bool = False) -> None:
    """Holds a file as long as it is open.

    Args:
        at_once: raise OSError where another process holds it, instead of waiting.
    """
    try:
        import fcntl
    except ImportError:  # Windows has no flock
        raise OSError("files can't be held here") from None
    fcntl.flock(file, fcntl.LOCK_EX | (fcntl.LOCK_NB if at_once else 0))


def _is_at(file: IO[Any], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    """Puts the names in it on the disk too, where folders can be opened (not on Windows)."""
    with contextlib.suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def write_text(path: Path, text: str) -> None:
    """Writes `text` as UTF-8, atomically."""
    with atomic(path) as temporary:
        # A file name need not be UTF-8; surrogateescape carries its bytes through unchanged.
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape")


def write_json(path: Path, record: Any) -> None:
    """Writes a dataclass (or anything JSON can hold) atomically; equal records always give the same bytes."""
    write_text(path, as_json(record, indent=1) + "\n")


def as_json(record: Any, *, indent: int | None = None) -> str:
    """A record as JSON, on one line unless it is to be indented."""
    try:
        encoded = msgspec.json.encode(record)
        return (encoded if indent is None else msgspec.json.format(encoded, indent=indent)).decode()
    except UnicodeEncodeError:  # a path that is not UTF-8; of its escapes Python makes the same path again
        return json.dumps(msgspec.to_builtins(record), indent=indent)


def read_json(path: Path, kind: type[_T], *, mend: str = "remove it to start that part again") -> _T:
    """A record of the class `kind`, as `write_json` wrote it.

    Args:
        mend: what to do about a file that is damaged.

    Raises:
        Damaged: it is not such a record (cut off, edited, of another version).
        SkipwiseError: it can't be read.
    """
    try:
        content = read_regular(path, LARGEST_RECORD)
        check_json(content)
        if b"\\udc" in content:  # of a path that is not UTF-8, see `as_json`
            return msgspec.convert(json.loads(content), type=kind)
        return msgspec.json.decode(content, type=kind)
    except OSError as error:
        raise SkipwiseError(f"Can't read {path}: {error.strerror}.") from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Damaged(f"{path} is damaged, or of another version ({error}); {mend}.") from error


@contextlib.contextmanager
def locked(folder: Path, *, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Holds `folder` for this process; the lock goes with the process however it ends.

    Args:
        waiting: called again and again while another process holds it; None raises at once.

    Raises:
        Busy: another process holds it.
    """
    try:
        import fcntl
    except ImportError:  # Windows has no flock; two processes there are not kept apart
        yield
        return
    with contextlib.ExitStack() as stack:
        while True:
            with explained(folder):
                descriptor = open_own(folder / LOCK, APPENDING)
                file = stack.enter_context(os.fdopen(descriptor, "ab"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if waiting is None:
                    raise Busy(f"Another Skipwise is working in {folder}; wait for it, or {ELSEWHERE}.") from None
                waiting()
                time.sleep(0.1)
            else:
                if _is_at(file, folder / LOCK):  # else whoever held it has removed it, and the folder perhaps
                    break
            file.close()
        yield


def despite_deletion(act: Callable[[], _T]) -> _T:
    """What `act` returns; it is tried again where somebody deletes folders under its hands."""
    for _ in range(20):
        try:
            return act()
        except FileNotFoundError:
            continue
        except SkipwiseError as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
    return act()
