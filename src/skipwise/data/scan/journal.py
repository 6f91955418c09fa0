"""Looking at every image of a source, written down as it goes: killed and started again, it goes on.

A transcript lives in a folder of the cache, which one process holds at a time:

thumbnails.npy, pixels.npy   a row per image
looks.jsonl                  a line per image whose rows are safely on the disk, with their checksums and its own
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
from skipwise.data.cache.rows import Remake, RowFile
from skipwise.data.image.decode import decoders
from skipwise.data.image.thumbnails import SIDE
from skipwise.data.image.white_level import Extent
from skipwise.data.scan.inspection import Look, Square, look_at_pixels
from skipwise.data.scan.pool import CHUNK, Team, looks
from skipwise.data.sources import Source

SAFE_SECONDS = 3.0
"""At most this much work is lost when the process is killed."""
STALE_SECONDS = 7 * 24 * 3600
SPARE = 0.05
"""The share of a disk that is left free."""


@dataclass(frozen=True)
class Looked:
    """What a look found, with the checksums of thumbnail and pixels in place of these."""

    index: int
    digest: bytes
    width: int
    height: int
    grey: bool
    kind: str
    fault: str
    extent: Extent | None
    checksums: tuple[int, ...]


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
        self.lines = folder / "looks.jsonl"
        total = len(source.ids)
        self.thumbnails = RowFile(folder / "thumbnails.npy", (total, SIDE, SIDE))
        self.pixels = None if square is None else RowFile(folder / "pixels.npy", (total, *square.shape))

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
        # Held apart from the folder itself, which whoever finishes first removes.
        held = cache_folder() / "locks" / self.folder.name.partition("-")[0]  # whatever the square
        total = len(self.source.ids)

        def hold() -> contextlib.ExitStack:
            make_way(held / ".lock")
            with contextlib.ExitStack() as stack:
                stack.enter_context(
                    locked(
                        held, waiting=lambda: self.progress("Waiting for another Skipwise that reads them", 0, total)
                    )
                )
                return stack.pop_all()

        self.stack = despite_deletion(hold)
        for file in self._files:
            self.stack.callback(file.close)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.stack.close()

    @property
    def _files(self) -> list[RowFile]:
        return [self.thumbnails, *([] if self.pixels is None else [self.pixels])]

    def complete(self) -> None:
        """Looks at every image that has not been looked at.

        Raises:
            SkipwiseError: the disk is full or will be, or the cache can't be written.
        """
        total = len(self.source.ids)
        _clear_stale(self.folder.parent)
        with explained(self.folder, mend=MEND), contextlib.ExitStack() as open_files:
            rows, lines = despite_deletion(self._open)
            open_files.enter_context(lines)

            def secure(rows: Sequence[Looked]) -> None:
                for file in self._files:
                    file.sync()
                lines.write(b"".join(map(self._line, rows)))
                lines.flush()
                os.fsync(lines.fileno())

            # Beside the reading, which does not wait for the disk; one at a time, after the files are open.
            beside = open_files.enter_context(ThreadPoolExecutor(1))
            securing, fresh, secured = beside.submit(secure, ()), list[Looked](), time.monotonic()
            left = [index for index in range(total) if index not in rows]
            looking = open_files.enter_context(contextlib.closing(look_at(self.source, self.square, left, self.team)))
            count = total - len(left)
            for indices, seen in looking:
                sums = [self.thumbnails.write(indices, [look.thumbnail for look in seen])]
                if self.pixels is not None:
                    sums.append(self.pixels.write(indices, [look.pixels for look in seen]))
                for index, look, *each in zip(indices, seen, *sums, strict=True):
                    rows[index] = Looked(
                        index,
                        look.digest,
                        look.width,
                        look.height,
                        look.grey,
                        look.kind,
                        look.fault,
                        look.extent,
                        tuple(each),
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

    def _open(self) -> tuple[dict[int, Looked], IO[bytes]]:
        """What was looked at before, and the file to write down what is looked at now.

        Begins anew, after a look at the disk, where not all of the files are there.
        """
        for path in (self.lines, *(file.path for file in self._files)):
            make_way(path)
        if self.lines.exists() and all(file.go_on() for file in self._files):
            found = {row.index: row for row in self._read_lines()}
            return {
                index: row
                for index, row in found.items()
                if all(file.holds(index, sum) for file, sum in zip(self._files, row.checksums, strict=True))
            }, os.fdopen(open_own(self.lines, APPENDING), "ab")
        for path in (self.lines, *(file.path for file in self._files)):
            path.unlink(missing_ok=True)
        needed = len(self.source.ids) * (SIDE * SIDE + 300 + (self.square.row_bytes if self.square else 0))
        disk = shutil.disk_usage(self.folder)
        if needed > disk.free - SPARE * disk.total and needed > 2**20:
            free = max(0.0, disk.free - SPARE * disk.total)
            raise SkipwiseError(
                f"The decoded images need {byte_size(needed)} in {cache_folder()}, where {byte_size(free)} can be used "
                f"({byte_size(disk.free)} are free, and {SPARE:.0%} of the disk is left alone); free some space, "
                f"{MEND}, choose a smaller --img-size, or use --no-pack."
            )
        for file in self._files:
            file.begin()
        return {}, os.fdopen(open_own(self.lines, APPENDING), "ab")

    def _line(self, row: Looked) -> bytes:
        text = msgspec.json.encode(row)
        # On a line of its own whatever a kill left of the one before.
        return b"\n%08x %s\n" % (self._checksum(text), text)

    def _read_lines(self) -> Iterator[Looked]:
        """The rows of all lines that are whole."""
        for line in self.lines.read_bytes().splitlines():
            checksum, _, text = line.partition(b" ")
            if checksum == b"%08x" % self._checksum(text):
                with contextlib.suppress(msgspec.MsgspecError):
                    row = msgspec.json.decode(text, type=Looked)
                    if len(row.checksums) == len(self._files):
                        yield row

    def _checksum(self, text: bytes) -> int:
        """The checksum of a line, in this folder."""
        return zlib.crc32(text, zlib.crc32(os.fsencode(self.folder.name)))


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


def remaking(source: Source, square: Square | None, digests: NDArray[np.uint8], faults: Container[int]) -> Remake:
    """Makes pixels again, or thumbnails where there is no square, of images with these digests and faults."""

    def remake(numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        rows = np.zeros((len(numbers), *((SIDE, SIDE) if square is None else square.shape)), np.uint8)
        row_of = dict(zip(numbers.tolist(), rows, strict=True))
        with contextlib.closing(look_at(source, square, numbers.tolist())) as looking:
            for indices, seen in looking:
                for index, look in zip(indices, seen, strict=True):
                    if look.digest != digests[index].tobytes() or bool(look.fault) != (index in faults):
                        raise SkipwiseError(
                            f"{source.ids[index]} changed since it was first read; give the same command again."
                        )
                    if data := look.thumbnail if square is None else look.pixels:
                        row_of[index][:] = np.frombuffer(data, np.uint8).reshape(row_of[index].shape)
        return rows

    return remake


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
