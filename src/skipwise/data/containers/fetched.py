"""Tar shards at an address as a container: headers are read once, and then images by their places, many at a time.

The headers come with the small files between the images, which hold labels, so that these are not asked for again.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import os
import tarfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.cache_folder import cache_folder
from skipwise.core.remote.kinds import kind_of
from skipwise.core.remote.reading import PART, read_part
from skipwise.core.reporting import Progress
from skipwise.data.cache.files import keep, kept
from skipwise.data.columns.integers import Integers
from skipwise.data.columns.names import Names
from skipwise.data.containers.base import LARGEST_FILE, Listing, check_size, explained, make_listing
from skipwise.data.containers.entries import EntryWriter
from skipwise.data.containers.shards import (
    Shard,
    Shards,
    address_of_shard,
    opened_shard,
    place_of,
    read_shards,
    stamp_of_shards,
)
from skipwise.data.containers.tar_headers import CheckedHeader
from skipwise.data.containers.tar_members import entry_of, is_file
from skipwise.data.image.decode import UnreadableImage
from skipwise.data.image.formats import is_picture
from skipwise.data.names import suffix

AT_ONCE = 8
"""Shards whose headers are read at the same time."""
GAP = 2**18
"""Bytes between two images that are asked for together, at most: reading them costs no more than another request."""
SMALL = 4096
"""Bytes of a file beside the images, at most, that is kept with the headers."""
SHARDS_KNOWN = 2048
"""Shards whose headers are in memory, at most."""
NAMES_AT_ONCE = 4096
"""Names of files that are looked for together, so that neighbours are asked for together."""


@dataclass(frozen=True)
class Headers:
    """The headers of a shard.

    Args:
        names, sizes, places: of its files, in its own order; a place is where a file's bytes begin.
        small: the bytes of small files that are no pictures, by name.
    """

    names: list[str]
    sizes: list[int]
    places: list[int]
    small: dict[str, bytes]


@dataclass(frozen=True, eq=False)
class Places:
    """The places and sizes of a shard's files in the order of their names, in less memory."""

    names: Names
    places: Integers
    sizes: Integers

    def of(self, name: str) -> tuple[int, int]:
        """The place where a file begins, and its bytes."""
        number = self.names.find(name)
        return self.places[number], self.sizes[number]


