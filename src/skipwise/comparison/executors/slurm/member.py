"""One worker of a comparison, as the command sees it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from skipwise.comparison.executors.slurm.commands import State
from skipwise.comparison.executors.slurm.messages import Reader, Report
from skipwise.comparison.plan.plan import Job
from skipwise.core.workspace.shared_folder import WorkerMachine


@dataclass(eq=False)
class Member:
    """A worker.

    Args:
        name: its files are named after it.
        id: its job's number at Slurm.
        orders: the file for its orders.
        reports: the file with its reports, since its job was started the last time.
        start: how often its job was started again.
        state: of its job, when Slurm was asked last.
        session: under which it takes orders; None before it is ready, and once it has left.
        machine: where it is.
        job: the run that it does.
        attempt: the name of the folder that it does it in; None before it has begun.
        missed: how many times in a row Slurm did not name its job.
        ended: whether Slurm said that its job has ended. What it reported at the end may be seen a little later.
    """

    name: str
    id: str
    orders: Path
    reports: Reader[Report]
    start: int = 0
    state: State = State(name="PENDING")  # noqa: RUF009 - frozen
    session: str | None = None
    machine: WorkerMachine | None = None
    job: Job | None = None
    attempt: str | None = None
    missed: int = 0
    ended: bool = False
