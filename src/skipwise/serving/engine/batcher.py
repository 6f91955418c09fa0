"""Decoded images become batches, for one network in a thread of its own.

A batch begins as soon as the network is free. An image waits for others only while these are being decoded, and only
for a moment; so an image that comes alone never waits, and under load batches fill up by themselves.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from skipwise.serving.engine.work import Item


class Batcher:
    """Calls `answer` with batches of items, one at a time, until it is closed and everything is answered.
    Where that ends the thread, another one is begun with the next image.

    Args:
        answer: answers a batch, whose items are all with heat maps or all without; it raises nothing.
        sizes: the sizes of batches, rising from 1. A batch is the largest that is full, so that no time goes into
            images that are there only to fill it up.
        wait: seconds that an image waits for others, at most.
        ended: called at the end.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Item]], None],
        *,
        sizes: Sequence[int],
        wait: float,
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        self._answer, self._sizes, self._wait, self._ended = answer, tuple(sizes), wait, ended
        self._changed = threading.Condition()
        self._ready: deque[Item] = deque()
        self._coming = 0
        self._closed = False
        self._began: float | None = None  # since when a batch is being answered
        self._thread = self._started()

    def _started(self) -> threading.Thread:
        thread = threading.Thread(target=self._run, name="skipwise batches", daemon=True)
        thread.start()
        return thread

    def working(self, longest: float) -> bool:
        """Returns whether batches are being answered.

        Args:
            longest: seconds of one batch from which on the network counts as stuck.
        """
        began = self._began
        return self._thread.is_alive() and (began is None or time.monotonic() - began <= longest)

    def expect(self, items: int) -> None:
        """Says that so many images are being decoded. Each is then given to `put` or to `give_up`."""
        with self._changed:
            self._coming += items
            if not self._thread.is_alive() and not self._closed:  # the code of a backend ended it
                self._began, self._thread = None, self._started()

    def put(self, item: Item) -> None:
        """Takes an image that was decoded."""
        item.ready = time.monotonic()
        with self._changed:
            self._coming -= 1
            self._ready.append(item)
            self._changed.notify()

    def give_up(self) -> None:
        """Says that an image that was expected will not come."""
        with self._changed:
            self._coming -= 1
            self._changed.notify()

    def close(self) -> None:
        """Lets the thread end once everything that it expects is answered."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def join(self, timeout: float) -> None:
        """Waits for the thread to end."""
        self._thread.join(timeout)

    def _run(self) -> None:
        while batch := self._next():
            self._began = time.monotonic()
            self._answer(batch)
            self._began = None
            del batch  # or its pixels would stay
        self._ended()

    def _next(self) -> list[Item]:
        """The next batch; empty at the end."""
        with self._changed:
            while not self._ready:
                if self._closed and not self._coming:
                    return []
                self._changed.wait()
            until = self._ready[0].ready + self._wait
            while len(self._ready) < self._sizes[-1] and self._coming and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
            explain = self._ready[0].explain
            same = 0
            while same < min(len(self._ready), self._sizes[-1]) and self._ready[same].explain == explain:
                same += 1
            size = max(each for each in self._sizes if each <= same)
            return [self._ready.popleft() for _ in range(size)]