@dataclass(frozen=True, eq=False)
class FetchedTars:
    """A container of the files in tar shards at an address, named `shard.tar/name`, or `name` if it is a single one.

    Args:
        path: the folder in the cache that stands for the shards.
    """

    path: Path
    at_random: ClassVar[bool] = True

    def stamp(self) -> tuple[int, ...]:
        return stamp_of_shards(self.path, ())

    @cached_property
    def _shards(self) -> Shards:
        return read_shards(self.path)

    def listing(self, progress: Progress | None = None) -> Listing:
        entries = EntryWriter()
        shards = self._shards.shards
        with ThreadPoolExecutor(AT_ONCE) as pool:
            try:
                for number, headers in enumerate(pool.map(self._headers, shards)):
                    shard = shards[number]
                    prefix = f"{shard.name}/" if shard.name else ""
                    for name, size in zip(headers.names, headers.sizes, strict=True):
                        entries.add(prefix + name, size, shard.stamp)
                    if progress is not None:
                        progress("Listing the shards", number + 1, len(shards))
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
        return make_listing(self.path, entries.finish()[0], [shard.name for shard in shards if shard.name])

    def stream(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | UnreadableImage]]:
        left = iter(names)
        with ThreadPoolExecutor(kind_of(self._shards.address).at_once) as pool:
            try:
                while some := list(itertools.islice(left, NAMES_AT_ONCE)):
                    yield from self._fetched(pool, some)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _fetched(self, pool: ThreadPoolExecutor, names: list[str]) -> Iterator[tuple[str, bytes | UnreadableImage]]:
        by_shard: dict[str, list[str]] = {}
        for name in names:
            by_shard.setdefault(self._shard_of(name), []).append(name)
        waiting: deque[Future[list[tuple[str, bytes | UnreadableImage]]]] = deque()
        for shard, wanted in by_shard.items():
            start = len(shard) + 1 if shard else 0
            places, asked = self._places(shard), []
            small = self._small(shard) if not all(is_picture(suffix(name)) for name in wanted) else {}
            for name in wanted:
                if (known := small.get(name[start:])) is not None:
                    yield name, known
                else:
                    asked.append((*places.of(name[start:]), name))
            for run in _runs(sorted(asked)):
                waiting.append(pool.submit(self._read, shard, run))
                while len(waiting) > 32:
                    yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()

    def _read(self, shard: str, run: list[tuple[int, int, str]]) -> list[tuple[str, bytes | UnreadableImage]]:
        found: list[tuple[str, bytes | UnreadableImage]] = []
        start, end = run[0][0], max(place + size for place, size, _ in run)
        try:
            check_size(end - start, LARGEST_FILE)
        except UnreadableImage as error:
            return [(name, error) for _, _, name in run]
        filesystem, path = self._opened(shard)
        data = read_part(filesystem, path, start, end, address_of_shard(self.path, shard))
        for place, size, name in run:
            found.append((name, data[place - start : place - start + size]))
        return found

    @functools.lru_cache(64)  # noqa: B019 - a container lives as long as the command
    def _opened(self, shard: str) -> tuple[Any, str]:
        return place_of(self.path, shard)

    def _shard_of(self, name: str) -> str:
        if self._shards.shards[0].name == "":
            return ""
        end = name.find(".tar/")
        while end >= 0:
            if name[: end + 4] in self._by_name:
                return name[: end + 4]
            end = name.find(".tar/", end + 1)
        raise SkipwiseError(f"{name} is in none of the shards of {self._shards.address}; give the same command again.")

    @cached_property
    def _by_name(self) -> dict[str, Shard]:
        return {shard.name: shard for shard in self._shards.shards}

    @functools.lru_cache(SHARDS_KNOWN)  # noqa: B019
    def _places(self, shard: str) -> Places:
        headers = self._headers(self._by_name[shard])
        order = sorted(range(len(headers.names)), key=headers.names.__getitem__)
        return Places(
            names=Names.of(headers.names[each] for each in order),
            places=Integers.of(headers.places[each] for each in order),
            sizes=Integers.of(headers.sizes[each] for each in order),
        )

    @functools.lru_cache(AT_ONCE)  # noqa: B019
    def _small(self, shard: str) -> dict[str, bytes]:
        return self._headers(self._by_name[shard]).small

    def _headers(self, shard: Shard) -> Headers:
        """The headers of a shard, from the cache or from the address."""
        described = f"{address_of_shard(self.path, shard.name)} {shard.size} {shard.stamp}"
        path = cache_folder() / "listings" / f"{hashlib.sha256(os.fsencode(described)).hexdigest()[:32]}.msgpack"
        if (data := kept(path)) is not None:
            return msgspec.msgpack.decode(data, type=Headers)
        found = self._read_headers(shard)
        with contextlib.suppress(SkipwiseError, UnicodeError):  # without a cache they are read again each time
            keep(path, msgspec.msgpack.encode(found))
        return found

    def _read_headers(self, shard: Shard) -> Headers:
        address = address_of_shard(self.path, shard.name)
        found, folders = Headers([], [], [], {}), list[str]()
        with (
            explained(address),
            opened_shard(self.path, shard.name) as file,
            tarfile.open(fileobj=file, mode="r:", tarinfo=CheckedHeader) as archive,
        ):
            for member in archive:
                if is_file(address, member, folders):
                    entry = entry_of(member)
                    found.names.append(entry.name)
                    found.sizes.append(entry.size)
                    found.places.append(member.offset_data)
                    if entry.size <= SMALL and not is_picture(suffix(entry.name)):
                        content = archive.extractfile(member)
                        found.small[entry.name] = b"" if content is None else content.read()
                archive.members = []  # type: ignore[attr-defined] # tarfile would keep every header in memory
        return found


def _runs(asked: list[tuple[int, int, str]]) -> Iterator[list[tuple[int, int, str]]]:
    """The files in groups that are asked for together, of places and sizes in ascending order."""
    run: list[tuple[int, int, str]] = []
    for each in asked:
        if run and (each[0] - (run[-1][0] + run[-1][1]) > GAP or each[0] + each[1] - run[0][0] > PART):
            yield run
            run = []
        run.append(each)
    if run:
        yield run
