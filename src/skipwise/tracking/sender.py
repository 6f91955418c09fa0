"""Sends what a tracker is told from a thread of its own, so that training never waits for a server."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable

from skipwise.core.errors import reason_of

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds between two attempts: at first, and at most."""
PATIENCE = 60.0
"""Seconds to wait for a tracker that is slow, when everything else is done."""
HOPE = 10.0
"""Seconds to wait for a tracker that does not answer, when everything else is done."""


class TrackingLost(UserWarning):
    """A tracker did not get everything. The results are complete without it."""


class Sender:
    """Does one job after another. A job that fails for want of a connection is tried again until the end.

    Args:
        transient: whether an error may be gone if the same is tried again.
        abandon: closes what is open where nobody waits any more for the jobs that are left.
    """

    def __init__(self, transient: Callable[[Exception], bool], abandon: Callable[[], None] = lambda: None) -> None:
        self.transient, self.abandon = transient, abandon
        self.jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self.lost, self.failing = "", ""
        self.closing, self.given_up = threading.Event(), threading.Event()
        self.deadline = 0.0
        self.thread = threading.Thread(target=self._work, daemon=True, name="skipwise tracker")
        self.thread.start()

    def put(self, job: Callable[[], None]) -> None:
        """Has a job done as soon as those before it are. It may be done twice, where its first attempt failed."""
        self.jobs.put(job)

    def finish(self, *, patience: float = PATIENCE, hope: float = HOPE) -> str:
        """Waits for the jobs that are left, not too long; returns why something was lost, "" where nothing was.

        Args:
            patience: the most seconds to wait.
            hope: the most seconds to wait while jobs fail.
        """
        began = time.monotonic()
        self.deadline = began + hope
        self.closing.set()
        self.jobs.put(None)
        while self.thread.is_alive():
            self.thread.join(0.05)
            waited = time.monotonic() - began
            if waited > patience or (self.failing and waited > hope):
                self.given_up.set()  # what is left is dropped, as soon as the job that hangs comes back
                return self.lost or self.failing or "it takes too long to answer"
        return self.lost

    def _work(self) -> None:
        while (job := self.jobs.get()) is not None and not self.given_up.is_set():
            self._do(job)
        if self.given_up.is_set():
            with contextlib.suppress(Exception):
                self.abandon()

    def _do(self, job: Callable[[], None]) -> None:
        pause = FIRST_PAUSE
        while not self.given_up.is_set() and not (self.lost and self._is_late()):
            try:
                job()
            except Exception as error:  # each tool raises its own, and none of them may stop training
                self.failing = _reason(error)
                if not self.transient(error) or self._is_late():
                    self.lost = self.lost or self.failing
                    return
            else:
                self.failing = ""
                return
            if self.closing.is_set():
                time.sleep(FIRST_PAUSE)
            else:
                self.closing.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _is_late(self) -> bool:
        return self.closing.is_set() and time.monotonic() > self.deadline


def _reason(error: Exception) -> str:
    """The error in short: the innermost one says what happened to the connection."""
    innermost: BaseException = error
    for _ in range(20):
        following = innermost.__cause__ or innermost.__context__
        if following is None:
            break
        innermost = following
    inner = innermost if isinstance(innermost, OSError) and innermost.strerror else error
    return reason_of(inner if isinstance(inner, Exception) else error)
