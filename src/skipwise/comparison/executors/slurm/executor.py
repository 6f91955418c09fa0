"""The executor for clusters with Slurm."""

from __future__ import annotations

import contextlib
import math
import shutil
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from skipwise.comparison.executors.executor import Event
from skipwise.comparison.executors.slurm import commands
from skipwise.comparison.executors.slurm.jobs import Jobs, SlurmJobs
from skipwise.comparison.executors.slurm.request import SlurmRequest
from skipwise.comparison.executors.slurm.workers import Workers
from skipwise.comparison.plan.plan import COMPARISONS, Job, Plan
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.checksums import read_sealed
from skipwise.core.files.folders import make_folder
from skipwise.core.workspace.shared_folder import remove_probe, write_probe

FOLDER = "slurm"
"""The folder of messages and logs, in the comparison's folder."""
GRACE = 30.0
"""Seconds that workers get to see that they are to end, and to save their runs."""
LOOK = 0.2
"""Seconds between two looks at a worker's reports, at the least."""


class SlurmExecutor:
    """An `Executor` that does runs as jobs of Slurm.

    A job array is submitted through submitit. Each job takes one run after another. Jobs share nothing but the
    comparison's folder: orders, epochs and checkpoints go through files in it. A run whose job was preempted, came to
    the end of its time or died is resumed by another job, from its last checkpoint. A job that somebody cancels is not
    replaced.

    Args:
        request: what is asked for each job; the default leaves partition, memory and time to Slurm.

    Raises:
        SkipwiseError: there is no Slurm on this machine, no such partition, or no node has so much.

    Example:
        >>> from skipwise import SkipwiseError, SlurmExecutor, SlurmRequest
        >>> request = SlurmRequest(partition="gpu", gpus=1, memory="16G", time="8h")
        >>> with contextlib.suppress(SkipwiseError):  # where there is no Slurm
        ...     executor = SlurmExecutor(request)  # for skipwise.compare("digits", executor=executor)
    """

    def __init__(self, request: SlurmRequest | None = None) -> None:
        self.request = request or SlurmRequest()
        if shutil.which("sbatch") is None:
            raise SkipwiseError(
                "There is no Slurm on this machine (no sbatch); give the command on a machine that can submit jobs, or "
                "leave --executor out."
            )
        self._nodes = commands.nodes()
        self.request.check(self._nodes)
        self._events: deque[Event] = deque()
        self._workers: Workers | None = None

    @classmethod
    def at(cls, address: str) -> SlurmExecutor:
        """Makes one from an address, such as "PARTITION?time=8h&memory=16G"; see `SlurmRequest`.

        Raises:
            SkipwiseError: an option is unknown, or has a value that it can't have; or as for the class.
        """
        return cls(SlurmRequest.from_address(address))

    def open(self, folder: Path, *, processes: int, threads: int) -> None:  # noqa: ARG002 - of this machine
        """The comparison begins or continues; see `Executor`.

        Raises:
            SkipwiseError: no node has so much, Slurm does not take the folder's name, or Slurm does not answer.
        """
        folder = folder.resolve()
        if "%" in str(folder):
            raise SkipwiseError(f"Slurm and submitit read % in {folder} as a pattern; choose a folder without it.")
        plan = read_sealed(folder / COMPARISONS.plan_file, Plan)
        gpus = self.request.gpus if self.request.gpus is not None else int(plan.execution.device == "cuda")
        request = replace(self.request, cpus=self.request.cpus or threads, gpus=gpus)
        request.check(self._nodes)
        messages = folder / FOLDER
        make_folder(messages)
        self.begin(folder, messages, SlurmJobs(folder, messages, request, write_probe(folder)))

    def begin(self, folder: Path, messages: Path, jobs: Jobs) -> None:
        """Begins with these jobs; those that an earlier command left, which was killed, are ended first."""
        self._folder, self._messages, self._jobs = folder, messages, jobs
        self._remove_messages()  # without which a worker ends
        self._end_jobs()
        self._remove_messages()
        self._workers = Workers(folder, messages, jobs, self.request.jobs)

    def submit(self, job: Job) -> None:
        """Has a run done as soon as a worker is free; see `Executor`."""
        assert self._workers is not None
        self._workers.submit(job)

    def events(self, until: float = math.inf) -> Iterator[Event]:
        """Yields what the runs report; see `Executor`."""
        workers = self._workers
        assert workers is not None
        while True:
            while self._events:
                yield self._events.popleft()
            if not workers.busy or time.monotonic() >= until:
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

    def close(self) -> None:
        """The comparison is over, or was stopped: the jobs save their runs, and end."""
        if self._workers is None:
            return
        finished = not self._workers.busy
        self.cancel()
        remove_probe(self._folder)
        if finished:
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
