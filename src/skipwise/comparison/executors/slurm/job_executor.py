"""An executor over jobs that share nothing but the comparison's folder, whatever submits them."""

from __future__ import annotations

import contextlib
import math
import shutil
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from skipwise.comparison.executors.attempts import gather
from skipwise.comparison.executors.executor import Event
from skipwise.comparison.executors.slurm.commands import NoAnswer
from skipwise.comparison.executors.slurm.jobs import Jobs
from skipwise.comparison.executors.slurm.workers import Workers
from skipwise.comparison.plan.plan import Job
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.folders import make_folder
from skipwise.core.workspace.shared_folder import remove_probe

FOLDER = "slurm"
"""The folder of messages and logs, in the comparison's folder."""
GRACE = 30.0
"""Seconds that workers get to see that they are to end, and to save their runs."""
LOOK = 0.2
"""Seconds between two looks at a worker's reports, at the least."""


class JobExecutor:
    """An `Executor` with a worker in each job.

    Args:
        most: the largest number of jobs at a time.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._events: deque[Event] = deque()
        self._workers: Workers | None = None

    def begin(self, folder: Path, jobs: Jobs) -> None:
        """Begins with these jobs; those that an earlier command left, which was killed, are ended first."""
        self._folder, self._messages, self._jobs = folder, folder / FOLDER, jobs
        make_folder(self._messages)
        self._remove_messages()  # without which a worker ends
        self._end_jobs()
        self._remove_messages()
        self._workers = Workers(folder, self._messages, jobs, self.most)

    def submit(self, job: Job) -> None:
        """Has a run done as soon as a worker is free; see `Executor`."""
        assert self._workers is not None
        self._workers.submit(job)

    def events(self, until: float = math.inf) -> Iterator[Event]:
        """Yields what the runs report; see `Executor`."""
        while True:
            while self._events:
                yield self._events.popleft()
            workers = self._workers
            if workers is None or not workers.busy or time.monotonic() >= until:
                return
            self._events.extend(workers.look())
            if not self._events:
                # A look opens a file for each worker.
                time.sleep(max(0.0, min(LOOK + 0.01 * len(workers.members), until - time.monotonic())))

    def cancel(self) -> None:
        """Stops all runs that were submitted; see `Executor`."""
        if self._workers is not None:
            self._workers.send_away()
            self._end_jobs()
            self._workers.forget()
            self._events.clear()
            gather(self._folder)

    def close(self) -> None:
        """The comparison is over, or was stopped: the jobs save their runs, and end."""
        if self._workers is None:
            return
        finished = not self._workers.busy
        with contextlib.suppress(NoAnswer):  # then they see by their files that they are to end
            self.cancel()
        remove_probe(self._folder)
        if finished:
            gather(self._folder)
            with contextlib.suppress(OSError):
                shutil.rmtree(self._messages)
        self._workers = None

    def _remove_messages(self) -> None:
        for path in self._messages.glob("worker-*"):
            path.unlink(missing_ok=True)

    def _end_jobs(self) -> None:
        """Ends all jobs for this comparison, at first those that have not begun, and waits until they are gone.

        Raises:
            SkipwiseError: they are there for longer than Slurm lets a job live that is to end.
        """
        told, deadline = False, time.monotonic() + GRACE
        if not self._alive():
            return
        self._jobs.cancel(waiting=True)
        while self._alive():
            if time.monotonic() > deadline:
                if told:
                    raise SkipwiseError(
                        f"Jobs of Slurm for {self._folder} do not end ({', '.join(self._alive())}); end them with "
                        "scancel, and give the same command again."
                    )
                self._jobs.cancel()
                told, deadline = True, time.monotonic() + 4 * GRACE
            time.sleep(1.0)

    def _alive(self) -> list[str]:
        return [job for job, state in self._jobs.states().items() if state.living]
