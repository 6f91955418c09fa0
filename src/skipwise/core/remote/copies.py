"""The copy in the cache of what lies at an address: made once, under a lock, and brought up to date when it is named.

remote/<hash of the address>/
  files/<name>       the file, or the folder
  streamed/<name>/   in place of it, a record of shards that are read where they are
  copy.json          what was copied, once it is whole
  used               written to whenever the copy is used, and held while a process may read it
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import posixpath
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from skipwise.core.addresses import concealed, is_address, looked_at, normal, redacted, revealed, scheme_of, told
from skipwise.core.download.asked_for import check_asked_for, is_asked_for
from skipwise.core.errors import SkipwiseError, differing_keys
from skipwise.core.files.cache_folder import cache_folder
from skipwise.core.files.checksums import read_sealed, write_sealed
from skipwise.core.files.folders import despite_deletion, make_folder, remove_empty
from skipwise.core.files.locks import hold_together, locked
from skipwise.core.files.paths import refuse_page, user_path
from skipwise.core.files.regular import APPENDING, open_own
from skipwise.core.remote.copying import MEND, UNFINISHED, copy_files, is_copied
from skipwise.core.remote.faults import Changed
from skipwise.core.remote.kinds import kind_of
from skipwise.core.remote.listing import Listed, RemoteFile, list_files
from skipwise.core.remote.room import Room, room_in
from skipwise.core.reporting import Progress
from skipwise.core.text import byte_size

FOLDER = "remote"
"""The folder in the cache."""
RECORD = "copy.json"


@dataclass(frozen=True, kw_only=True)
class CopyRecord:
    """The record of a whole copy.

    Args:
        address: without secrets.
        is_file: whether it is one file.
        number: of its files.
        size: their bytes.
        digest: a hash of their names, sizes and stamps.
        has_secret: whether the address has a password or a signature, which is not written down.
    """

    address: str
    is_file: bool
    number: int
    size: int
    digest: str
    has_secret: bool


USED = "used"

Elsewhere = Callable[[Listed, Path], Path | None]
"""What may be read where it is if there is no room for it: takes the listing and a folder to make a note in, and
returns that folder; None if it has to be copied."""


def local_path(given: str | os.PathLike[str], progress: Progress | None = None) -> Path:
    """The path of a file or folder that a user named. What lies at an address is copied into the cache first.

    Raises:
        SkipwiseError: it is nobody's home folder; or the address can't be read, or there is no room for a copy.
    """
    return copied(given, progress) if is_address(given) else user_path(given)


def copied(
    given: str | os.PathLike[str],
    progress: Progress | None = None,
    *,
    skip: Callable[[str], bool] = lambda _: False,
    elsewhere: Elsewhere = lambda *_: None,
    part: str = "",
) -> Path:
    """The copy of what lies at an address, which is up to date.

    Args:
        given: the address.
        progress: called as progress(what, done, total).
        skip: says of a name whether that file is left out.
        elsewhere: what to do where there is no room.
        part: what is copied where it is only a part of what lies there; a part has a copy of its own.

    Raises:
        SkipwiseError: it can't be read, changed while it was read, or there is no room.
    """
    address, tell = known(given), progress or told()
    seen = None if part else looked_at()
    if seen is not None and address in seen and seen[address].exists():
        return seen[address]
    home = home_of(address, part)
    record = record_in(home)
    # A process that does not know the secret, and a record that names an address, make do with the copy that is there.
    if record is not None and (not is_asked_for() or (record.has_secret and revealed(address) == address)):
        _note_use(home)
        return _path(home, record.address)
    check_asked_for(address)
    path = _brought_up_to_date(address, home, tell, skip, elsewhere)
    _note_use(home)
    if seen is not None:
        seen[address] = path
    return path


@contextlib.contextmanager
def named(path: Path, address: str) -> Iterator[None]:
    """Errors about a copy name the address instead."""
    try:
        yield
    except SkipwiseError as error:
        error.args = tuple(each.replace(str(path), address) if isinstance(each, str) else each for each in error.args)
        raise


_held: dict[Path, int] = {}
"""Descriptors that say to `clean` that this process may read a copy, as long as it lives."""


def _note_use(home: Path) -> None:
    """Notes that a copy is used. Nothing fails where that can't be written."""
    with contextlib.suppress(OSError):
        path = home / USED
        known = _held.get(home)
        if known is not None and not (path.exists() and os.path.samestat(os.fstat(known), path.stat())):
            os.close(_held.pop(home))  # the copy was removed since
        if home not in _held:
            _held[home] = open_own(path, APPENDING)
            hold_together(_held[home])
        os.utime(path)


def known(given: str | os.PathLike[str]) -> str:
    """The address without its secrets, which are remembered.

    Raises:
        SkipwiseError: it is the address of a page, or its secret is not where it belongs.
    """
    refuse_page(given)
    if not normal(given).partition("://")[2]:
        raise SkipwiseError(f"{normal(given)} names nothing; give the whole address, as in s3://bucket/pets.")
    try:
        shown = concealed(given)
    except ValueError as error:
        raise differing_keys(error) from None
    server = revealed(shown).partition("://")[2].partition("/")[0]
    if ":" in server.rpartition("@")[0] and scheme_of(shown) not in ("http", "https", "ssh", "sftp"):
        raise SkipwiseError(
            f"{shown} has a key in it, where nobody reads it; leave it out, and {kind_of(shown).login}."
        )
    return shown


def home_of(address: str, part: str = "") -> Path:
    """The folder in the cache of an address, or of a part of what lies there."""
    named = address.rstrip("/") + (f"\0{part}" if part else "")
    return cache_folder() / FOLDER / hashlib.sha256(named.encode("utf-8", "surrogateescape")).hexdigest()[:20]


