"""What does a comparison's runs: the protocol, which says nothing of where they are done."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from skipwise.comparison.plan.plan import Job
from skipwise.training.run.record import RunRecord


@dataclass(frozen=True)
class Event:
    """What happened to a run. `epoch` counts from 1; `record` is there once the run has ended."""

    job: Job
    epoch: int = 0
    seconds: float = 0.0
    record: RunRecord | None = None


class Executor(Protocol):
    """Takes runs and gives their records.

    A run that is done has its folder in the comparison's folder, whoever did it; a run that was begun there and not
    finished is gone on with, not begun again.
    """

    def submit(self, job: Job) -> None:
        """Has a run done, now or later."""

    def events(self, until: float = math.inf) -> Iterator[Event]:
        """What happens, until every run that was submitted has ended, or the time has come.

        Args:
            until: on time.monotonic(); what goes on then goes on.

        Raises:
            SkipwiseError: something no run can go on with: a full disk, a folder that can't be written.
        """

    def cancel(self) -> None:
        """Ends all runs that were submitted, at once; what they saved stays. Others may be submitted afterwards."""
