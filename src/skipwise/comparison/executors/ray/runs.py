"""The runs of a comparison as tasks of Ray: submitted, heard of, ordered a second time, stopped."""

from __future__ import annotations

import contextlib
import functools
import itertools
import queue
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError, RayTaskError
from ray.util.queue import Queue

from skipwise.comparison.executors.ray.messages import Answer, Ended, GivenUp, Notice, Open, Reached
from skipwise.comparison.executors.ray.nodes import alive, has_room, look_at_nodes, plain
from skipwise.comparison.executors.ray.placing import Placing
from skipwise.comparison.executors.ray.stragglers import Stragglers
from skipwise.comparison.executors.ray.task import Head, OtherKind, Report, RunOrder, Written, do_run
from skipwise.comparison.plan.plan import Job
from skipwise.core.errors import SkipwiseError
from skipwise.core.machine.system import describe_machine
from skipwise.training.callbacks import Epoch

GRACE = 20.0
"""Seconds that workers get to finish their step and save the state, when they have to stop."""
TICK = 0.2
"""The most seconds between two looks at runs that have ended."""
LOOK_AROUND = 2.0
"""Seconds between two looks at late runs and lost nodes."""
ANSWER = 10.0
"""Seconds within which the mailbox usually answers."""
PATIENCE = 120.0
"""Seconds without an answer of the mailbox until the cluster is given up. Ray starts the mailbox again where its
process dies."""
MAILBOX = {"num_cpus": 0, "resources": {"node:__internal_head__": 0.001}, "max_restarts": -1}
"""On the head node, which stays: only that has a little of this resource."""
MOVES = 4
"""How often a run may come to a machine of the wrong kind."""


class ClusterGone(Exception):
    """The cluster does not answer any more."""


@dataclass
class _Run:
    """A run that has not ended.

    Args:
        tasks: Ray's tasks that do it, by the numbers of their orders: one, or two where the first is late.
        nodes: the nodes where they are at work; those that wait are not in it.
        epochs: how many were reported.
        moved: how often it came to a machine of the wrong kind.
        deaths: how many of its workers died.
    """

    job: Job
    tasks: dict[int, Any] = field(default_factory=dict)
    nodes: dict[int, str] = field(default_factory=dict)
    epochs: int = 0
    moved: int = 0
    deaths: int = 0


