"""A comparison that is planned, and of which nothing is done yet: what a dry run finds out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.run.observer import Observer

if TYPE_CHECKING:
    from skipwise.comparison.budget.forecast import Forecast

Stage = Literal["new", "begun", "finished"]


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What a call of `compare` would do.

    Args:
        plan: as far as it can be told before images are decoded: their mean and deviation are open, and whether the
            networks are compiled.
        forecast: of all that is planned; None where nothing is left to do.
        folder: where results are, or would be.
        stage: whether the same call has begun it there, or finished it.
        noticed: how the images were read, and what else a person should know, a sentence each.
    """

    plan: Plan
    forecast: Forecast | None
    folder: Path
    stage: Stage
    noticed: tuple[str, ...]


class Noting(Observer):
    """Writes down what should be known, for the end; the images' progress is told at once.

    Args:
        watch: who is told.
        noticed: where the sentences are written down.
    """

    def __init__(self, watch: Observer, noticed: list[str]) -> None:
        self.watch, self.sentences = watch, noticed

    def preparing(self, what: str, done: int, total: int) -> None:
        self.watch.preparing(what, done, total)

    def noticed(self, sentence: str) -> None:
        self.sentences.append(sentence)
