"""Pixels that are decoded when they are asked for: no disk, more work in every epoch."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.data.containers import Shareable
from skipwise.data.scan.decoder_pool import Team
from skipwise.data.scan.inspection import Square, look_at_pixels
from skipwise.data.scan.scan import Survey
from skipwise.data.sources import Source


class Streamed:
    """uint8 [N, size, size, channels] like a pack, but decoded on demand by processes of its own.

    `prefetch` starts on a batch that will be asked for next, so that decoding overlaps with training.
    """

    def __init__(self, source: Source, seen: Survey, square: Square) -> None:
        self.container = source.container if isinstance(source.container, Shareable) else None
        if source.container is not None and self.container is None:
            raise SkipwiseError(
                f"{source.container.path} can't be streamed, since it is read from its beginning on; make image files "
                "of it, or leave --no-pack out."
            )
        self.source, self.seen, self.square = source, seen, square
        self.shape = (len(source.ids), square.size, square.size, square.channels)
        self.team = None if self.container is None else Team(self.container, len(source.ids))
        self.ahead: tuple[bytes, Future[NDArray[np.uint8]]] | None = None
        self.thread = ThreadPoolExecutor(1)
        self.lock = threading.Lock()

    def close(self) -> None:
        """Ends the processes."""
        self.thread.shutdown(cancel_futures=True)
        if self.team is not None:
            self.team.end()

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
        """Starts decoding what will be asked for next."""
        self.ahead = (indices.tobytes(), self.thread.submit(self._decode, indices))

    def _decode(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        batch = np.empty((len(indices), *self.shape[1:]), dtype=np.uint8)
        with self.lock:
            for position, pixels in enumerate(self._pixels(indices.tolist())):
                batch[position] = np.frombuffer(pixels, np.uint8).reshape(self.shape[1:])
        return batch

    def _pixels(self, indices: list[int]) -> Iterator[bytes]:
        container = self.container
        if self.team is None or container is None:
            assert self.source.pixels is not None
            for index in indices:
                yield look_at_pixels(self.source.pixels[index], self.square).pixels
            return
        addresses = (container.address(self.source.files[index]) for index in indices)
        seen = itertools.chain.from_iterable(self.team.looks(addresses, len(indices), self.square))
        for index, look in zip(indices, seen, strict=True):
            if look.fault or look.digest != self.seen.digests[index].tobytes():
                raise SkipwiseError(
                    f"{self.source.ids[index]} changed since training began ({look.fault or 'another content'}); give "
                    "the same command again."
                )
            yield look.pixels
