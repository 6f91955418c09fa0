"""What a dry run prints: a plan and its forecast, before anything runs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.plan.planned import Planned
from skipwise.comparison.wording.phrases import length, margin
from skipwise.comparison.wording.study import given_up_in_all
from skipwise.core.progress import Console, duration
from skipwise.core.text import byte_size

if TYPE_CHECKING:
    from skipwise.comparison.budget.forecast import Forecast


def print_planned(planned: Planned, following: str) -> None:
    """What a dry run found out, and the command that does it."""
    console, plan = Console(), planned.plan
    lines = [*planned.noticed, *_outlined(plan)]
    lines += given_up_in_all(plan)
    lines += [f"{name}: {sentence}" for name, sentence in plan.not_trained.items()]
    if planned.forecast is not None:
        lines += _expected(plan, planned.forecast, planned.folder)
    folder = planned.folder
    where = {
        "new": f"Nothing was trained. The results would go to {folder}.",
        "begun": f"Nothing was trained now. The comparison in {folder} is unfinished; the same command goes on.",
        "finished": f"Nothing was trained now. The comparison in {folder} is finished; the same command shows it.",
    }
    for line in (*lines, where[planned.stage]):
        console.print(Text(line), soft_wrap=not console.is_terminal)
    console.print()
    console.print(Text(f"Next:   {following}"), soft_wrap=True)


def _outlined(plan: Plan) -> list[str]:
    """The images, the question, and how networks are trained, a line each."""
    question, counts, recipe, size = plan.question, plan.split_images, plan.recipe, plan.preprocessing.size
    split = f"{counts['train']:,} training, {counts['val']:,} validation and {counts['test']:,} test images"
    if plan.folds is not None:
        split = f"{plan.test_images:,} images, each tested once per seed in {plan.folds} folds"
    looks = ", ".join(map(str, question.looks[:-1]))
    looks = f"{looks} and {question.looks[-1]} seeds" if looks else f"{question.looks[-1]} seeds"
    tuned = f", after tuning at {len(plan.tuning.rates)} learning rates" if plan.tuning else ""
    compiled = ", compiled" if plan.execution.compile else ""
    return [
        f"{plan.data}: {len(plan.classes)} classes, {split}, {size} x {size} pixels",
        f"{', '.join(plan.trained)}: a look after {looks} each{tuned}; margin {margin(question)}, "
        f"alpha {question.alpha:g}, {question.outcome}",
        f"{length(recipe)} of recipe '{recipe.name}' in batches of {recipe.batch_size}, {plan.stem} "
        f"stem, width {plan.width:g}; {plan.processes} at once on {plan.execution.device} in "
        f"{plan.execution.precision}{compiled}",
    ]


def _expected(plan: Plan, forecast: Forecast, folder: Path) -> list[str]:
    """How long it will take, and the disk that it needs.

    Args:
        folder: of the results; it need not be there.
    """
    taking = ""
    if forecast.first is not None and forecast.last is not None:
        most = f", {duration(forecast.last)} if all looks are needed" if len(plan.question.looks) > 1 else ""
        taking = f"about {duration(forecast.first)}{most}; "
    lines = [f"Expected: {taking}{byte_size(forecast.kept)} of results on the disk"]
    there = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    free = shutil.disk_usage(there).free
    if free < forecast.needed:
        lines.append(f"Mind that the disk has only {byte_size(free)} left.")
    return lines
