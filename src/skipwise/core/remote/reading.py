"""The bytes of a file at an address: all of them, or a part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from skipwise.core.errors import SkipwiseError
from skipwise.core.remote.faults import Truncated, insisting

PART = 2**23
"""Bytes of one request."""


def read_part(filesystem: Any, path: str, start: int, end: int, address: str) -> bytes:
    """The bytes from `start` up to `end`, asked for again where the answer is cut off.

    Raises:
        SkipwiseError: they can't be had.
    """

    def read() -> bytes:
        if filesystem.protocol == "http" or "http" in filesystem.protocol:
            # `cat_file` would read all of a file into memory, where a server gives no parts.
            with filesystem.open(path, "rb", block_size=PART, cache_type="none", size=end) as file:
                found = bytes(file._fetch_range(start, end))
        else:
            found = bytes(filesystem.cat_file(path, start=start, end=end))
        if len(found) != end - start:
            raise Truncated(f"{len(found):,} bytes came instead of {end - start:,}")
        return found

    return b"" if end <= start else insisting(read, address, enduring=True)


def read_whole(filesystem: Any, path: str, size: int, address: str) -> bytes:
    """All bytes of a small file of a known size.

    Raises:
        SkipwiseError: they can't be had.
    """
    return read_part(filesystem, path, 0, size, address)


def gives_parts(filesystem: Any, path: str, size: int, address: str) -> bool:
    """Returns whether parts of a file can be had; some servers of the web always send all of it."""
    if "http" not in filesystem.protocol:
        return True

    def ask() -> bool:
        with filesystem.open(path, "rb", block_size=PART, cache_type="none", size=size) as file:
            try:
                return len(file._fetch_range(size - 1, size)) == 1
            except ValueError:  # how fsspec says that all of the file would come
                return False

    return insisting(ask, address)


def stream_into(filesystem: Any, path: str, target: Path, most: int, address: str, tell: Callable[[int], None]) -> None:
    """Writes a file that comes in one piece, such as from a server that gives no parts.

    Args:
        most: bytes at most; a server may send without an end.
        tell: called with the number of bytes that have arrived.

    Raises:
        SkipwiseError: it can't be had, or is larger.
    """
    from fsspec.callbacks import Callback

    class Counted(Callback):
        def relative_update(self, inc: int = 1) -> None:
            super().relative_update(inc)
            if self.value > most:
                raise SkipwiseError(f"{address} is larger than the {most:,} bytes that there is room for.")
            tell(self.value)

    def get() -> None:
        filesystem.get_file(path, str(target), callback=Counted())

    insisting(get, address, enduring=True)


class Ahead:
    """A file at an address that is read from its beginning to its end, a large part at a time, as a file object.

    Args:
        filesystem, path, address: where it is.
        size: its length in bytes.
        part: bytes of one request.
    """

    def __init__(self, filesystem: Any, path: str, size: int, address: str, part: int = PART) -> None:
        self.filesystem, self.path, self.size, self.address, self.part = filesystem, path, size, address, part
        self.place = self.start = 0
        self.held = b""
        self.closed = False

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.place

    def seek(self, offset: int, whence: int = 0) -> int:
        self.place = max(0, offset + (0, self.place, self.size)[whence])
        return self.place

    def read(self, count: int = -1) -> bytes:
        end = self.size if count < 0 else min(self.size, self.place + count)
        parts = []
        while self.place < end:
            if not self.start <= self.place < self.start + len(self.held):
                self.start = self.place
                until = min(self.size, max(end if end - self.place > self.part else 0, self.place + self.part))
                self.held = read_part(self.filesystem, self.path, self.start, until, self.address)
            piece = self.held[self.place - self.start : end - self.start]
            parts.append(piece)
            self.place += len(piece)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        self.closed, self.held = True, b""

    def flush(self) -> None:
        """Nothing is written."""

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def as_file(ahead: Ahead) -> IO[bytes]:
    """The same, for functions that want a file."""
    return ahead  # type: ignore[return-value]
