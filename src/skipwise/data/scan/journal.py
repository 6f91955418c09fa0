"""Inspecting every image of a source, with a journal on disk, so that a killed process can be continued.

A journal is a folder in the cache, which one process locks at a time:

thumbnails.npy, pixels.npy   one row per image
looks.jsonl                  one line per image whose rows are safely on disk, with the checksums of rows and line
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
import zlib
from collections.abc import Callable, Container, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec
import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.cache_folder import cache_folder
from skipwise.core.files.folders import despite_deletion
from skipwise.core.files.locks import locked
from skipwise.core.files.os_errors import explained
from skipwise.core.files.regular import APPENDING, open_own
from skipwise.core.text import byte_size
from skipwise.data.cache.files import MEND, make_way
from skipwise.data.cache.rows import Remake, RowWriter
from skipwise.data.image.decode import decoders
from skipwise.data.image.thumbnails import SIDE
from skipwise.data.image.white_level import Extent
from skipwise.data.scan.decoder_pool import CHUNK, DecoderPool, Indices, inspect_files
from skipwise.data.scan.inspected import Digests, Inspected
from skipwise.data.scan.inspection import Inspection, PixelFormat, inspect_pixels
from skipwise.data.sources import Source

SAFE_SECONDS = 3.0
"""Seconds of work that are lost, at most, when the process is killed."""
STALE_SECONDS = 7 * 24 * 3600
"""A journal that nobody has written to for so many seconds is removed."""
FREE_SHARE = 0.05
"""Share of a disk that is left free."""


@dataclass(frozen=True)
class JournalEntry:
    """An `Inspection` with checksums in place of thumbnail and pixels, and the number of its image."""

    index: int
    digest: bytes
    width: int
    height: int
    grey: bool
    kind: str
    fault: str
    extent: Extent | None
    checksums: tuple[int, ...]


class Journal:
    """The inspection of a source's images in progress. As a context manager, it locks the journal's folder.

    Args:
        source: the images.
        folder: the journal's folder.
        pixel_format: the pixels to store, or None for thumbnails alone.
        progress: called as progress(what, done, total).
        pool: the decoder processes to use; None starts some when they are needed.
    """

    def __init__(
        self,
        source: Source,
        folder: Path,
        pixel_format: PixelFormat | None,
        progress: Callable[[str, int, int], None] | None,
        pool: DecoderPool | None,
    ) -> None:
        self.source, self.folder, self.pixel_format, self.pool = source, folder, pixel_format, pool
        self.progress = progress or (lambda *_: None)
        self.lines = folder / "looks.jsonl"
        total = len(source.ids)
        self.inspected = Inspected(total)
        self.thumbnails = RowWriter(folder / "thumbnails.npy", (total, SIDE, SIDE))
        self.pixels = None if pixel_format is None else RowWriter(folder / "pixels.npy", (total, *pixel_format.shape))

    @classmethod
    def for_source(
        cls,
        source: Source,
        state: str,
        pixel_format: PixelFormat | None,
        progress: Callable[[str, int, int], None] | None,
        pool: DecoderPool | None = None,
    ) -> Journal:
        """The journal of a source in a state, as `source_state` names it; it may exist on disk already."""
        wanted = "looks" if pixel_format is None else pixel_format.key
        return cls(source, cache_folder() / "reading" / f"{state}-{wanted}", pixel_format, progress, pool)

    def __enter__(self) -> Journal:
        # The lock is outside the folder, which the process that finishes first removes. There is one lock for all pixel
        # formats of a source.
        lock = cache_folder() / "locks" / self.folder.name.partition("-")[0]
        total = len(self.source.ids)

        def acquire() -> contextlib.ExitStack:
            make_way(lock / ".lock")
            with contextlib.ExitStack() as stack:
                stack.enter_context(
                    locked(
                        lock,
                        waiting=lambda: self.progress("Waiting for another Skipwise that reads these images", 0, total),
                    )
                )
                return stack.pop_all()

        self.stack = despite_deletion(acquire)
        for file in self._files:
            self.stack.callback(file.close)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.stack.close()

    @property
    def _files(self) -> list[RowWriter]:
        return [self.thumbnails, *([] if self.pixels is None else [self.pixels])]

    def complete(self) -> None:
        """Inspects every image that is not in the journal yet.

        Raises:
            SkipwiseError: the disk is full or will be, or the cache can't be written.
        """
        total = len(self.source.ids)
        _clear_stale(self.folder.parent)
        with explained(self.folder, mend=MEND), contextlib.ExitStack() as open_files:
            lines = despite_deletion(self._open)
            open_files.enter_context(lines)

            def save(rows: Sequence[JournalEntry]) -> None:
                for file in self._files:
                    file.sync()
                lines.write(b"".join(map(self._line, rows)))
                lines.flush()
                os.fsync(lines.fileno())

            # In another thread, so that inspecting does not wait for the disk.
            saver = open_files.enter_context(ThreadPoolExecutor(1))
            saving, fresh, saved = saver.submit(save, ()), list[JournalEntry](), time.monotonic()
            left = np.flatnonzero(~self.inspected.done)
            inspections = open_files.enter_context(
                contextlib.closing(inspect_images(self.source, self.pixel_format, left, self.pool))
            )
            count = total - len(left)
            for indices, seen in inspections:
                sums = [self.thumbnails.write(indices, [inspection.thumbnail for inspection in seen])]
                if self.pixels is not None:
                    sums.append(self.pixels.write(indices, [inspection.pixels for inspection in seen]))
                for index, inspection, *each in zip(indices, seen, *sums, strict=True):
                    entry = JournalEntry(
                        int(index),
                        inspection.digest,
                        inspection.width,
                        inspection.height,
                        inspection.grey,
                        inspection.kind,
                        inspection.fault,
                        inspection.extent,
                        tuple(each),
                    )
                    fresh.append(entry)
                self.inspected.put(indices, seen)
                count += len(indices)
                self.progress("Reading the images", count, total)
                if time.monotonic() - saved > SAFE_SECONDS and saving.done():
                    saving.result()
                    saving, fresh, saved = saver.submit(save, fresh), [], time.monotonic()
            saving.result()
            save(fresh)
        if not self.inspected.done.all():
            raise RuntimeError("some images were not inspected")

    def _open(self) -> IO[bytes]:
        """Notes the entries from before, and returns the file to append new ones to.

        Starts from the beginning if one of the files is missing; then there has to be room on the disk.
        """
        for path in (self.lines, *(file.path for file in self._files)):
            make_way(path)
        if self.lines.exists() and all(file.resume() for file in self._files):
            for row in self._read_lines():
                if all(file.holds(row.index, sum) for file, sum in zip(self._files, row.checksums, strict=True)):
                    self.inspected.put([row.index], [row])
            return os.fdopen(open_own(self.lines, APPENDING), "ab")
        for path in (self.lines, *(file.path for file in self._files)):
            path.unlink(missing_ok=True)
        needed = len(self.source.ids) * (SIDE * SIDE + 300 + (self.pixel_format.row_bytes if self.pixel_format else 0))
        disk = shutil.disk_usage(self.folder)
        if needed > disk.free - FREE_SHARE * disk.total and needed > 2**20:
            free = max(0.0, disk.free - FREE_SHARE * disk.total)
            raise SkipwiseError(
                f"The decoded images need {byte_size(needed)} in {cache_folder()}, where {byte_size(free)} can be used "
                f"({byte_size(disk.free)} are free, and {FREE_SHARE:.0%} of the disk is left alone); free some space, "
                f"{MEND}, choose a smaller --img-size, or use --no-pack."
            )
        for file in self._files:
            file.begin()
        return os.fdopen(open_own(self.lines, APPENDING), "ab")

    def _line(self, row: JournalEntry) -> bytes:
        text = msgspec.json.encode(row)
        # It starts with a line break, since a kill may have left half a line.
        return b"\n%08x %s\n" % (self._checksum(text), text)

    def _read_lines(self) -> Iterator[JournalEntry]:
        """The entries of all lines that are undamaged."""
        with self.lines.open("rb") as lines:
            yield from filter(None, map(self._read_line, lines))

    def _read_line(self, line: bytes) -> JournalEntry | None:
        """The entry of a line; None if it is damaged."""
        checksum, _, text = line.rstrip(b"\n").partition(b" ")
        if checksum == b"%08x" % self._checksum(text):
            with contextlib.suppress(msgspec.MsgspecError):
                row = msgspec.json.decode(text, type=JournalEntry)
                if len(row.checksums) == len(self._files) and 0 <= row.index < len(self.inspected.done):
                    return row
        return None

    def _checksum(self, text: bytes) -> int:
        """The checksum of a line; it depends on the folder, so that a line of another journal is not accepted."""
        return zlib.crc32(text, zlib.crc32(os.fsencode(self.folder.name)))


def inspect_images(
    source: Source, pixel_format: PixelFormat | None, indices: Indices, pool: DecoderPool | None = None
) -> Generator[tuple[Indices, list[Inspection]]]:
    """Inspects some of a source's images, and yields results with their indices, some at a time, in any order.

    Closing the iterator ends the processes that it started.

    Args:
        indices: the numbers of the images.
        pool: the decoder processes to use; None starts some.
    """
    if source.pixels is not None:
        for start in range(0, len(indices), CHUNK):
            part = indices[start : start + CHUNK]
            yield part, [inspect_pixels(source.pixels[index], pixel_format) for index in part]
    elif len(indices):
        assert source.container is not None
        yield from inspect_files(source.container, source.files, pixel_format, indices, pool)


def row_remaker(source: Source, pixel_format: PixelFormat | None, digests: Digests, faults: Container[int]) -> Remake:
    """A function that decodes images again into rows of pixels, or of thumbnails if `pixel_format` is None."""

    def remake(numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        rows = np.zeros((len(numbers), *((SIDE, SIDE) if pixel_format is None else pixel_format.shape)), np.uint8)
        row_of = dict(zip(numbers.tolist(), rows, strict=True))
        with contextlib.closing(inspect_images(source, pixel_format, numbers.tolist())) as inspections:
            for indices, seen in inspections:
                for index, inspection in zip(indices, seen, strict=True):
                    if inspection.digest != digests[index] or bool(inspection.fault) != (index in faults):
                        raise SkipwiseError(
                            f"{source.ids[index]} changed since it was first read; give the same command again."
                        )
                    if data := inspection.thumbnail if pixel_format is None else inspection.pixels:
                        row_of[index][:] = np.frombuffer(data, np.uint8).reshape(row_of[index].shape)
        return rows

    return remake


def pack_path(digests: Digests, faults: Iterable[int], pixel_format: PixelFormat) -> Path:
    """Returns the file for the pixels of these images in this format.

    The row of an image with a fault is zero, so the faults are part of the key.
    """
    described = hashlib.sha256(f"{decoders()} {pixel_format.key} {sorted(faults)}\n".encode())
    for part in digests.parts():
        described.update(part.tobytes())
    return cache_folder() / "pixels" / f"{described.hexdigest()[:32]}.npy"


def _clear_stale(reading: Path) -> None:
    """Removes journals that nobody continues: those of files that changed, or of a size that was tried once."""
    for folder in reading.glob("*/"):
        with contextlib.suppress(OSError):
            if time.time() - max(file.stat().st_mtime for file in (folder, *folder.iterdir())) > STALE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
