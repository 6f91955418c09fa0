"""The executor that has its runs done by a Ray cluster."""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import queue
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError, RayTaskError
from ray.util.queue import Queue

from skipwise.comparison.executors.attempts import forget, gather, take
from skipwise.comparison.executors.executor import Event
from skipwise.comparison.executors.ray.cluster import (
    HEAD_NODE,
    alive,
    connect,
    has_room,
    is_there,
    look_at_nodes,
    needs_of,
    plain,
)
from skipwise.comparison.executors.ray.placing import Placing
from skipwise.comparison.executors.ray.stragglers import Stragglers
from skipwise.comparison.executors.ray.task import Ended, Head, Order, OtherKind, Report, do_run
from skipwise.comparison.plan.layout import ATTEMPTS
from skipwise.comparison.plan.plan import COMPARISONS, Job, Plan
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.checksums import read_sealed
from skipwise.core.files.folders import make_folder
from skipwise.core.machine.system import describe_machine
from skipwise.core.workspace.shared_folder import remove_probe, write_probe
from skipwise.nets.external import is_external
from skipwise.training.callbacks import Epoch, RunEnd
from skipwise.training.folder.record import failed_run, find_run, write_run

RETRIES = 4
"""How often Ray does a run again whose worker or node died; each time it goes on where it was saved."""
GRACE = 20.0
"""Seconds that workers get to finish their step and save the state, when they have to stop."""
TICK = 0.2
"""The most seconds between two looks at runs that have ended."""
LOOK_AROUND = 2.0
"""Seconds between two looks at late runs and lost nodes."""
ANSWER = 10.0
"""Seconds within which the cluster answers, or it is looked whether it is there."""


