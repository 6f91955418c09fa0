"""Looking at every image of a source, written down as it goes: killed and started again, it goes on.

A transcript lives in a folder of the cache, which one process holds at a time:

thumbnails.npy, pixels.npy   a row per image
looks.jsonl                  a line per image whose rows are safely on the disk
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from skipwise.data.decode import decoders
from skipwise.data.levels import Extent
from skipwise.data.look import Look, Square, look_at_pixels
from skipwise.data.reading import CHUNK, Team, looks
from skipwise.data.sources import Source
from skipwise.data.thumbnails import SIDE
from skipwise.errors import SkipwiseError
from skipwise.files import cache_folder, explained, locked, make_folder
from skipwise.text import byte_size

SAFE_SECONDS = 3.0
"""At most this much work is lost when the process is killed."""
STALE_SECONDS = 7 * 24 * 3600
SPARE = 0.05
"""The share of a disk that is left free."""
MEND = "name a folder with room for decoded images in SKIPWISE_CACHE"


@dataclass(frozen=True)
class Looked:
    """What a look found, without thumbnail and pixels."""

    index: int
    digest: bytes
    width: int
    height: int
    grey: bool
    kind: str
    fault: str
    extent: Extent | None


class Transcript:
    """Use as a context manager: it holds the folder."""

    def __init__(
        self,
        source: Source,
        folder: Path,
        square: Square | None,
        progress: Callable[[str, int, int], None] | None,
        team: Team | None,
    ) -> None:
        self.source, self.folder, self.square, self.team = source, folder, square, team
        self.progress = progress or (lambda *_: None)
        self.looks: Sequence[Looked] = ()
        self.thumbnails = folder / "thumbnails.npy"
        self.pixels = folder / "pixels.npy"

    @classmethod
    def of(
        cls,
        source: Source,
        state: str,
        square: Square | None,
        progress: Callable[[str, int, int], None] | None,
        team: Team | None = None,
    ) -> Transcript:
        """The transcript of a source in a state, begun or not. `team` looks at the images; None for one of its own."""
        wanted = "looks" if square is None else square.key
        return cls(source, cache_folder() / "reading" / f"{state}-{wanted}", square, progress, team)

    def __enter__(self) -> Transcript:
        self.stack = contextlib.ExitStack()
        # Held apart from the folder itself, which whoever finishes first removes.
        held = cache_folder() / "locks" / self.folder.name.partition("-")[0]  # whatever the square
        make_folder(held, mend=MEND)
        total = len(self.source.ids)
        self.stack.enter_context(
            locked(held, waiting=lambda: self.progress("Waiting for another Skipwise that reads them", 0, total))
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.stack.close()

    def complete(self) -> None:
        """Looks at every image that has not been looked at.

        Raises:
            SkipwiseError: the disk is full or will be, or the cache can't be written.
        """
        total = len(self.source.ids)
        _clear_stale(self.folder.parent)
        make_folder(self.folder, mend=MEND)
        rows = self._resume()
        with explained(self.folder, mend=MEND), contextlib.ExitStack() as open_files:
            thumbnails = open_files.enter_context(_Rows(self.thumbnails, (total, SIDE, SIDE), whole=bool(rows)))
            pixels = None
            if self.square is not None:
                shape = (total, self.square.size, self.square.size, self.square.channels)
                pixels = open_files.enter_context(_Rows(self.pixels, shape, whole=bool(rows)))
            lines = open_files.enter_context((self.folder / "looks.jsonl").open("ab"))

            def secure(rows: Sequence[Looked]) -> None:
                thumbnails.sync()
                if pixels is not None:
                    pixels.sync()
                lines.write(msgspec.json.Encoder().encode_lines(rows))
                lines.flush()
                os.fsync(lines.fileno())

            # Beside the reading, which does not wait for the disk; one at a time, after the files are open.
            beside = open_files.enter_context(ThreadPoolExecutor(1))
            securing, fresh, secured = beside.submit(secure, ()), list[Looked](), time.monotonic()
            left = [index for index in range(total) if index not in rows]
            looking = open_files.enter_context(contextlib.closing(look_at(self.source, self.square, left, self.team)))
            count = total - len(left)
            for indices, seen in looking:
                thumbnails.write(indices, [look.thumbnail for look in seen])
                if pixels is not None:
                    pixels.write(indices, [look.pixels for look in seen])
                for index, look in zip(indices, seen, strict=True):
                    rows[index] = Looked(
                        index, look.digest, look.width, look.height, look.grey, look.kind, look.fault, look.extent
                    )
                    fresh.append(rows[index])
                count += len(indices)
                self.progress("Reading the images", count, total)
                if time.monotonic() - secured > SAFE_SECONDS and securing.done():
                    securing.result()
                    securing, fresh, secured = beside.submit(secure, fresh), [], time.monotonic()
            securing.result()
            secure(fresh)
        self.looks = [rows[index] for index in range(total)]

    def keep_pixels(self) -> None:
        """Puts the pixels where `pack_path` says."""
        if self.square is not None:
            digests = np.frombuffer(b"".join(row.digest for row in self.looks), np.uint8)
            path = pack_path(digests, [row.index for row in self.looks if row.fault], self.square)
            make_folder(path.parent, mend=MEND)
            with explained(path, mend=MEND):
                self.pixels.replace(path)

    def _resume(self) -> dict[int, Looked]:
        """What was looked at before. Nothing, after a look at the disk, if there is not all of it."""
        file = self.folder / "looks.jsonl"
        if file.exists() and self.thumbnails.exists() and (self.square is None or self.pixels.exists()):
            rows = {}
            content = file.read_bytes()
            end = content.rfind(b"\n") + 1  # a line that was cut off is written again
            with contextlib.suppress(msgspec.MsgspecError):
                for line in content[:end].splitlines():
                    row = msgspec.json.decode(line, type=Looked)
                    rows[row.index] = row
                os.truncate(file, end)
                return rows
        for leftover in (file, self.thumbnails, self.pixels):
            leftover.unlink(missing_ok=True)
        needed = len(self.source.ids) * (SIDE * SIDE + 300 + (self.square.row_bytes if self.square else 0))
        disk = shutil.disk_usage(self.folder)
        if needed > disk.free - SPARE * disk.total and needed > 2**20:
            free = max(0.0, disk.free - SPARE * disk.total)
            raise SkipwiseError(
                f"The decoded images need {byte_size(needed)} in {cache_folder()}, where {byte_size(free)} can be used "
                f"({byte_size(disk.free)} are free, and {SPARE:.0%} of the disk is left alone); free some space, "
                f"{MEND}, choose a smaller --img-size, or use --no-pack."
            )
        return {}


def look_at(
    source: Source, square: Square | None, indices: Sequence[int], team: Team | None = None
) -> Generator[tuple[Sequence[int], list[Look]]]:
    """A look at each of a source's images `indices`, some at a time, in whatever order is quick.

    Closing the iterator ends what it started. `team` looks at them; None for one of its own.
    """
    if source.pixels is not None:
        for start in range(0, len(indices), CHUNK):
            part = indices[start : start + CHUNK]
            yield part, [look_at_pixels(source.pixels[index], square) for index in part]
    elif indices:
        assert source.container is not None
        yield from looks(source.container, source.files, square, indices, team)


def pack_path(digests: NDArray[np.uint8], faults: Iterable[int], square: Square) -> Path:
    """Where the pixels of these images in this shape are kept. A fault's row is zero, so faults are part of the key."""
    described = hashlib.sha256(f"{decoders()} {square.key} {sorted(faults)}\n".encode())
    described.update(digests.tobytes())
    return cache_folder() / "pixels" / f"{described.hexdigest()[:32]}.npy"


