"""Scanning a source: inspecting each of its images once, and caching the result until a file changes."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import shutil
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.cache_folder import cache_folder
from skipwise.core.machine.allocator import give_back
from skipwise.core.remote.copies import address_of
from skipwise.core.reporting import Progress
from skipwise.data.cache.arrays import KeptArrays
from skipwise.data.cache.rows import RowReader
from skipwise.data.containers import Folder
from skipwise.data.containers.entries import LAST
from skipwise.data.containers.shards import is_elsewhere, read_shards
from skipwise.data.image.decode import decoders
from skipwise.data.image.limits import most_pixels
from skipwise.data.image.thumbnails import SIDE
from skipwise.data.image.white_level import DEFAULT, Levels, choose
from skipwise.data.images import Pixels
from skipwise.data.scan.decoder_pool import DecoderPool, inspect_files
from skipwise.data.scan.guess import auto_size
from skipwise.data.scan.inspected import Digests
from skipwise.data.scan.inspection import PixelFormat
from skipwise.data.scan.journal import Journal, pack_path, row_remaker
from skipwise.data.sources import Source

INSPECTIONS, THUMBNAILS = "looks.npz", "thumbnails.npy"


@dataclass(frozen=True, kw_only=True, eq=False)
class Scan:
    """The facts about each image of a source; arrays are [N], in the source's order.

    Args:
        columns: all of it, read from the cache when it is asked for. The properties say what there is.
        faults: why images cannot be read, by index. Everything else that is known about these is zero.
        thumbnails: grey copies [N, 32, 32].
        folder: the folder in the cache for more results about the same images.
        levels: the values that count as white, once `for_images` has said which images are used.
        misfits: why images fit no level, by index.
        notes: sentences for the user about the levels.
    """

    columns: KeptArrays
    faults: dict[int, str]
    thumbnails: Pixels
    folder: Path
    levels: Levels = DEFAULT
    misfits: dict[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def digests(self) -> Digests:
        """The SHA-256 of each image's bytes."""
        return Digests(self.columns)

    @property
    def widths(self) -> NDArray[np.int32]:
        """The width of each image in pixels."""
        return self.columns["widths"]

    @property
    def heights(self) -> NDArray[np.int32]:
        """The height of each image in pixels."""
        return self.columns["heights"]

    @property
    def grey(self) -> NDArray[np.bool_]:
        """Whether each image has one channel."""
        return self.columns["grey"]

    @property
    def kinds(self) -> NDArray[np.str_]:
        """The file format and mode of each image, such as "JPEG RGB"."""
        return self.columns["kinds"]

    def for_images(self, used: NDArray[np.bool_]) -> Scan:
        """The same scan with the levels of the images that are used, bool [N]."""
        chosen = choose(self.columns["depths"], self.columns["lows"], self.columns["highs"], used)
        return replace(self, levels=chosen.levels, misfits=chosen.misfits, notes=chosen.sentences)

    @property
    def decoded(self) -> NDArray[np.bool_]:
        """A mask of the images that could be decoded: bool [N]."""
        mask = np.ones(len(self.digests), dtype=bool)
        mask[list(self.faults)] = False
        return mask

    @property
    def unreadable(self) -> dict[int, str]:
        """The reasons why images cannot be read, by index: faults and misfits."""
        return self.faults | self.misfits

    @property
    def readable(self) -> NDArray[np.bool_]:
        """A mask of the images that can be read: bool [N]."""
        mask = self.decoded
        mask[list(self.misfits)] = False
        return mask

    @property
    def sides(self) -> NDArray[np.int32]:
        """The shorter side of each image in pixels."""
        return np.minimum(self.widths, self.heights)

    def channels(self, members: NDArray[np.int64]) -> int:
        """1 if all of these images are grey, else 3."""
        return 1 if self.grey[members].all() else 3

    def auto_size(self, members: NDArray[np.int64]) -> int:
        """The size that is chosen for these images automatically, in pixels."""
        return auto_size(self.sides[members])

    def fingerprint(self, source: Source, members: NDArray[np.int64]) -> str:
        """A hash of the names, labels, given splits and contents of images, whose numbers are ascending."""
        described, used = hashlib.sha256(), np.zeros(len(self.digests), np.bool_)
        used[members] = True
        splits = source.splits or itertools.repeat("")
        rows = zip(source.ids, source.labels, splits, self.digests, strict=False)
        for name, label, split, digest in itertools.compress(rows, used):
            described.update(f"{name}\0{source.classes[label]}\0{split}\0".encode() + digest)
        return described.hexdigest()


def scan_images(
    source: Source,
    progress: Progress | None = None,
    *,
    guess: PixelFormat | None = None,
    pool: DecoderPool | None = None,
) -> Scan:
    """Inspects every image of a source, or loads the result from the cache.

    A file counts as unchanged while its size and the time of its last change are the same.

    Args:
        source: the images.
        progress: called as progress(what, done, total).
        guess: the pixel format that will probably be needed; pixels in it are stored in the same pass.
        pool: decoder processes to use; None starts some.

    Returns:
        What is known about each image. Images that cannot be read are among its faults.

    Raises:
        SkipwiseError: a file changed during the scan, or the cache cannot be written.
    """
    try:
        return _scanned(source, progress, guess, pool)
    finally:
        give_back()