@dataclass
class _Run:
    """A run that has not ended.

    Args:
        tasks: Ray's tasks that do it, by the numbers of their orders: one, or two where the first is late.
        nodes: the nodes where they are at work; those that wait are not in it.
        epochs: how many were reported.
        moved: how often it came to a machine of the wrong kind.
    """

    job: Job
    tasks: dict[int, Any] = field(default_factory=dict)
    nodes: dict[int, str] = field(default_factory=dict)
    epochs: int = 0
    moved: int = 0


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
        self._ends: queue.SimpleQueue[tuple[str, int, Ended | BaseException]] = queue.SimpleQueue()
        self._events: deque[Event] = deque()
        self._stragglers = Stragglers()
        self._mailbox: Queue | None = None
        self._connected = False
        self._probed: Path | None = None
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
        self._connected, self._probed = connect(self.address), self.folder
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
        self._mailbox.empty()  # which waits until it is there

    def submit(self, job: Job) -> None:
        """Has a run done as soon as a node has room for it; see `Executor`."""
        run = self._runs[job.folder] = _Run(job)
        self._order(run)

    def _order(self, run: _Run) -> None:
        """Hands a run to Ray, away from the nodes where it is at work already."""
        assert self._mailbox is not None
        number, seed = next(self._numbers), run.job.spec.seed
        kind, labels = self._placing.of(seed, away_from=run.nodes.values())
        task = ray.remote(do_run).options(max_retries=RETRIES, label_selector=labels, **self.needs.options())
        order = Order(head=self.head, job=run.job, number=number, kind=kind)
        run.tasks[number] = task.remote(order, self._mailbox)
        run.tasks[number].future().add_done_callback(functools.partial(self._done, run.job.folder, number))

    def _done(self, run: str, number: int, task: Future[Ended]) -> None:
        """A task has ended. Ray calls this in a thread of its own."""
        if not task.cancelled():
            self._ends.put((run, number, task.exception() or task.result()))

    def events(self, until: float = math.inf) -> Iterator[Event]:
        """Yields what the runs report; see `Executor`."""
        while self._runs or self._events:
            while self._events:
                yield self._events.popleft()
            wait = until - time.monotonic()
            report = self._heard(min(wait, TICK))
            if report is not None:
                self._note(report)
            self._note_ends()
            if report is None and self._runs and not self._events and wait <= 0:
                return
            if self._runs:  # also where so many workers report that it is never quiet
                self._look_around()

    def _heard(self, seconds: float) -> Report | None:
        """The next report, if one comes within so many seconds.

        Raises:
            SkipwiseError: the cluster is gone.
        """
        assert self._mailbox is not None
        try:
            # Its `get` would wait for an answer for ever.
            get: Any = self._mailbox.actor.get
            report: Report = ray.get(get.remote(max(seconds, 0.001)), timeout=max(seconds, 0.0) + ANSWER)
        except queue.Empty:
            return None
        except GetTimeoutError as error:
            if not is_there():
                raise _lost() from error
            return None
        except (RayError, ConnectionError) as error:
            raise _lost() from error
        return report

    def _note(self, report: Report) -> None:
        run = self._runs.get(report.run)
        if run is None or report.number not in run.tasks:
            return  # it has ended, or was stopped
        run.nodes[report.number] = report.node
        if report.epoch is None:
            self._stragglers.heard(report.run, run.job.spec.model, at=time.monotonic())
        else:
            self._note_epochs(run, (report.epoch,))

    def _note_epochs(self, run: _Run, epochs: Iterable[Epoch]) -> None:
        """Hands on those that no attempt has reported before."""
        for epoch in epochs:
            if epoch.epoch > run.epochs:
                self._stragglers.heard(run.job.folder, run.job.spec.model, at=time.monotonic())
                run.epochs = epoch.epoch
                self._events.append(epoch)

    def _note_ends(self) -> None:
        """Looks at the tasks that have ended, or that Ray has given up.

        Raises:
            SkipwiseError: no run can continue.
        """
        with contextlib.suppress(queue.Empty):
            while True:
                folder, number, end = self._ends.get_nowait()
                run = self._runs.get(folder)
                if run is None or run.tasks.pop(number, None) is None:
                    continue  # it has ended, or was stopped
                run.nodes.pop(number, None)
                if isinstance(end, Ended):
                    self._note_epochs(run, end.epochs)
                    self._note_memory(end.memory)
                    take(self.folder, folder, self.folder / ATTEMPTS / folder / end.attempt)
                    self._close(run)
                elif isinstance(end, OtherKind) and run.moved < RETRIES:  # a node of another kind joined
                    run.moved += 1
                    self._look_again()
                    self._order(run)
                elif isinstance(end, SkipwiseError):
                    raise SkipwiseError(plain(end)) from end
                elif isinstance(end, RayTaskError) or not isinstance(end, RayError):
                    raise end  # ours is to blame
                elif not run.tasks:  # else another attempt goes on
                    self._give_up(run, end)
                    self._close(run)

    def _close(self, run: _Run) -> None:
        """Ends a run whose record stands in its place; other attempts at it are stopped."""
        job = run.job
        record = find_run(job.spec, self.folder / job.folder)
        if record is None:
            raise SkipwiseError(
                f"The run just written in {self.folder / job.folder} can't be read back; is the disk sound?"
            )
        del self._runs[job.folder]
        self._stragglers.ended(job.folder)
        self._stop([run], force=True)
        forget(self.folder, job.folder)
        self._events.append(RunEnd(run=job.folder, record=record))

    def _note_memory(self, measured: int) -> None:
        """From now on runs ask for as much memory as one was seen to need, if that is more than was expected."""
        if self.memory is None and measured > self.needs.memory:
            self.needs = replace(self.needs, memory=min(measured, self._placing.most_memory))

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

    def _look_again(self) -> None:
        self._placing.nodes = look_at_nodes(self.head, self.needs)

    def _look_around(self) -> None:
        """Looks for late runs from time to time, and for nodes that are gone where runs are bound to some of them."""
        now = time.monotonic()
        if now - self._looked < LOOK_AROUND:
            return
        self._looked = now
        if self._placing.is_mixed and {node.id for node in self._placing.nodes} - alive():
            self._look_again()
            waiting = [run for run in self._runs.values() if not run.nodes]
            self._stop(waiting, force=True)
            for run in waiting:
                run.tasks.clear()
                self._order(run)
        self._see_to_stragglers(now)

    def _see_to_stragglers(self, now: float) -> None:
        """Has the latest run done a second time, elsewhere, where nothing waits and there is room."""
        late = self._stragglers.late(at=now)
        if late is None or not all(run.nodes for run in self._runs.values()):
            return
        run = self._runs[late]
        if len(run.tasks) == 1 and has_room(self.needs):
            self._order(run)

    def cancel(self) -> None:
        """Stops all runs that were submitted, at once; see `Executor`."""
        self._stop_all(force=True)

    def close(self) -> None:
        """Stops all runs; those under way get some seconds to save their state. A connection made here is ended."""
        try:
            self._stop_all(force=False)
            if self._probed is not None:
                remove_probe(self._probed)
                self._probed = None
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
        self._events.clear()
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

    @staticmethod
    def _stop(runs: Iterable[_Run], *, force: bool) -> None:
        for run in runs:
            for task in run.tasks.values():
                ray.cancel(task, force=force)


def _lost() -> SkipwiseError:
    return SkipwiseError(
        "The Ray cluster can't be reached any more; what was saved is kept. Give the same command again once it is "
        "there."
    )
