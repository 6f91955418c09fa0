"""`--keep`: which runs of a comparison keep their weights. Their answers are always kept."""

from __future__ import annotations

from pathlib import Path

from skipwise.comparison.plan.layout import CURVE
from skipwise.comparison.plan.plan import Plan
from skipwise.core.errors import SkipwiseError
from skipwise.training.callbacks import Callback, RunEnd
from skipwise.training.folder.dropped import drop_weights
from skipwise.training.folder.names import TUNING
from skipwise.training.folder.predictions import read_predictions
from skipwise.training.folder.record import RunRecord

Merit = tuple[float, float, int, int]
"""How good a run is on the validation images, by the outcome and then by the loss; of equal ones the first seed's."""


def validation_outcome(plan: Plan, folder: Path, record: RunRecord) -> float | None:
    """The comparison's outcome on the validation images of a finished run; None where there are none.

    Raises:
        SkipwiseError: its predictions are damaged.
    """
    scoring = plan.question.scoring
    if record.val is None or scoring.variant:
        return None
    found = read_predictions(folder, "val")
    counts = scoring.members(found.labels, plan.classes)
    if not counts.any():
        return None
    return float(scoring.scores(found.logits[counts], found.labels[counts]).mean())


def merit_of(plan: Plan, folder: Path, record: RunRecord) -> Merit:
    """The merit of a run, by which one is kept. The test images have no part in it: nothing is chosen on them.

    In cross-validation there are no validation images, and the first run is as good as any.
    """
    reached = validation_outcome(plan, folder, record)
    if reached is not None:
        reached = plan.question.scoring.merit(reached)
    elif record.val is not None:
        reached = record.val.accuracy
    loss = 0.0 if record.val is None else record.val.nll
    fold = 0 if record.spec.fold is None else record.spec.fold[0]
    return (0.0 if reached is None else reached, -loss, -record.spec.seed, -fold)


class WeightKeeper(Callback):
    """Drops the weights that are not to be kept, as soon as a run has ended.

    Which run is kept does not depend on the order in which they end.

    Args:
        plan: the comparison.
        folder: its folder.
        watch: is told where weights can't be removed.
    """

    def __init__(self, plan: Plan, folder: Path, watch: Callback) -> None:
        self.plan, self.folder, self.watch = plan, folder, watch
        self.best: dict[str, tuple[Merit, str]] = {}

    def on_run_end(self, end: RunEnd) -> None:
        if self.plan.keep == "all" or end.record.status != "finished":
            return
        if self.plan.keep == "none" or end.run.startswith((f"{TUNING}/", f"{CURVE}/")):
            self._drop(end.run)
            return
        model, merit = end.record.spec.model, merit_of(self.plan, self.folder / end.run, end.record)
        known = self.best.get(model)
        if known is None or merit >= known[0]:
            self.best[model] = merit, end.run
            if known is not None and known[1] != end.run:
                self._drop(known[1])
        else:
            self._drop(end.run)

    def _drop(self, run: str) -> None:
        try:
            drop_weights(self.folder / run, f"--keep {self.plan.keep}")
        except SkipwiseError as error:  # the results do not depend on it
            self.watch.on_notice(f"The weights of {self.folder / run} could not be dropped: {error}")
