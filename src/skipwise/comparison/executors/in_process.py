"""Runs in the process that calls `compare`."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Generator, Iterator
from pathlib import Path

from skipwise.comparison.executors.executor import Event
from skipwise.comparison.executors.worker import Worker
from skipwise.comparison.plan.plan import Job
from skipwise.training.callbacks import RunEnd
from skipwise.training.folder.state import TrainState
from skipwise.training.run.runner import RunEvent


class InProcess:
    """An `Executor` that does one run after the other in the calling process: for debugging, and for tests.

    A breakpoint in a network of one's own works, and so does a profiler. A network that takes the process down takes
    all of the comparison down, which can be resumed. Results are the same as with `LocalProcesses`.

    Example:
        >>> executor = InProcess()  # for skipwise.compare("digits", executor=executor)
        >>> list(executor.events())  # no run has been submitted
        []
    """

    at_once = 1

    def __init__(self) -> None:
        self._worker: Worker | None = None
        self._waiting: deque[Job] = deque()
        self._current: Generator[RunEvent, None, None] | None = None

    def open(self, folder: Path, *, processes: int, threads: int) -> None:  # noqa: ARG002 - one run at a time
        """The comparison begins or continues; see `Executor`."""
        self.folder = folder

    def submit(self, job: Job) -> None:
        """Keeps the run until its events are asked for."""
        self._waiting.append(job)

    def events(self, until: float = math.inf) -> Iterator[Event]:
        """Does the runs, and yields what they report; see `Executor`."""
        while self._current is not None or self._waiting:
            if time.monotonic() >= until:
                return
            if self._current is None:
                self._worker = self._worker or Worker(self.folder)
                self._current = self._worker.events(self._waiting.popleft())
            try:
                event = next(self._current)
            except BaseException:  # the generator is closed by it
                self._current = None
                raise
            if isinstance(event, RunEnd):
                self._current.close()
                self._current = None
            if not isinstance(event, TrainState):
                yield event

    def cancel(self) -> None:
        """Stops the run that is under way, and forgets the others."""
        self._waiting.clear()
        if self._current is not None:
            self._current.close()
            self._current = None

    def close(self) -> None:
        """Stops the run that is under way, which saves its state."""
        self.cancel()
        if self._worker is not None:
            self._worker.close()
            self._worker = None
