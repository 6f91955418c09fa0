"""Shards: large files with many images, on disk or at an address, where they are read in parts and never copied.

Shards at an address stand as a folder in the cache that holds nothing but a record of them. Its path is their path.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.checksums import read_sealed, write_sealed
from skipwise.core.files.folders import make_folder
from skipwise.core.files.regular import open_regular
from skipwise.core.remote.copying import MEND
from skipwise.core.remote.faults import Changed, insisting
from skipwise.core.remote.kinds import open_filesystem
from skipwise.core.remote.listing import Listed, list_files
from skipwise.core.remote.reading import PART, Ahead, as_file
from skipwise.data.containers.base import file_stamp
from skipwise.data.image.formats import is_picture
from skipwise.data.names import suffix

RECORD = "shards.json"
KINDS = (".tar", ".parquet")
"""Suffixes of shards."""


@dataclass(frozen=True, kw_only=True)
class Shard:
    """A shard at an address: its name below the address ("" if the address is its own), bytes, and its stamp."""

    name: str
    size: int
    stamp: int


@dataclass(frozen=True, kw_only=True)
class Shards:
    """The shards at an address.

    Args:
        address: without secrets.
        kind: ".tar" or ".parquet".
        shards: sorted by name.
        digest: a hash of the listing.
    """

    address: str
    kind: str
    shards: tuple[Shard, ...]
    digest: str


def note_shards(listed: Listed, folder: Path) -> Path | None:
    """Writes a record of the shards at an address into a folder. Returns that folder, or None if there are no shards.

    Other files beside the shards are left out. Where there are images beside them, nobody knows what is meant.
    """
    kinds = {suffix(file.name) for file in listed.files} & set(KINDS)
    if len(kinds) != 1 or any(is_picture(suffix(file.name)) for file in listed.files):
        return None
    kind = kinds.pop()
    shards = tuple(
        Shard(name="" if listed.is_file else file.name, size=file.size, stamp=file.stamp)
        for file in listed.files
        if suffix(file.name) == kind
    )
    if any(shard.size < 0 for shard in shards):
        return None
    record = Shards(address=listed.address, kind=kind, shards=shards, digest=_digest_of(shards))
    make_folder(folder, mend=MEND)
    write_sealed(folder / RECORD, record)
    return folder


def is_elsewhere(path: Path) -> bool:
    """Returns whether a folder stands for shards at an address."""
    return (path / RECORD).is_file()


def read_shards(path: Path) -> Shards:
    """The record of the shards that a folder stands for.

    Raises:
        SkipwiseError: it is damaged.
    """
    return read_sealed(path / RECORD, Shards, mend="give the same command again")


def stamp_of_shards(root: Path, files: tuple[str, ...]) -> tuple[int, ...]:
    """Numbers that change when one of the shards does.

    Raises:
        SkipwiseError: one does not exist, or changed since it was listed.
    """
    if not is_elsewhere(root):
        return file_stamp(*(root / file for file in files))
    known = read_shards(root)
    found = list_files(known.address)
    now = {("" if found.is_file else file.name): (file.size, file.stamp) for file in found.files}
    for shard in known.shards:
        if now.get(shard.name) != (shard.size, shard.stamp):
            raise Changed(
                f"{_address(known, shard.name)} changed while it was being read; give the same command again."
            )
    return tuple(int(known.digest[start : start + 12], 16) for start in range(0, 24, 12))


def size_and_stamp(root: Path, file: str) -> tuple[int, int]:
    """The bytes of a shard, and a number that changes with it.

    Raises:
        OSError: it does not exist.
        SkipwiseError: it is not among those that were listed.
    """
    if not is_elsewhere(root):
        status = (root / file).stat()
        return status.st_size, status.st_mtime_ns
    shard = _shard(root, file)
    return shard.size, shard.stamp


@contextlib.contextmanager
def opened_shard(root: Path, file: str, part: int = PART) -> Iterator[IO[bytes]]:
    """A shard, open for reading.

    Args:
        root: the folder of the shards, or the shard itself.
        file: its name from there; "" for `root` itself.
        part: bytes of one request, where it is at an address.

    Raises:
        OSError: it can't be read.
        SkipwiseError: likewise, at an address.
    """
    if not is_elsewhere(root):
        with open_regular(root / file) as found:
            yield found
        return
    filesystem, path = place_of(root, file)
    shard = _shard(root, file)
    with Ahead(filesystem, path, shard.size, _address(read_shards(root), file), part) as ahead:
        yield as_file(ahead)


def place_of(root: Path, file: str) -> tuple[Any, str]:
    """The filesystem of a shard at an address, and its path there."""
    record = read_shards(root)
    filesystem, path = insisting(lambda: open_filesystem(record.address), record.address)
    return filesystem, f"{path.rstrip('/')}/{file}" if file else path


def address_of_shard(root: Path, file: str) -> str:
    """The address of a shard, without secrets; the path of one on disk."""
    return _address(read_shards(root), file) if is_elsewhere(root) else str(root / file)


def _address(record: Shards, file: str) -> str:
    return f"{record.address.rstrip('/')}/{file}" if file else record.address


def _shard(root: Path, file: str) -> Shard:
    found = _by_name(read_shards(root)).get(file)
    if found is None:
        raise SkipwiseError(f"{_address(read_shards(root), file)} is not there any more; give the same command again.")
    return found


@functools.lru_cache(4)
def _by_name(record: Shards) -> dict[str, Shard]:
    return {shard.name: shard for shard in record.shards}


def _digest_of(shards: tuple[Shard, ...]) -> str:
    return hashlib.sha256("\n".join(f"{each.name}\0{each.size}\0{each.stamp}" for each in shards).encode()).hexdigest()
