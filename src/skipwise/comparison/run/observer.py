"""What a comparison tells while it works."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from skipwise.comparison.plan.plan import Job, Plan
from skipwise.comparison.run.executor import Event

if TYPE_CHECKING:
    from skipwise.comparison.budget.forecast import Forecast


class Observer:
    """Every method may be overridden; here they do nothing."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """Images are looked at or read."""

    def noticed(self, sentence: str) -> None:
        """Something that a person should know, and that is no error."""

    def starting(self, plan: Plan, folder: Path, expected: Forecast | None) -> None:
        """The plan is fixed now, or was before; then nothing is expected anew. Runs begin."""

    def doing(self, jobs: Sequence[Job], why: str) -> None:
        """These runs are done next, for a look or for tuning; those that are done already are among them."""

    def happened(self, event: Event) -> None:
        """A run got on or ended."""

    def finishing(self, what: str) -> None:
        """All runs are done."""
