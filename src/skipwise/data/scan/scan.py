"""Scanning a source: inspecting each of its images once, and caching the result until a file changes."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import json
import os
import shutil
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.cache_folder import cache_folder
from skipwise.core.remote.copies import address_of
from skipwise.core.reporting import Progress
from skipwise.data.cache.files import keep, kept
from skipwise.data.cache.rows import RowReader
from skipwise.data.containers import Folder
from skipwise.data.containers.shards import is_elsewhere, read_shards
from skipwise.data.image.decode import decoders
from skipwise.data.image.limits import most_pixels
from skipwise.data.image.thumbnails import SIDE
from skipwise.data.image.white_level import DEFAULT, Levels, choose
from skipwise.data.images import Pixels
from skipwise.data.scan.decoder_pool import DecoderPool, inspect_files
from skipwise.data.scan.guess import auto_size, extents_of
from skipwise.data.scan.inspection import PixelFormat
from skipwise.data.scan.journal import Journal, pack_path, row_remaker
from skipwise.data.sources import Source

INSPECTIONS, THUMBNAILS = "looks.npz", "thumbnails.npy"


@dataclass(frozen=True, kw_only=True, eq=False)
class Scan:
    """The facts about each image of a source; arrays are [N], in the source's order.

    Args:
        digests: SHA-256 of each image's bytes [N, 32].
        widths, heights: in pixels.
        grey: whether an image has one channel.
        kinds: file format and mode, such as "JPEG RGB".
        depths, lows, highs: the range of values of images of more than 8 bits, as `choose` takes them.
        faults: why images cannot be read, by index. Everything else that is known about these is zero.
        thumbnails: grey copies [N, 32, 32].
        folder: the folder in the cache for more results about the same images.
        levels: the values that count as white, once `for_images` has said which images are used.
        misfits: why images fit no level, by index.
        notes: sentences for the user about the levels.
    """

    digests: NDArray[np.uint8]
    widths: NDArray[np.int32]
    heights: NDArray[np.int32]
    grey: NDArray[np.bool_]
    kinds: NDArray[np.str_]
    depths: NDArray[np.uint8]
    lows: NDArray[np.float64]
    highs: NDArray[np.float64]
    faults: dict[int, str]
    thumbnails: Pixels
    folder: Path
    levels: Levels = DEFAULT
    misfits: dict[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def for_images(self, used: NDArray[np.bool_]) -> Scan:
        """The same scan with the levels of the images that are used, bool [N]."""
        chosen = choose(self.depths, self.lows, self.highs, used)
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
        """A hash of these images' names, labels, given splits and contents."""
        described = hashlib.sha256()
        for index in members.tolist():
            split = source.splits[index] if source.splits else ""
            row = f"{source.ids[index]}\0{source.classes[source.labels[index]]}\0{split}\0"
            described.update(row.encode() + self.digests[index].tobytes())
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
    return (cache_folder() / "surveys" / source_state(source) / INSPECTIONS).exists()


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
            if (status.st_size, status.st_mtime_ns) == (entry.size, entry.stamp):
                continue
        if entry.stamp == 0 and not (path / entry.name).exists():
            continue
        raise SkipwiseError(f"{path / entry.name} changed while it was being read; give the same command again.")


def _save(folder: Path, source: Source, journal: Journal) -> Scan:
    """Writes the results of a journal into the cache, and returns them."""
    rows = journal.entries
    depths, lows, highs = extents_of(rows)
    columns: dict[str, Any] = {
        "digests": np.frombuffer(b"".join(row.digest for row in rows), np.uint8).reshape(-1, 32),
        "widths": np.array([row.width for row in rows], np.int32),
        "heights": np.array([row.height for row in rows], np.int32),
        "grey": np.array([row.grey for row in rows], np.bool_),
        "kinds": np.array([row.kind for row in rows]),
        "depths": depths,
        "lows": lows,
        "highs": highs,
    }
    faults = {index: row.fault for index, row in enumerate(rows) if row.fault}
    again = partial(row_remaker, source, digests=columns["digests"], faults=faults)
    thumbnails = journal.thumbnails.finish(folder / THUMBNAILS, again(pixel_format=None))
    packed = io.BytesIO()
    np.savez(packed, faults=np.array(json.dumps(faults)), **columns)
    keep(folder / INSPECTIONS, packed.getvalue())
    if journal.pixels is not None:
        assert journal.pixel_format is not None
        path = pack_path(columns["digests"], faults, journal.pixel_format)
        journal.pixels.finish(path, again(pixel_format=journal.pixel_format))
    return Scan(**columns, faults=faults, thumbnails=thumbnails, folder=folder)


def _load(folder: Path, source: Source) -> Scan | None:
    """The scan in the cache; None if there is none, or if a file that could not be read can be read now."""
    found = _read(folder, source)
    if found is None:
        return None
    # Without a digest the fault may be permissions, memory or a killed decoder, which may be gone now.
    temporary = [index for index in found.faults if not found.digests[index].any()]
    if temporary and source.container is not None:
        for _, seen in inspect_files(source.container, source.files, None, temporary):
            if any(not inspection.fault for inspection in seen):
                return None
    return found


def _read(folder: Path, source: Source) -> Scan | None:
    data = kept(folder / INSPECTIONS)
    if data is None:
        return None
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        faults = {int(index): reason for index, reason in json.loads(str(arrays["faults"])).items()}
        columns = {name: arrays[name] for name in arrays.files if name != "faults"}
    thumbnails = RowReader.open(folder / THUMBNAILS, row_remaker(source, None, columns["digests"], faults))
    if thumbnails is None or thumbnails.shape != (len(source.ids), SIDE, SIDE):
        return None
    return Scan(**columns, faults=faults, thumbnails=thumbnails, folder=folder)
