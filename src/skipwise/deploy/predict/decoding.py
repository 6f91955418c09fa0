"""Decodes and resizes images in threads, in order.

Threads and not processes, because threads were faster in most cases. Images per second, JPEG and PNG of 32, 224 and
1,000 pixels a side (`benchmarks/decoding.py`: two cores that others were using, too, medians of 9 interleaved rounds):

                threads   processes
    JPEG 32       3,781       2,794
    PNG 32        7,000       6,165
    JPEG 224        896         534
    PNG 224         534         554
    JPEG 1000        31          26
    PNG 1000         13          16

Decoders, Pillow's resizing and reading files release Python's lock, so that but for the smallest images threads use all
cores. A process has to be sent its work, has to send the pixels back, and takes 0.3 seconds to start. Processes win for
large PNGs, because there a faster decoder may be used that keeps the lock.

A thread can't be stopped. So a file that was made to keep a decoder busy for minutes does so here, which a process
would not allow. Its memory is limited by the number of pixels that are read (`data/image/limits.py`).
"""

from __future__ import annotations

import contextlib
import itertools
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from skipwise.data.containers import Shareable
from skipwise.data.image.decode import UnreadableImage, decode_image
from skipwise.data.names import printable
from skipwise.data.scan.inspection import PixelFormat

JOB = 16
"""Images that a thread reads and decodes at a time."""
MOST_HELD = 256 * 2**20
"""Bytes of encoded images that may wait to be decoded; a hostile archive could hold gigabytes."""


@dataclass(frozen=True)
class Resized:
    """Pixels [size, size, channels] as bytes."""

    pixels: bytes


@dataclass(frozen=True)
class InputImage:
    """An image to answer.

    Args:
        name: what an answer or an error calls it.
        container: where its bytes are read from, at `address`; None where `content` has them.
        content: its encoded bytes, its pixels, or why it can't be read.
    """

    name: str
    container: Shareable | None = None
    address: str = ""
    content: bytes | Resized | UnreadableImage = b""


def decoded(
    images: Iterable[InputImage], pixel_format: PixelFormat, *, workers: int, ahead: int
) -> Generator[tuple[str, bytes | UnreadableImage]]:
    """Each image's name and its pixels as bytes [size, size, channels], or why it can't be read, in order.

    Threads read and decode while the caller works on what it has. `images` is read only a little ahead, so it may be
    endless.

    Args:
        pixel_format: the size that pixels are brought to, and how.
        workers: the number of threads.
        ahead: about this many images are decoded before they are asked for.

    Raises:
        SkipwiseError: an archive can't be read any more.
    """
    most = max(2 * workers, -(-ahead // JOB))
    waiting: deque[tuple[Sequence[InputImage], Future[list[bytes | UnreadableImage]]]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for job in _jobs(images):
            waiting.append((job, pool.submit(decode_all, job, pixel_format)))
            while len(waiting) > most or sum(_held(job) for job, _ in waiting) > MOST_HELD:
                job, future = waiting.popleft()
                yield from zip((image.name for image in job), future.result(), strict=True)
        while waiting:
            job, future = waiting.popleft()
            yield from zip((image.name for image in job), future.result(), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)


def decode_all(images: Sequence[InputImage], pixel_format: PixelFormat) -> list[bytes | UnreadableImage]:
    """The pixels of each image as bytes [size, size, channels], or why it can't be read; in this thread.

    Raises:
        SkipwiseError: an archive can't be read any more.
    """
    found: list[bytes | UnreadableImage] = []
    for container, some in itertools.groupby(images, key=lambda image: image.container):
        with container.reader() if container is not None else contextlib.nullcontext() as read:
            for image in some:
                try:
                    content = read(image.address) if read is not None else image.content
                    found.append(pixels_of(content, pixel_format)[0])
                except UnreadableImage as error:
                    # A new one, because this one keeps the frames it passed through, and the bytes in them.
                    found.append(UnreadableImage(printable(str(error))))
                except MemoryError:
                    found.append(UnreadableImage("there is not enough memory for it"))
    return found


def pixels_of(content: bytes | Resized | UnreadableImage, pixel_format: PixelFormat) -> tuple[bytes, int | None]:
    """The pixels of an image as bytes [size, size, channels], and the shorter side that it had where it was encoded.

    Raises:
        UnreadableImage: it can't be read.
    """
    if isinstance(content, UnreadableImage):
        raise content
    if isinstance(content, Resized):
        return content.pixels, None
    header, shown = decode_image(content, channels=pixel_format.channels, levels=pixel_format.levels)
    return pixel_format.convert(shown), min(header.width, header.height)


def _jobs(images: Iterable[InputImage]) -> Iterator[Sequence[InputImage]]:
    job: list[InputImage] = []
    for image in images:
        job.append(image)
        if len(job) == JOB or _held(job) > MOST_HELD // 16:
            yield job
            job = []
    if job:
        yield job


def _held(job: Sequence[InputImage]) -> int:
    """Bytes of encoded images in a job."""
    return sum(len(image.content) for image in job if isinstance(image.content, bytes))
