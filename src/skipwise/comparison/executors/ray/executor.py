"""The executor that has its runs done by a Ray cluster."""

from __future__ import annotations

import contextlib
import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from skipwise.comparison.executors.attempts import forget, gather, take
from skipwise.comparison.executors.executor import Event, Room
from skipwise.comparison.executors.ray.address import find_address
from skipwise.comparison.executors.ray.messages import (
    Answer,
    Ask,
    Cancel,
    Cancelled,
    Close,
    Closed,
    Ended,
    GivenUp,
    Open,
    Opened,
    Reached,
    Rooms,
    Submit,
)
from skipwise.comparison.executors.ray.needs import gpus_of, needs_of
from skipwise.comparison.executors.ray.process import DriverProcess, say
from skipwise.comparison.plan.layout import ATTEMPTS
from skipwise.comparison.plan.plan import COMPARISONS, Job, Plan
from skipwise.core.errors import SkipwiseError, require
from skipwise.core.files.checksums import read_sealed
from skipwise.core.files.folders import make_folder
from skipwise.core.workspace.shared_folder import remove_probe, write_probe
from skipwise.nets.external import is_external
from skipwise.training.callbacks import RunEnd
from skipwise.training.folder.record import failed_run, find_run, write_run

RETRIES = 4
"""How often Ray does a run again whose worker or node died; each time it goes on where it was saved."""
ENDING = 60.0
"""Seconds within which runs have stopped. They get some to save their states."""
OPENING = 1800.0
"""Seconds within which the nodes were looked at, and perhaps started."""


