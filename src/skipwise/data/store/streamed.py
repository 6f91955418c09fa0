"""Streamed pixels: images decoded on demand, which needs no disk, but more work in every epoch."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.data.containers import Fetching, Shareable
from skipwise.data.scan.decoder_pool import DecoderPool, inspect_files
from skipwise.data.scan.inspection import Inspection, PixelFormat, inspect_pixels
from skipwise.data.scan.scan import Scan
from skipwise.data.sources import Source


class Streamed:
    """Pixels uint8 [N, size, size, channels] that decoder processes decode on demand.

    `prefetch` starts to decode the next batch, so that decoding overlaps with training.
    """

    def __init__(self, source: Source, scan: Scan, pixel_format: PixelFormat) -> None:
        self.container = source.container if isinstance(source.container, Shareable | Fetching) else None
        if source.container is not None and self.container is None:
            raise SkipwiseError(
                f"{source.container.path} cannot be streamed, since it can only be read from start to end; unpack "
                "it, or leave --no-pack out."
            )
        self.source, self.scan, self.pixel_format = source, scan, pixel_format
        self.shape = (len(source.ids), pixel_format.size, pixel_format.size, pixel_format.channels)
        self.pool = None if self.container is None else DecoderPool(self.container, len(source.ids))
        self.ahead: tuple[bytes, Future[NDArray[np.uint8]]] | None = None
        self.thread = ThreadPoolExecutor(1)
        self.lock = threading.Lock()

    def close(self) -> None:
        """Ends the decoder processes."""
        self.thread.shutdown(cancel_futures=True)
        if self.pool is not None:
            self.pool.end()

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        ahead, self.ahead = self.ahead, None
        if ahead is not None:
            ready = ahead[1].result()
            if ahead[0] == indices.tobytes():
                return ready
        return self._decode(indices)

    def prefetch(self, indices: NDArray[np.int64]) -> None:
        """Starts to decode the images that will be asked for next."""
        self.ahead = (indices.tobytes(), self.thread.submit(self._decode, indices))

    def _decode(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        batch = np.empty((len(indices), *self.shape[1:]), dtype=np.uint8)
        with self.lock:
            for position, pixels in enumerate(self._pixels(indices.tolist())):
                batch[position] = np.frombuffer(pixels, np.uint8).reshape(self.shape[1:])
        return batch

    def _pixels(self, indices: list[int]) -> Iterator[bytes]:
        container = self.container
        if self.pool is None or container is None:
            assert self.source.pixels is not None
            for index in indices:
                yield inspect_pixels(self.source.pixels[index], self.pixel_format).pixels
            return
        for index, inspection in zip(indices, self._inspections(container, self.pool, indices), strict=True):
            if inspection.fault or inspection.digest != self.scan.digests[index]:
                reason = inspection.fault or "its content is different"
                raise SkipwiseError(
                    f"{self.source.ids[index]} changed since training began ({reason}); give the same command again."
                )
            yield inspection.pixels

    def _inspections(
        self, container: Shareable | Fetching, pool: DecoderPool, indices: list[int]
    ) -> Iterator[Inspection]:
        """Results of the decoders, in the order of the indices."""
        if isinstance(container, Shareable):
            addresses = (container.address(self.source.files[index]) for index in indices)
            yield from itertools.chain.from_iterable(pool.inspect(addresses, len(indices), self.pixel_format))
            return
        found: dict[int, Inspection] = {}
        wanted = list(dict.fromkeys(indices))
        for some, seen in inspect_files(container, self.source.files, self.pixel_format, wanted, pool):
            found.update(zip(some, seen, strict=True))
        yield from (found[index] for index in indices)
