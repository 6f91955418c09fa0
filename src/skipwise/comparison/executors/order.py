"""What a process of `LocalProcesses` is told."""

from __future__ import annotations

from dataclasses import dataclass

from skipwise.comparison.plan.plan import Job


@dataclass(frozen=True, kw_only=True)
class Order:
    """A run that is to be done.

    Args:
        job: the run.
        into: the folder that it is written into, in the comparison's folder.
    """

    job: Job
    into: str