class RayExecutor:
    """An `Executor` that does runs as tasks of a Ray cluster, on as many nodes as it has.

    Each run asks Ray for the CPUs that it uses, and for memory; with `--device cuda` for a GPU, too. Ray does a run
    again whose worker or node dies; it goes on from its last saved state. All nodes have to see the comparison's
    folder and the images under the same paths, and need the same versions; see docs/cluster.md. A process of its own
    is connected to Ray, so that a cluster that is lost takes nothing here with it.

    Args:
        address: the address of the cluster, as `ray.init` takes it; None (default) is that of Ray's connection in
            this process, or that in RAY_ADDRESS, or the cluster of this machine, or else one that is started on this
            machine and ends with the comparison.
        gpus: the GPUs of each run, such as 0.25 where four runs share one; None (default) is 1 on CUDA and else 0.
        memory: the memory of each run in bytes; None (default) is an estimate from its networks.
        retries: how often a run is done again whose worker or node died; 4 by default.

    Raises:
        SkipwiseError: Ray is not installed.

    Example:
        >>> executor = RayExecutor("ray://head:10001")  # for skipwise.compare("digits", executor=executor)
        >>> executor.address
        'ray://head:10001'
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        gpus: float | None = None,
        memory: float | None = None,
        retries: int = RETRIES,
    ) -> None:
        require("ray", extra="ray")
        self.address, self.gpus, self.memory, self.retries = address, gpus, memory, retries
        self._jobs: dict[str, Job] = {}
        self._events: deque[Event] = deque()
        self._driver: DriverProcess | None = None
        self._opened: Path | None = None

    @classmethod
    def at(cls, address: str) -> RayExecutor:
        """The executor for what stands after "ray://" in `--executor`."""
        return cls(f"ray://{address}")

    def rooms(self, device: str) -> Sequence[Room]:
        """What the nodes of the cluster have for runs, by which the plan is made; see `Executor`.

        Args:
            device: the kind of device that the runs are done on.

        Raises:
            SkipwiseError: there is no cluster.
        """
        driver = self._connected()
        driver.send(Ask(gpus=gpus_of(device, self.gpus)))
        found = driver.wait_for(Rooms, ENDING).rooms
        if not found:
            say(
                "No node of the Ray cluster has CPUs yet, so the plan goes by this machine; --workers N goes by N runs."
            )
        return found

    def open(self, folder: Path, *, processes: int, threads: int) -> None:  # noqa: ARG002 - Ray knows how many fit
        """The comparison begins or continues; see `Executor`.

        Raises:
            SkipwiseError: there is no cluster, or a node can't do runs.
        """
        driver = self._connected()
        self.folder = self._opened = folder.absolute()
        probe = write_probe(self.folder)
        plan = read_sealed(self.folder / COMPARISONS.plan_file, Plan)
        opened = Open(
            folder=str(self.folder),
            probe=probe,
            device=plan.execution.device,
            needs=needs_of(plan, gpus=self.gpus, memory=self.memory),
            estimated=self.memory is None,
            retries=self.retries,
        )
        driver.send(opened)
        driver.wait_for(Opened, OPENING)

    def _connected(self) -> DriverProcess:
        self._driver = self._driver or DriverProcess(find_address(self.address))
        return self._driver

    def submit(self, job: Job) -> None:
        """Has a run done as soon as a node has room for it; see `Executor`."""
        self._jobs[job.folder] = job
        self._connected().send(Submit(job=job))

    def events(self, until: float = math.inf) -> Iterator[Event]:
        """Yields what the runs report; see `Executor`."""
        while self._jobs or self._events:
            while self._events:
                yield self._events.popleft()
            if not self._jobs:
                return
            wait = until - time.monotonic()
            answer = self._connected().hear(min(max(wait, 0.0), 3600.0))
            if answer is not None:
                self._note(answer)
            elif wait <= 0:
                return

    def _note(self, answer: Answer) -> None:
        if isinstance(answer, Reached) and answer.epoch.run in self._jobs:
            self._events.append(answer.epoch)
        elif isinstance(answer, Ended) and answer.run in self._jobs:
            take(self.folder, answer.run, self.folder / ATTEMPTS / answer.run / answer.attempt)
            self._end(self._jobs[answer.run])
        elif isinstance(answer, GivenUp) and answer.run in self._jobs:
            self._give_up(self._jobs[answer.run], answer.said)
            self._end(self._jobs[answer.run])

    def _end(self, job: Job) -> None:
        """Ends a run whose record stands in its place."""
        record = find_run(job.spec, self.folder / job.folder)
        if record is None:
            raise SkipwiseError(
                f"The run just written in {self.folder / job.folder} can't be read back; is the disk sound?"
            )
        del self._jobs[job.folder]
        forget(self.folder, job.folder)
        self._events.append(RunEnd(run=job.folder, record=record))

    def _give_up(self, job: Job, said: str) -> None:
        """A run's worker died more often than Ray tries again.

        Raises:
            SkipwiseError: the network is one of ours, so that it is not its fault.
        """
        spec, folder, times = job.spec, self.folder / job.folder, self.retries + 1
        if not is_external(spec.model):
            raise SkipwiseError(
                f"The worker of {spec.model} with seed {spec.seed} was lost {times} times ({said}); what was saved is "
                "kept. Look at its nodes with 'ray status', and give the same command again."
            )
        make_folder(folder)
        write_run(folder, failed_run(spec, f"its process died {times} times ({said})"))

    def cancel(self) -> None:
        """Stops all runs that were submitted, at once; see `Executor`."""
        self._jobs, self._events = {}, deque()
        if self._opened is not None:
            driver = self._connected()
            driver.send(Cancel())
            driver.wait_for(Cancelled, ENDING)
            gather(self._opened)

    def close(self) -> None:
        """Stops all runs; those under way get some seconds to save their state. The connection is ended."""
        self._jobs, self._events = {}, deque()
        driver, self._driver = self._driver, None
        folder, self._opened = self._opened, None
        if driver is None:
            return
        try:
            if not driver.gone:
                driver.send(Close())
                with contextlib.suppress(SkipwiseError):  # it is gone now
                    driver.wait_for(Closed, ENDING)
        finally:
            driver.kill()
            if folder is not None:
                gather(folder)
                remove_probe(folder)
