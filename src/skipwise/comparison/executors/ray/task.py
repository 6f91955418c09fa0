"""The task of a node: it does one run, in a folder of its own.

The process of a worker does one run after another, and keeps the images open between them.
"""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from ray.util.queue import Queue

from skipwise.comparison.executors.attempts import begin_attempt
from skipwise.comparison.plan.plan import COMPARISONS, Job
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.checksums import sha256
from skipwise.core.machine.memory import most_held
from skipwise.core.machine.system import Machine, keep_freed_memory
from skipwise.core.workspace.shared_folder import check_probe, check_versions, describe_worker
from skipwise.training.callbacks import Epoch

if TYPE_CHECKING:
    from skipwise.comparison.executors.worker import Worker


@dataclass(frozen=True, kw_only=True)
class Head:
    """What a node is held against.

    Args:
        folder: the comparison's folder.
        probe: what is in the file by which a shared folder is known.
        machine: the machine of the command.
        device: the kind of device that the runs are done on.
    """

    folder: Path
    probe: str
    machine: Machine = field(compare=False)
    device: str


@dataclass(frozen=True, kw_only=True)
class RunOrder:
    """A run that is to be done.

    Args:
        number: of this order; a run may be ordered twice, and the first to end wins.
        kind: of the machine that it has to be done on.
    """

    head: Head
    job: Job
    number: int
    kind: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a worker reports while it does a run.

    Args:
        run: the folder of the run.
        number: of the order.
        node: the id of the node.
        epoch: one more epoch that is done; None where an attempt begins.
    """

    run: str
    number: int
    node: str
    epoch: Epoch | None = None


@dataclass(frozen=True, kw_only=True)
class Written:
    """The end of an attempt, whose record is written.

    Args:
        attempt: the name of the attempt's folder.
        epochs: those that it did, of which some reports may still be on their way.
        memory: the most bytes that the process had in memory so far.
    """

    attempt: str
    epochs: tuple[Epoch, ...]
    memory: int


class OtherKind(SkipwiseError):
    """The node joined later, and its machine is not of the kind that the run has to be done on."""


def look_at_node(head: Head) -> str:
    """Returns the kind of this machine, where it can do runs.

    Raises:
        SkipwiseError: it has other versions, does not see the comparison's folder, or lacks the images.
    """
    kind = _checked(head)
    node = describe_worker(head.device).node
    try:
        _worker(head.folder)
    except SkipwiseError as error:
        raise SkipwiseError(f"{node} can't do runs. {error}") from error
    return kind


def do_run(order: RunOrder, mailbox: Queue) -> Written:
    """Does a run from wherever earlier attempts came to, and reports how it goes.

    Ray's way to stop it is a KeyboardInterrupt, at which it saves its state.

    Raises:
        SkipwiseError: no run can continue.
        OtherKind: this machine must not do this run.
    """
    if (kind := _checked(order.head)) != order.kind:
        raise OtherKind(f"This is a {kind}, and the run has to be done on a {order.kind}.")
    folder, run, node = order.head.folder, order.job.folder, ray.get_runtime_context().get_node_id()
    worker = _worker(folder)
    attempt = begin_attempt(folder, run)

    def report(epoch: Epoch | None = None) -> None:
        # Nobody waits for this: Ray takes a task that waits for idle, and begins another in its place.
        put: Any = mailbox.actor.put_nowait
        put.remote(Report(run=run, number=order.number, node=node, epoch=epoch))

    report()
    epochs = []
    with contextlib.closing(worker.events(order.job, attempt)) as events:
        for event in events:
            if isinstance(event, Epoch):
                report(event)
                epochs.append(event)
    return Written(attempt=attempt.name, epochs=tuple(epochs), memory=most_held())


@functools.lru_cache(maxsize=1)
def _checked(head: Head) -> str:
    """Returns the kind of this machine; looks once in each process, since a node may join at any time.

    Raises:
        SkipwiseError: it has other versions, or does not see the comparison's folder.
    """
    there = describe_worker(head.device)
    check_versions(head.machine, there)
    check_probe(head.folder, head.probe, node=there.node)
    return there.kind


def _worker(folder: Path) -> Worker:
    """The worker of this process. Where a time limit changed the plan, it is made again."""
    files = (folder / COMPARISONS.plan_file, folder / "images.json")
    return _made(folder, tuple(sha256(path) if path.exists() else "" for path in files))


@functools.lru_cache(maxsize=1)
def _made(folder: Path, files: tuple[str, ...]) -> Worker:  # noqa: ARG001 - what it was made of
    from skipwise.comparison.executors.worker import Worker  # with torch, which the driver does not need

    keep_freed_memory()
    return Worker(folder, faults=(Exception, SystemExit))