def _scanned(source: Source, progress: Progress | None, guess: PixelFormat | None, pool: DecoderPool | None) -> Scan:
    state = source_state(source)
    folder = cache_folder() / "surveys" / state
    if (found := _load(folder, source)) is not None:
        return found
    with Journal.for_source(source, state, guess, progress, pool) as journal:
        if (found := _load(folder, source)) is not None:  # another process made it while this one waited
            return found
        journal.complete()
        check_unchanged(source)
        return _save(folder, source, journal)


def is_scanned(source: Source) -> bool:
    """Returns whether a scan of the source is in the cache."""
    folder = cache_folder() / "surveys" / source_state(source)
    return (folder / INSPECTIONS).exists() and (folder / THUMBNAILS).exists()


def forget(source: Source) -> None:
    """Removes the scan of a source from the cache."""
    shutil.rmtree(cache_folder() / "surveys" / source_state(source), ignore_errors=True)


def decoder_pool_for(source: Source) -> AbstractContextManager[DecoderPool | None]:
    """A decoder pool for a source as a context manager; None if its images are in memory already."""
    if source.container is None:
        return contextlib.nullcontext(None)
    return DecoderPool(source.container, len(source.files))


def source_state(source: Source) -> str:
    """A hash of everything that a scan depends on: the files' names, sizes and times, and the decoders."""
    described = hashlib.sha256(f"{decoders()} {most_pixels()}\n".encode())
    if source.pixels is not None:
        described.update(source.pixels.tobytes())
        return described.hexdigest()[:32]
    assert source.container is not None
    described.update(os.fsencode(_home(source.container.path)) + f"\n{source.archive}\n".encode())
    for separator, words in (
        ("\0", (entry.name for entry in source.entries)),
        ("\n", (f"{entry.size} {entry.stamp}" for entry in source.entries)),
    ):
        before = ""
        while some := list(itertools.islice(words, 10_000)):  # all at once they would be in memory another time
            described.update(os.fsencode(before + separator.join(some)))
            before = separator
    return described.hexdigest()[:32]


def _home(path: Path) -> str:
    """The place of images, the same on every machine if they are at an address."""
    return read_shards(path).address if is_elsewhere(path) else address_of(path.absolute())


def check_unchanged(source: Source) -> None:
    """Raises SkipwiseError if a file has changed since it was listed."""
    if source.container is None:
        return
    path = source.container.path
    if source.container.stamp() != source.archive:
        raise SkipwiseError(f"{path} changed while it was being read; give the same command again.")
    for entry in source.entries if isinstance(source.container, Folder) else ():
        with contextlib.suppress(OSError):  # a file that is missing is a fault of the scan
            status = (path / entry.name).stat()
            if (status.st_size, min(status.st_mtime_ns, LAST)) == (entry.size, entry.stamp):
                continue
        if entry.stamp == 0 and not (path / entry.name).exists():
            continue
        raise SkipwiseError(f"{path / entry.name} changed while it was being read; give the same command again.")


def _save(folder: Path, source: Source, journal: Journal) -> Scan:
    """Writes the results of a journal into the cache, and returns them."""
    columns, faults = KeptArrays.written(folder / INSPECTIONS, journal.inspected.arrays()), journal.inspected.faults
    digests = Digests(columns)
    remake = row_remaker(source, None, digests, faults)
    thumbnails = journal.thumbnails.finish(folder / THUMBNAILS, remake)
    if journal.pixels is not None:
        assert journal.pixel_format is not None
        path = pack_path(digests, faults, journal.pixel_format)
        journal.pixels.finish(path, row_remaker(source, journal.pixel_format, digests, faults))
    return Scan(columns=columns, faults=faults, thumbnails=thumbnails, folder=folder)


def _load(folder: Path, source: Source) -> Scan | None:
    """The scan in the cache; None if there is none, or if a file that could not be read can be read now."""
    found = _read(folder, source)
    if found is None:
        return None
    # Without a digest the fault may be permissions, memory or a killed decoder, which may be gone now.
    temporary = [index for index in found.faults if not any(found.digests[index])]
    if temporary and source.container is not None:
        for _, seen in inspect_files(source.container, source.files, None, temporary):
            if any(not inspection.fault for inspection in seen):
                return None
    return found


def _read(folder: Path, source: Source) -> Scan | None:
    columns = KeptArrays.open(folder / INSPECTIONS)
    if columns is None:
        return None
    faults = {int(index): reason for index, reason in json.loads(str(columns["faults"])).items()}
    thumbnails = RowReader.open(folder / THUMBNAILS, row_remaker(source, None, Digests(columns), faults))
    if thumbnails is None or thumbnails.shape != (len(source.ids), SIDE, SIDE):
        return None
    return Scan(columns=columns, faults=faults, thumbnails=thumbnails, folder=folder)