def record_in(home: Path) -> CopyRecord | None:
    """The record of a whole copy; None if there is none, or what it has is gone."""
    try:
        record = read_sealed(home / RECORD, CopyRecord)
    except SkipwiseError:
        return None
    return record if _path(home, record.address).exists() else None


def address_of(path: Path) -> str:
    """The address of a file or folder in a copy; the path of any other as it is.

    Example:
        >>> address_of(Path("/data/pets"))
        '/data/pets'
    """
    absolute = path.absolute()
    root = (cache_folder() / FOLDER).absolute()
    if not absolute.is_relative_to(root):
        return str(path)
    parts = absolute.relative_to(root).parts
    record = record_in(root / parts[0]) if len(parts) > 2 else None
    if record is None:
        return str(path)
    return posixpath.join(record.address, *parts[3:])


def _path(home: Path, address: str) -> Path:
    return home / "files" / name_of(address)


def name_of(address: str) -> str:
    """The name of what lies at an address."""
    parts = urlsplit(redacted(address))
    path = unquote(parts.path) if parts.scheme in ("http", "https") else address.partition("://")[2]
    name = posixpath.basename(path.rstrip("/")) or parts.hostname or "images"
    return name.replace("\0", "_")[:200] if name not in (".", "..") else "images"


def _brought_up_to_date(
    address: str, home: Path, tell: Progress, skip: Callable[[str], bool], elsewhere: Elsewhere
) -> Path:
    def held() -> contextlib.ExitStack:
        make_folder(home, mend=MEND)
        with contextlib.ExitStack() as stack:
            waiting = f"Waiting for another Skipwise that copies {address}"
            stack.enter_context(locked(home, waiting=lambda: tell(waiting, 0, 1)))
            return stack.pop_all()

    kind_of(address)  # before anything is made in the cache
    with despite_deletion(held) as stack:
        stack.callback(remove_empty, home)  # nothing is left of an address where nothing lies
        found = _listing(address, tell, skip)
        path, record = _path(home, address), record_in(home)
        if record is not None and record.is_file != found.is_file:
            _remove(path)
        folder = path.parent if found.is_file else path
        missing = [file for file in found.files if not is_copied(folder, _renamed(file, found, address))]
        if missing:
            room = room_in(home, copied=_bytes_of_others(home))
            needed = sum(max(0, file.size) for file in missing)
            have = found.size - needed
            if needed > room.bytes:
                if (streamed := elsewhere(found, home / "streamed" / name_of(address))) is not None:
                    return streamed
                raise _no_room(found, needed, room)
            (home / RECORD).unlink(missing_ok=True)  # it is not whole for a while
            copy_files(
                address,
                [(_renamed(file, found, address), _address(file, found, address)) for file in missing],
                folder,
                home / UNFINISHED,
                max(0, room.bytes - have),
                tell,
            )
            again = _listing(address, tell, skip)
            if where := found.first_change(again):
                raise Changed(
                    f"{where} changed while {address} was copied; give the same command again, which copies what "
                    "changed."
                )
        if not found.is_file:
            _remove_others(folder, found)
        now = CopyRecord(
            address=address,
            is_file=found.is_file,
            number=len(found.files),
            size=found.size,
            digest=found.digest(),
            has_secret=revealed(address) != address,
        )
        if now != record:
            write_sealed(home / RECORD, now)
    return path


def _listing(address: str, tell: Progress, skip: Callable[[str], bool]) -> Listed:
    found = list_files(address, tell)
    if found.is_file:
        return found
    kept = tuple(file for file in found.files if not skip(file.name))
    if not kept:
        raise SkipwiseError(f"{address} holds no files that are read here; check the path.")
    return Listed(address, kept, False)


def _renamed(file: RemoteFile, found: Listed, address: str) -> RemoteFile:
    """A single file gets the name by which the whole copy is known."""
    return file._replace(name=name_of(address)) if found.is_file else file


def _address(file: RemoteFile, found: Listed, address: str) -> str:
    return address if found.is_file else f"{address.rstrip('/')}/{file.name}"


def _no_room(found: Listed, needed: int, room: Room) -> SkipwiseError:
    return SkipwiseError(
        f"{found.address} has {byte_size(found.size)}, of which {byte_size(needed)} are to be copied, and there is "
        f"room for {byte_size(room.bytes)} ({room.why}); {MEND}, remove copies in {cache_folder() / FOLDER}, or keep "
        "the images in shards (.tar or .parquet), which are read where they are."
    )


def _bytes_of_others(home: Path) -> int:
    """Bytes of the copies of other addresses."""
    found = 0
    for path in home.parent.glob(f"*/{RECORD}"):
        if path.parent != home and (record := record_in(path.parent)) is not None:
            found += record.size
    return found


def _remove_others(folder: Path, found: Listed) -> None:
    """Removes what is not at the address any more."""
    names = {file.name for file in found.files}
    kept = {posixpath.dirname(name) for name in names}
    for each in list(kept):
        while each:
            each = posixpath.dirname(each)
            kept.add(each)
    for where, folders, files in os.walk(folder):
        inside = os.path.relpath(where, folder).replace(os.sep, "/")
        prefix = "" if inside == "." else f"{inside}/"
        for each in files:
            if prefix + each not in names:
                (Path(where) / each).unlink(missing_ok=True)
        for each in list(folders):
            if prefix + each not in kept:
                folders.remove(each)
                shutil.rmtree(Path(where) / each, ignore_errors=True)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
