"""A comparison that is planned, and of which nothing is done yet: what a dry run finds out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from skipwise.comparison.plan.plan import Plan
from skipwise.core.shown import Shown
from skipwise.training.callbacks import Callback

if TYPE_CHECKING:
    from skipwise.comparison.budget.forecast import Forecast

Stage = Literal["new", "begun", "finished"]


@dataclass(frozen=True, kw_only=True)
class Planned(Shown):
    """The plan that a call of `compare` would carry out.

    Args:
        plan: as far as it can be told before images are decoded: their mean and deviation are open, and whether the
            networks are compiled.
        forecast: of all that is planned; None where nothing is left to do.
        folder: where results are, or would be.
        stage: whether the same call has begun it there, or finished it.
        noticed: how the images were read, and what else a person should know, a sentence each.

    Example:
        >>> import skipwise
        >>> planned = skipwise.compare("digits", models=["resnet20", "plain20"], seeds=2, epochs=1, dry_run=True)
        >>> planned.stage, planned.plan.question.looks, planned.noticed[0]
        ('new', (2,), 'Read as the 1,797 handwritten digits of scikit-learn (8 x 8 pixels, 10 classes).')
    """

    plan: Plan
    forecast: Forecast | None
    folder: Path
    stage: Stage
    noticed: tuple[str, ...]


class NoticeList(Callback):
    """Keeps notices for the end, and passes on how far the images are prepared.

    Args:
        callback: is called with the progress.
        notices: where the sentences are kept.
    """

    def __init__(self, callback: Callback, notices: list[str]) -> None:
        self.callback, self.notices = callback, notices

    def on_prepare(self, what: str, done: int, total: int) -> None:
        self.callback.on_prepare(what, done, total)

    def on_notice(self, sentence: str) -> None:
        self.notices.append(sentence)
