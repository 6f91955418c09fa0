"""A plan and its forecast in words, before anything runs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from skipwise.comparison.plan.curve import PARTS
from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.question.question import Question
from skipwise.comparison.wording.phrases import length, margin
from skipwise.core.text import byte_size, count, duration, listed
from skipwise.cost.price import spent

if TYPE_CHECKING:
    from skipwise.comparison.budget.forecast import Forecast


def outlined(plan: Plan) -> list[str]:
    """The images, the question, and how networks are trained, a line each."""
    question, counts, recipe, size = plan.question, plan.split_images, plan.recipe, plan.preprocessing.size
    split = f"{counts['train']:,} training, {counts['val']:,} validation and {counts['test']:,} test images"
    if plan.folds is not None:
        split = f"{plan.test_images:,} images, each tested once per seed in {plan.folds} folds"
    looks = ", ".join(map(str, question.looks[:-1]))
    looks = f"{looks} and {question.looks[-1]} seeds" if looks else f"{question.looks[-1]} seeds"
    compiled = ", compiled" if plan.execution.compile else ""
    where = f" on {plan.machines} machines" if plan.machines > 1 else ""
    return [
        f"{plan.data}: {len(plan.classes)} classes, {split}, {size} x {size} pixels",
        f"{', '.join(plan.trained)}: judged after {looks} each{_tuned(plan)}, by {question.outcome}; margin "
        f"{margin(question)}, alpha {question.alpha:g}",
        *_further(question),
        *_target(plan),
        *_curve(plan),
        f"{length(recipe)} of recipe '{recipe.name}' in batches of {recipe.batch_size}, {plan.stem} "
        f"stem, width {plan.width:g}; {plan.processes} at once{where} on {plan.execution.device} in "
        f"{plan.execution.precision}{compiled}",
    ]


def expected(plan: Plan, forecast: Forecast, folder: Path) -> list[str]:
    """Lists the expected duration and the disk space that is needed.

    Args:
        folder: of the results; it need not be there.
    """
    taking = ""
    if forecast.first is not None and forecast.last is not None:
        most = f", {duration(forecast.last)} if all looks are needed" if len(plan.question.looks) > 1 else ""
        taking = f"about {duration(forecast.first)}{most}; "
    if forecast.curve:
        taking += f"up to {duration(forecast.curve)} of that for the learning curve; "
    lines = [f"Expected: {taking}{byte_size(_kept(plan, forecast))} of results on the disk", *_spent(plan, forecast)]
    there = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    free = shutil.disk_usage(there).free
    if free < forecast.needed:
        lines.append(f"The disk is too small for them: it has only {byte_size(free)} left.")
    return lines


def _kept(plan: Plan, forecast: Forecast) -> float:
    """The size of the results, without the weights that are dropped."""
    if plan.keep == "all":
        return forecast.kept
    return forecast.answers + (forecast.weights if plan.keep == "best" else 0.0)


def _spent(plan: Plan, forecast: Forecast) -> list[str]:
    """States what the comparison costs."""
    first, last, price = forecast.first, forecast.last, forecast.price
    if first is None or last is None:
        return []
    if len(plan.question.looks) == 1:
        return [f"That is about {spent(last, price)}."]
    return [f"The first look costs about {spent(first, price)}; all looks, about {spent(last, price)}."]


def _tuned(plan: Plan) -> str:
    """Describes the tuning in a phrase; "" without any."""
    tuning = plan.tuning
    if tuning is None:
        return ""
    if not tuning.space:
        return f", after tuning at {tuning.trials or len(tuning.rates)} learning rates"
    return f", after tuning {listed(tuning.names)} in {tuning.trials} trials"


def _further(question: Question) -> list[str]:
    """The outcomes beside the first one, with their margins."""
    judged = [f"{each.outcome} (margin {margin(each)})" for each in question.questions[1:]]
    return [f"judged at the end also by {listed(judged)}; alpha is shared by all {len(judged) + 1}"] if judged else []


def _curve(plan: Plan) -> list[str]:
    """The runs on parts of the training images."""
    if not plan.learning_curve:
        return []
    parts = listed([f"{round(plan.train_images * share):,}" for share in PARTS.values()])
    seeds = count(plan.looks[0], "seed")
    return [
        f"afterwards, the recommended network (of several that are as good, the smallest) on {parts} training images, "
        f"with {seeds}"
    ]


def _target(plan: Plan) -> list[str]:
    """The accuracy of which it is asked how many epochs it takes."""
    accuracy = plan.target_accuracy
    return [] if accuracy is None else [f"compared, too: the epochs that {accuracy:g}% validation accuracy takes"]
