"""The protocol of what does a comparison's runs. It says nothing of where they are done."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from skipwise.core.errors import SkipwiseError

if TYPE_CHECKING:  # the options name this protocol, and `--help` has no time for more
    from skipwise.comparison.plan.plan import Job
    from skipwise.training.callbacks import Epoch, RunEnd

Event: TypeAlias = "Epoch | RunEnd"
"""A report of an executor about a run: each finished epoch, and last its end. `event.run` is the job's `folder`."""


@dataclass(frozen=True, kw_only=True)
class Room:
    """What one machine of an executor has for runs.

    Args:
        cpus: that they may use.
        most: how many it does at a time at most, whatever the CPUs, where its GPUs allow no more.
    """

    cpus: int
    most: int | None = None

    def runs(self, threads: int) -> int:
        """Returns how many runs of so many threads it does at a time.

        Example:
            >>> Room(cpus=8).runs(3)
            2
        """
        return self.cpus // threads if self.most is None else min(self.cpus // threads, self.most)


class Executor(Protocol):
    """Does the runs of a comparison, here or on other machines: `compare(..., executor=...)`.

    `compare` calls `open` once, then `submit` and `events` in turn, perhaps `cancel`, and `close` at the end. All calls
    come from one thread. What is to be trained, and in which order, is decided by `compare`: an executor neither skips
    nor repeats nor reorders anything that would change a result.

    What a worker may assume:

    - **Files.** The comparison's folder is the only thing that workers share with `compare`, and each other. It has to
      be visible to all of them under the path that `open` gives, with the same content. `plan.json`, `split.csv`,
      `images.json` (where the pixels are) and `weights.json` (where weights to start from are) are written before the
      first `submit` and stay until `close`. The packed pixels and the weights are read from the paths in these files.
      A worker writes into the folder of its run only, and no other worker does meanwhile. Where nobody can be sure
      that a worker is dead, each attempt at a run has a folder of its own (attempts.py), and the executor moves the one
      that ends first to its place. Workers share no memory, and need no connection to each other.
    - **Doing a run.** `skipwise.comparison.executors.worker.Worker(folder).events(job)` does one run in the present
      process; `into` names another folder for it. It yields the state after each step, which stays there, each `Epoch`,
      and last a `RunEnd`. These are plain records: `msgspec.json` encodes and decodes an `Epoch`. When the `RunEnd` is
      yielded, the run's folder is complete; its record may be read from there instead of being sent.
    - **Ends.** Every job that was submitted, and not cancelled, comes to exactly one `RunEnd`. A run whose loss
      diverges, or whose network's own code raises an error, ends as "failed", and the others continue. What no run
      can continue from (a full disk, too little memory) is raised by `events` as a SkipwiseError.
    - **Retries.** A run that was interrupted is resumed from its last checkpoint by whoever does it next, and comes to
      the same bytes. So a worker that dies without a word may be replaced, and its job done again, a few times; after
      that the executor either writes the run as failed (`skipwise.training.folder.record.write_run`) or raises.
    - **Time.** Nothing depends on how fast a worker is. Under a time limit `compare` measures the speed itself, by when
      the events come and by `Epoch.seconds`, so events should be handed over at once.
    - **Runs at a time.** An executor that can only do so many at a time says so by an attribute `at_once`. Forecasts go
      by it, and more `workers` are refused. One that has machines of its own may have a method `rooms(device)`, which
      returns a `Room` for each of them. It is called before the plan is made, which goes by it; `close` follows, also
      where `open` was not called.
    - **Stopping.** Closing the iterator that `Worker.events` returned, SIGTERM to a worker process of
      `LocalProcesses`, or SIGKILL: all of them leave a folder that can be resumed; the first two save the state after
      the current step, so that nothing is lost.

    `InProcess` is the shortest implementation, `LocalProcesses` the usual one; `RayExecutor` and `SlurmExecutor` are
    for many machines. CONTRIBUTING.md has one over any pool of `concurrent.futures`.

    Example:
        >>> from skipwise import Executor, InProcess
        >>> executor: Executor = InProcess()  # for skipwise.compare("digits", executor=executor)
        >>> executor.cancel()
    """

    def open(self, folder: Path, *, processes: int, threads: int) -> None:
        """The comparison begins or continues.

        Args:
            folder: the comparison's folder.
            processes: how many runs at a time `compare` planned for this machine, or the user asked for.
            threads: of the CPU, for each run.
        """

    def submit(self, job: Job) -> None:
        """Has a run done, now or later. Returns at once."""

    def events(self, until: float = math.inf) -> Iterator[Event]:
        """Yields what the runs report, in each run's own order, until all that were submitted have ended.

        The iterator may be abandoned; the next call continues where it was left.

        Args:
            until: on time.monotonic(). The iterator ends then, and the runs continue.

        Raises:
            SkipwiseError: something that no run can continue from.
        """

    def cancel(self) -> None:
        """Stops all runs that were submitted. Nothing more is reported of them. Others may be submitted afterwards."""

    def close(self) -> None:
        """The comparison is over, or was stopped. Runs that are under way save their state, and stop."""


def check_executor(executor: Executor) -> None:
    """Raises SkipwiseError for a class, where an instance is needed."""
    if isinstance(executor, type):
        raise SkipwiseError(f"executor takes an instance, such as {executor.__name__}(), not the class.")
