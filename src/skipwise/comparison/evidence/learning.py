"""A check of whether the networks of a comparison were trained long enough to be compared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from skipwise.comparison.plan.plan import Plan
from skipwise.core.text import clock_time, count
from skipwise.evaluation.learned import LearningCheck, check_learning
from skipwise.statistics.runs.climbing import Climb, climb
from skipwise.training.folder.files import read_history
from skipwise.training.folder.predictions import read_predictions
from skipwise.training.folder.record import RunRecord


def not_learned(plan: Plan, folder: Path, records: Mapping[str, RunRecord]) -> dict[str, str]:
    """The candidates whose first run is no better than always predicting the most common class, each with a sentence.

    None where fewer than two others have learned something, or where there are no validation images. This is judged by
    the validation images of the first seed, before any test image is used.
    """
    found = {name: _first(plan, folder, records, name) for name in plan.trained}
    if any(shown is not None and not shown.can_be_told for shown in found.values()):
        return {}
    poor = {name: shown for name, shown in found.items() if shown is not None and not shown.has_learned}
    if len(found) - len(poor) < 2:
        return {}
    longer = "" if plan.time_limit is None else f"; --time-limit {clock_time(2 * plan.time_limit)} trains it longer"
    return {
        name: f"It had learned nothing when its first run of {count(plan.recipe.epochs, 'epoch')} ended: it is right "
        f"on {shown.accuracy * 100:.1f}% of {shown.images:,} validation images, and always predicting the most common "
        f"class is right on {shown.commonest * 100:.1f}%"
        f"{longer}."
        for name, shown in poor.items()
    }


def _first(plan: Plan, folder: Path, records: Mapping[str, RunRecord], name: str) -> LearningCheck | None:
    """Checks a network's first run on the validation images; None where it failed, or there are no images."""
    for job in plan.jobs(name, plan.question.first_seed):
        record = records.get(job.folder)
        if record is not None and record.status == "finished" and record.val is not None:
            answers = read_predictions(folder / job.folder, "val")
            return check_learning(answers.logits, answers.labels)
    return None


def climbs(plan: Plan, folder: Path, records: Mapping[str, RunRecord], name: str) -> Climb | None:
    """Estimates the rise of validation accuracy in the last part of a network's training, over its finished seeds.

    None where that is not known.
    """
    jobs = [job for seed in plan.question.seeds for job in plan.jobs(name, seed)]
    ended = [job for job in jobs if job.folder in records and records[job.folder].status == "finished"]
    histories = [
        [epoch.val.accuracy for epoch in read_history(folder / job.folder) if epoch.val is not None] for job in ended
    ]
    lengths = {len(history) for history in histories}
    if not plan.split_images["val"] or len(lengths) != 1 or min(lengths) < 2:
        return None
    return climb(histories, images=plan.split_images["val"])
