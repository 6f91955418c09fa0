"""The executor that has its runs done by a Ray cluster."""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import queue
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError, TaskCancelledError
from ray.util.queue import Queue

from skipwise.comparison.executors.attempts import ATTEMPTS, forget, gather, take
from skipwise.comparison.executors.executor import Event
from skipwise.comparison.executors.ray.cluster import HEAD_NODE, connect, look_at_nodes, needs_of, plain
from skipwise.comparison.executors.ray.placing import Placing
from skipwise.comparison.executors.ray.stragglers import Stragglers
from skipwise.comparison.executors.ray.task import Head, Order, OtherKind, Report, do_run
from skipwise.core.workspace.shared_folder import remove_probe, write_probe
from skipwise.comparison.plan.plan import COMPARISONS, Job, Plan
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.checksums import read_sealed
from skipwise.core.files.folders import make_folder
from skipwise.core.machine.system import describe_machine
from skipwise.nets.external import is_external
from skipwise.training.callbacks import RunEnd
from skipwise.training.run.record import failed_run, find_run, write_run

RETRIES = 4
"""How often Ray does a run again whose worker or node died; each time it goes on where it was saved."""
GRACE = 20.0
"""Seconds that workers get to finish their step and save the state, when they have to stop."""
TICK = 0.5
"""The most seconds between two looks at failed runs."""
LOOK_FOR_STRAGGLERS = 2.0
"""Seconds between two looks at late runs."""


@dataclass
class _Run:
    """A run that has not ended.

    Args:
        tasks: Ray's tasks that do it, by the numbers of their orders: one, or two where the first is late.
        nodes: the nodes where they are at work; those that wait are not in it.
        epochs: how many were reported.
    """

    job: Job
    tasks: dict[int, Any] = field(default_factory=dict)
    nodes: dict[int, str] = field(default_factory=dict)
    epochs: int = 0


