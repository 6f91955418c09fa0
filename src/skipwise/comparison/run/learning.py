"""Whether a comparison's networks were trained enough for their accuracy to say something of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from skipwise.comparison.plan.plan import Plan
from skipwise.core.text import clock_time
from skipwise.evaluation.learned import LearningCheck, check_learning
from skipwise.statistics.climbing import Climb, climb
from skipwise.training.run.files import read_history
from skipwise.training.run.predictions import read_predictions
from skipwise.training.run.record import RunRecord


def not_learned(plan: Plan, folder: Path, records: Mapping[str, RunRecord]) -> dict[str, str]:
    """The candidates whose first run ended no better than by always giving the commonest class, and a sentence for
    each; nobody where fewer than two others learned something, and where there are no validation images.

    It is judged by validation images of the first seed, before anybody looks at the answers to test images.
    """
    found = {name: _first(plan, folder, records, name) for name in plan.trained}
    if any(shown is not None and not shown.can_be_told for shown in found.values()):
        return {}
    poor = {name: shown for name, shown in found.items() if shown is not None and not shown.has_learned}
    if len(found) - len(poor) < 2:
        return {}
    longer = "" if plan.time_limit is None else f"; --time-limit {clock_time(2 * plan.time_limit)} trains it longer"
    return {
        name: f"It had learned nothing when its first run of {plan.recipe.epochs} "
        f"epoch{'s' * (plan.recipe.epochs != 1)} ended: it is right on {shown.accuracy * 100:.1f}% of "
        f"{shown.images:,} validation images, and always giving the commonest class on {shown.commonest * 100:.1f}%"
        f"{longer}."
        for name, shown in poor.items()
    }


def _first(plan: Plan, folder: Path, records: Mapping[str, RunRecord], name: str) -> LearningCheck | None:
    """What the validation images say of a network's first run; None where it failed, or there are no images."""
    for job in plan.jobs(name, plan.question.first_seed):
        record = records.get(job.folder)
        if record is not None and record.status == "finished" and record.val is not None:
            answers = read_predictions(folder / job.folder, "val")
            return check_learning(answers.logits, answers.labels)
    return None


def climbs(plan: Plan, folder: Path, records: Mapping[str, RunRecord], name: str) -> Climb | None:
    """How much the last part of a network's training brought on the validation images, over its finished seeds; None
    where that can't be told."""
    jobs = [job for seed in plan.question.seeds for job in plan.jobs(name, seed)]
    ended = [job for job in jobs if job.folder in records and records[job.folder].status == "finished"]
    histories = [
        [epoch.val.accuracy for epoch in read_history(folder / job.folder) if epoch.val is not None] for job in ended
    ]
    lengths = {len(history) for history in histories}
    if not plan.split_images["val"] or len(lengths) != 1 or min(lengths) < 2:
        return None
    return climb(histories, images=plan.split_images["val"])