class Runs:
    """The runs that were submitted and have not ended.

    Args:
        opened: what the command said of the comparison.
        send: is called with what the command has to know.
        waiting: is called now and then while this waits for nodes.

    Raises:
        SkipwiseError: a node can't do runs, or none can.
    """

    def __init__(self, opened: Open, send: Callable[[Answer], None], waiting: Callable[[], None]) -> None:
        folder = Path(opened.folder)
        self.send, self.waiting = send, waiting
        self.needs, self.estimated, self.retries = opened.needs, opened.estimated, opened.retries
        self.head = Head(folder=folder, probe=opened.probe, machine=describe_machine(), device=opened.device)
        self._placing = Placing(folder, self._look_at_nodes(), self._notice)
        self._runs: dict[str, _Run] = {}
        self._numbers = itertools.count()
        self._ends: queue.SimpleQueue[tuple[str, int, Written | BaseException]] = queue.SimpleQueue()
        self._stragglers = Stragglers()
        self._mailbox = Queue(actor_options=MAILBOX)
        empty: Any = self._mailbox.actor.empty
        there = empty.remote()
        while not ray.wait([there], timeout=LOOK_AROUND)[0]:  # a process starts for it
            waiting()
        ray.get(there)
        self._looked = self._heard = time.monotonic()

    def _notice(self, sentence: str) -> None:
        self.send(Notice(text=sentence))

    def _look_at_nodes(self) -> Any:
        return look_at_nodes(self.head, self.needs, self._notice, self.waiting)

    def __bool__(self) -> bool:
        return bool(self._runs)

    def submit(self, job: Job) -> None:
        """Has a run done as soon as a node has room for it."""
        if not self._runs:
            self._heard = time.monotonic()  # nobody asked the mailbox while there was nothing to do
        run = self._runs[job.folder] = _Run(job)
        self._order(run)

    def _order(self, run: _Run) -> None:
        """Hands a run to Ray, away from the nodes where it is at work already."""
        number, seed = next(self._numbers), run.job.spec.seed
        kind, labels = self._placing.of(seed, away_from=run.nodes.values())
        task = _do_run().options(max_retries=self.retries, label_selector=labels, **self.needs.options())
        order = RunOrder(head=self.head, job=run.job, number=number, kind=kind)
        run.tasks[number] = task.remote(order, self._mailbox)
        run.tasks[number].future().add_done_callback(functools.partial(self._done, run.job.folder, number))

    def _done(self, run: str, number: int, task: Future[Written]) -> None:
        """A task has ended. Ray calls this in a thread of its own."""
        if not task.cancelled():
            self._ends.put((run, number, task.exception() or task.result()))

    def step(self) -> None:
        """Waits a moment for what the runs report, and sends it.

        Raises:
            SkipwiseError: no run can continue.
            ClusterGone: the cluster does not answer any more.
        """
        report = self._next_report()
        if report is not None:
            self._note(report)
        self._note_ends()
        if self._runs:  # also where so many workers report that it is never quiet
            self._look_around()

    def _next_report(self) -> Report | None:
        """The next report, if one comes within a moment."""
        try:
            # Its `get` would wait for an answer for ever.
            get: Any = self._mailbox.actor.get
            report: Report | None = ray.get(get.remote(TICK), timeout=TICK + ANSWER)
        except queue.Empty:
            report = None
        except (GetTimeoutError, RayError) as error:
            if time.monotonic() - self._heard > PATIENCE:
                raise ClusterGone("it does not answer") from error
            time.sleep(TICK)
            return None
        self._heard = time.monotonic()
        return report

    def _note(self, report: Report) -> None:
        run = self._runs.get(report.run)
        if run is None or report.number not in run.tasks:
            return  # it has ended, or was stopped
        again = report.number in run.nodes
        run.nodes[report.number] = report.node
        if report.epoch is not None:
            self._note_epochs(run, (report.epoch,))
            return
        self._stragglers.heard(report.run, run.job.spec.model, at=time.monotonic())
        if again:  # Ray has it done again
            run.deaths += 1
            spec = run.job.spec
            self._notice(
                f"A worker of {spec.model} with seed {spec.seed} was lost ({run.deaths} of {self.retries + 1}); "
                "another one goes on with what was saved."
            )

    def _note_epochs(self, run: _Run, epochs: Iterable[Epoch]) -> None:
        """Hands on those that no attempt has reported before."""
        for epoch in epochs:
            if epoch.epoch > run.epochs:
                self._stragglers.heard(run.job.folder, run.job.spec.model, at=time.monotonic())
                run.epochs = epoch.epoch
                self.send(Reached(epoch=epoch))

    def _note_ends(self) -> None:
        """Looks at the tasks that have ended, or that Ray has given up."""
        with contextlib.suppress(queue.Empty):
            while True:
                folder, number, end = self._ends.get_nowait()
                run = self._runs.get(folder)
                if run is None or run.tasks.pop(number, None) is None:
                    continue  # it has ended, or was stopped
                run.nodes.pop(number, None)
                if isinstance(end, Written):
                    self._note_epochs(run, end.epochs)
                    self._note_memory(end.memory)
                    self._close(run, Ended(run=folder, attempt=end.attempt))
                elif isinstance(end, OtherKind) and run.moved < MOVES:  # a node of another kind joined
                    run.moved += 1
                    self._placing.nodes = self._look_at_nodes()
                    self._order(run)
                elif isinstance(end, SkipwiseError):
                    raise SkipwiseError(plain(end)) from end
                elif isinstance(end, RayTaskError) or not isinstance(end, RayError):
                    raise end  # ours is to blame
                elif not run.tasks:  # else another attempt goes on
                    self._close(run, GivenUp(run=folder, said=" ".join(str(end).split())[:300]))

    def _close(self, run: _Run, answer: Answer) -> None:
        """Ends a run; other attempts at it are stopped."""
        del self._runs[run.job.folder]
        self._stragglers.ended(run.job.folder)
        _stop([run], force=True)
        self.send(answer)

    def _note_memory(self, measured: int) -> None:
        """From now on runs ask for as much memory as one was seen to need, if that is more than was expected."""
        if self.estimated and measured > self.needs.memory:
            self.needs = replace(self.needs, memory=min(measured, self._placing.most_memory))

    def _look_around(self) -> None:
        """Looks for late runs from time to time, and for nodes that are gone where runs are bound to some of them."""
        now = time.monotonic()
        if now - self._looked < LOOK_AROUND:
            return
        self._looked = now
        if self._placing.is_mixed and {node.id for node in self._placing.nodes} - alive():
            self._placing.nodes = self._look_at_nodes()
            waiting = [run for run in self._runs.values() if not run.nodes]
            _stop(waiting, force=True)
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

    def stop(self, *, force: bool) -> None:
        """Stops all runs, and leaves what they saved in their folders.

        Args:
            force: at once; else those under way get some seconds to save their state.
        """
        runs, self._runs, self._stragglers = list(self._runs.values()), {}, Stragglers()
        with contextlib.suppress(RayError):
            _stop(runs, force=force)
            tasks = [task for run in runs for task in run.tasks.values()]
            if tasks:
                _, left = ray.wait(tasks, num_returns=len(tasks), timeout=GRACE)
                for task in left:
                    ray.cancel(task, force=True)

    def close(self) -> None:
        """Has all runs save their state, and stop."""
        self.stop(force=False)
        self._mailbox.shutdown(force=True)


@functools.cache
def _do_run() -> Any:
    return ray.remote(do_run)


def _stop(runs: Iterable[_Run], *, force: bool) -> None:
    for run in runs:
        for task in run.tasks.values():
            ray.cancel(task, force=force)
