"""Threads for work off the event loop. Unlike those of an executor they end with the process: an image that keeps a
decoder busy for minutes must not keep a server from ending."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

R = TypeVar("R")


class Workers:
    """Threads that do what they are given, in its order.

    Args:
        number: of threads.
        name: theirs.
    """

    def __init__(self, number: int, name: str) -> None:
        self._jobs: queue.SimpleQueue[tuple[Callable[..., object], tuple[Any, ...]] | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._work, name=name, daemon=True) for _ in range(number)]
        for thread in self._threads:
            thread.start()

    @property
    def number(self) -> int:
        """The number of threads."""
        return len(self._threads)

    @property
    def working(self) -> bool:
        """True while all threads are there."""
        return all(thread.is_alive() for thread in self._threads)

    def submit(self, job: Callable[..., object], *arguments: Any) -> None:
        """Does a job soon; it raises nothing."""
        self._jobs.put((job, arguments))

    async def run(self, job: Callable[..., R], *arguments: Any) -> R:
        """Does a job, and gives back or raises what it does."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()

        def give(result: R | None, error: BaseException | None) -> None:
            if future.done():  # nobody waits any more
                return
            if error is None:
                future.set_result(result)  # type: ignore[arg-type]
            else:
                future.set_exception(error)

        def do() -> None:
            if future.done():  # given up while it waited for its turn
                return
            result, failed = None, None
            try:
                result = job(*arguments)
            except Exception as error:
                failed = error
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(give, result, failed)

        self.submit(do)
        return await future

    def close(self) -> None:
        """Lets the threads end when they have done what they were given."""
        for _ in self._threads:
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            function, arguments = job
            function(*arguments)
            del job, function, arguments  # or the last image would stay