def _clear_stale(reading: Path) -> None:
    """Removes transcripts that nobody went on with for a while: of files that changed, or of a size tried once."""
    for folder in reading.glob("*/"):
        with contextlib.suppress(OSError):
            if time.time() - max(file.stat().st_mtime for file in (folder, *folder.iterdir())) > STALE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


class _Rows:
    """A .npy file of rows that are written in any order, without holding them in memory."""

    def __init__(self, path: Path, shape: tuple[int, ...], *, whole: bool) -> None:
        self.path, self.shape, self.whole = path, shape, whole
        self.stride = int(np.prod(shape[1:]))

    def __enter__(self) -> _Rows:
        if not self.whole:
            with self.path.open("wb") as file:
                header = {"descr": "|u1", "fortran_order": False, "shape": self.shape}
                np.lib.format.write_array_header_1_0(file, header)
                start = file.tell()
                file.flush()
                # Reserved now, so that a full disk shows before the work is done rather than after.
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, start + max(1, self.shape[0] * self.stride))
        self.file = self.path.open("rb+", buffering=0)
        np.lib.format.read_magic(self.file)
        np.lib.format.read_array_header_1_0(self.file)
        self.start = self.file.tell()
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, indices: Sequence[int], rows: Sequence[bytes]) -> None:
        """Puts rows in their places; an empty one is left as it is. Neighbours are written at once."""
        start = 0
        while start < len(rows):
            end = start + 1
            while end < len(rows) and rows[start] and rows[end] and indices[end] == indices[end - 1] + 1:
                end += 1
            if rows[start]:
                self._write(indices[start], b"".join(rows[start:end]))
            start = end

    def _write(self, index: int, rows: bytes) -> None:
        if len(rows) % self.stride:
            raise ValueError(f"rows of {len(rows)} bytes where a multiple of {self.stride} belongs")
        self.file.seek(self.start + index * self.stride)
        view = memoryview(rows)
        while view:
            view = view[self.file.write(view) or 0 :]

    def sync(self) -> None:
        """Brings what was written to the disk."""
        os.fsync(self.file.fileno())