class RayExecutor:
    """An `Executor` that does runs as tasks of a Ray cluster, on as many nodes as it has.

    Each run asks Ray for the CPUs that it uses, and for memory; with `--device cuda` for a GPU, too. Ray does a run
    again whose worker or node dies; it goes on from its last saved state. All nodes have to see the comparison's
    folder and the images under the same paths, and need the same versions; see docs/cluster.md.

    Args:
        address: the address of the cluster, as `ray.init` takes it; None (default) is that in RAY_ADDRESS, or the
            cluster of this machine, or else one that is started on this machine and ends with the comparison.
        gpus: the GPUs of each run, such as 0.25 where four runs share one; None (default) is 1 on CUDA and else 0.
        memory: the memory of each run in bytes; None (default) is an estimate from its networks.

    Example:
        >>> executor = RayExecutor("ray://head:10001")  # for skipwise.compare("digits", executor=executor)
        >>> executor.address
        'ray://head:10001'
    """

    def __init__(self, address: str | None = None, *, gpus: float | None = None, memory: float | None = None) -> None:
        self.address, self.gpus, self.memory = address, gpus, memory
        self._runs: dict[str, _Run] = {}
        self._numbers = itertools.count()
        self._failures: queue.SimpleQueue[tuple[str, int, BaseException]] = queue.SimpleQueue()
        self._stragglers = Stragglers()
        self._mailbox: Queue | None = None
        self._connected = False
        self._looked = 0.0

    @classmethod
    def at(cls, address: str) -> RayExecutor:
        """The executor for what stands after "ray://" in `--executor`."""
        return cls(f"ray://{address}")

    def open(self, folder: Path, *, processes: int, threads: int) -> None:  # noqa: ARG002 - Ray knows how many fit
        """The comparison begins or continues; see `Executor`.

        Raises:
            SkipwiseError: there is no cluster, or a node can't do runs.
        """
        self.folder = folder.absolute()
        self._connected = connect(self.address)
        gather(self.folder)
        plan = read_sealed(self.folder / COMPARISONS.plan_file, Plan)
        self.needs = needs_of(plan, gpus=self.gpus, memory=self.memory)
        self.head = Head(
            folder=self.folder,
            probe=write_probe(self.folder),
            machine=describe_machine(),
            device=plan.execution.device,
        )
        self._placing = Placing(self.folder, look_at_nodes(self.head, self.needs))
        self._mailbox = Queue(actor_options={"num_cpus": 0, "resources": HEAD_NODE})

    def submit(self, job: Job) -> None:
        """Has a run done as soon as a node has room for it; see `Executor`."""
        run = self._runs[job.folder] = _Run(job)
        self._order(run)

    def _order(self, run: _Run) -> None:
        """Hands a run to Ray, away from the nodes where it is at work already."""
        number, seed = next(self._numbers), run.job.spec.seed
        kind, labels = self._placing.of(seed, away_from=run.nodes.values())
        task = ray.remote(do_run).options(max_retries=RETRIES, label_selector=labels, **self.needs.options())
        order = Order(head=self.head, job=run.job, number=number, kind=kind)
        run.tasks[number] = task.remote(order, self._mailbox)
        run.tasks[number].future().add_done_callback(functools.partial(self._done, run.job.folder, number))

    def _done(self, run: str, number: int, task: Future[None]) -> None:
        """A task has ended. Ray calls this in a thread of its own."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failures.put((run, number, error))

    def events(self, until: float = math.inf) -> Iterator[Event]:
        """Yields what the runs report; see `Executor`."""
        while self._runs:
            wait = until - time.monotonic()
            report = self._heard(min(wait, TICK))
            yield from self._failed()
            if report is None:
                if wait <= 0:
                    return
                self._see_to_stragglers()
            elif (event := self._told(report)) is not None:
                yield event

    def _heard(self, seconds: float) -> Report | None:
        """The next report, if one comes within so many seconds."""
        assert self._mailbox is not None
        try:
            report: Report = self._mailbox.get(block=seconds > 0, timeout=max(seconds, 0.0))
        except queue.Empty:
            return None
        except (RayError, ConnectionError) as error:
            raise SkipwiseError(
                "The Ray cluster can't be reached any more; what was saved is kept. Give the same command again once "
                "it is there."
            ) from error
        return report

    def _told(self, report: Report) -> Event | None:
        run = self._runs.get(report.run)
        if run is None or report.number not in run.tasks:
            return None  # of a run that has ended, or was stopped
        model = run.job.spec.model
        run.nodes[report.number] = report.node
        if report.kind == "ended":
            return self._end(run, self.folder / ATTEMPTS / report.run / report.attempt)
        if report.epoch is None or report.epoch.epoch > run.epochs:  # else another attempt was quicker
            self._stragglers.heard(report.run, model, at=time.monotonic())
        if report.epoch is None or report.epoch.epoch <= run.epochs:
            return None
        run.epochs = report.epoch.epoch
        return report.epoch

    def _end(self, run: _Run, attempt: Path | None) -> RunEnd:
        """Ends a run with an attempt that has ended, or with what stands in its place."""
        job = run.job
        if attempt is not None:
            take(self.folder, job.folder, attempt)
        record = find_run(job.spec, self.folder / job.folder)
        if record is None:
            raise SkipwiseError(
                f"The run just written in {self.folder / job.folder} can't be read back; is the disk sound?"
            )
        del self._runs[job.folder]
        self._stragglers.ended(job.folder)
        self._stop([run], force=True)
        forget(self.folder, job.folder)
        return RunEnd(run=job.folder, record=record)

    def _failed(self) -> Iterator[Event]:
        """Looks at the tasks that Ray gave up, and yields the ends of runs that will not be done again.

        Raises:
            SkipwiseError: no run can continue.
        """
        with contextlib.suppress(queue.Empty):
            while True:
                folder, number, error = self._failures.get_nowait()
                run = self._runs.get(folder)
                if run is None or run.tasks.pop(number, None) is None or isinstance(error, TaskCancelledError):
                    continue
                run.nodes.pop(number, None)
                if isinstance(error, OtherKind):  # a node of another kind joined
                    self._placing.nodes = look_at_nodes(self.head, self.needs)
                elif isinstance(error, SkipwiseError):
                    raise SkipwiseError(plain(error)) from error
                elif not run.tasks:  # else the other attempt goes on
                    self._give_up(run, error)
                    yield self._end(run, None)
                    continue
                if not run.tasks:
                    self._order(run)

    def _give_up(self, run: _Run, error: BaseException) -> None:
        """A run's worker died more often than Ray tries again.

        Raises:
            SkipwiseError: the network is one of ours, so that it is not its fault.
        """
        spec, folder = run.job.spec, self.folder / run.job.folder
        said = " ".join(str(error).split())[:300]
        if not is_external(spec.model):
            raise SkipwiseError(
                f"The worker of {spec.model} with seed {spec.seed} was lost {RETRIES + 1} times ({said}); what was "
                "saved is kept. Look at its nodes with 'ray status', and give the same command again."
            ) from error
        make_folder(folder)
        write_run(folder, failed_run(spec, f"its process died {RETRIES + 1} times ({said})"))

    def _see_to_stragglers(self) -> None:
        """Has the latest run done a second time, elsewhere, where nothing waits and there is room."""
        now = time.monotonic()
        if now - self._looked < LOOK_FOR_STRAGGLERS:
            return
        self._looked = now
        late = self._stragglers.late(at=now)
        if late is None or not all(run.nodes for run in self._runs.values()):
            return
        run = self._runs[late]
        if len(run.tasks) == 1 and self.needs.missing(ray.available_resources()) == "":
            self._order(run)

    def cancel(self) -> None:
        """Stops all runs that were submitted, at once; see `Executor`."""
        self._stop_all(force=True)

    def close(self) -> None:
        """Stops all runs; those under way get some seconds to save their state. A connection made here is ended."""
        try:
            self._stop_all(force=False)
            if self._mailbox is not None:
                self._mailbox.shutdown(force=True)
                self._mailbox = None
        finally:
            if self._connected:
                ray.shutdown()
                self._connected = False

    def _stop_all(self, *, force: bool) -> None:
        """Stops all runs, and leaves what they saved in their folders."""
        runs, self._runs, self._stragglers = list(self._runs.values()), {}, Stragglers()
        if self._mailbox is None:
            return  # nothing was begun
        with contextlib.suppress(RayError, ConnectionError):
            self._stop(runs, force=force)
            tasks = [task for run in runs for task in run.tasks.values()]
            if tasks:
                _, left = ray.wait(tasks, num_returns=len(tasks), timeout=GRACE)
                for task in left:
                    ray.cancel(task, force=True)
        gather(self.folder)
        remove_probe(self.folder)

    @staticmethod
    def _stop(runs: Iterable[_Run], *, force: bool) -> None:
        for run in runs:
            for task in run.tasks.values():
                ray.cancel(task, force=force)
