"""Messages between a decoder pool and its processes: msgpack, each behind four bytes of length."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import IO, Any

import msgspec

from skipwise.data.scan.inspection import PixelFormat


@dataclass(frozen=True)
class Setup:
    """The first message to a process: the container whose files it reads.

    Args:
        kind: the kind of the container; "" where the files' bytes come with the jobs.
        path: the path of the container, as `to_text` gives it.
        time_limit: seconds of processor time that one file may take.
    """

    kind: str
    path: str
    time_limit: float


@dataclass(frozen=True)
class Job:
    """Files to inspect.

    Args:
        pixel_format: the pixels that are wanted, or None for none.
        addresses: where the files are in the container.
        contents: for a container that cannot be shared, the bytes of each file, and why it could not be read or "".
    """

    pixel_format: PixelFormat | None
    addresses: tuple[str, ...] = ()
    contents: tuple[tuple[bytes, str], ...] = ()

    @property
    def size(self) -> int:
        """Bytes of the files that come with the job."""
        return sum(len(data) for data, _ in self.contents)

    def __len__(self) -> int:
        return max(len(self.addresses), len(self.contents))

    def single(self, position: int) -> Job:
        """The job with one of its files."""
        one = slice(position, position + 1)
        return Job(self.pixel_format, self.addresses[one], self.contents[one])


def to_text(name: str) -> str:
    """A file's name as msgpack can carry it: bytes that are not UTF-8 become one character each."""
    return os.fsencode(name).decode("latin-1")


def from_text(text: str) -> str:
    """The name that `to_text` was given."""
    return os.fsdecode(text.encode("latin-1"))


def send(pipe: IO[bytes], message: Any) -> None:
    """Writes a message."""
    data = msgspec.msgpack.encode(message)
    pipe.write(len(data).to_bytes(4, "big"))
    pipe.write(data)
    pipe.flush()


def receive(pipe: IO[bytes], kind: Any) -> Any:
    """Reads the next message; None at the end, or where the other process died while it was writing."""
    length = pipe.read(4)
    if len(length) < 4:
        return None
    data = pipe.read(int.from_bytes(length, "big"))
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except msgspec.DecodeError:
        return None
