"""Runs that did not learn: found by their predictions, and described with the likely cause."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from skipwise.comparison.plan.plan import Job, Plan
from skipwise.core.text import count
from skipwise.evaluation.learned import check_learning
from skipwise.training.folder.files import read_history
from skipwise.training.folder.predictions import Predictions, read_predictions
from skipwise.training.folder.record import RunRecord
from skipwise.training.loop.recipe import Recipe
from skipwise.training.planning.setting import needed_epochs

DIVERGED = "the loss became "
BY_HEART = 0.5
"""A training loss below this share of that of guessing shows that the training images are known."""


def has_learned(answers: Predictions) -> bool:
    """Returns whether a run's predictions for test images show that it learned; True where they can't show it.

    Where one class is much more common than the others, a run may know all classes and still be right less often than
    by always predicting the most common one. It has learned if its recall, averaged over the classes, is a tenth above
    that of guessing.
    """
    shown = check_learning(answers.logits, answers.labels)
    if shown.has_learned or not shown.can_be_told:
        return True
    return shown.classes_given > 1 and shown.recall > 1 / shown.classes + 0.1 * (1 - 1 / shown.classes)


def diverged(record: RunRecord) -> bool:
    """Returns whether a run failed because its loss diverged."""
    return record.status == "failed" and (record.reason or "").startswith(DIVERGED)


def why_not_learned(plan: Plan, folder: Path, job: Job, record: RunRecord) -> str | None:
    """The likely cause, as a phrase; None for a run that learned, or that failed for another reason."""
    rate = job.spec.recipe.lr
    if diverged(record):
        return f"the learning rate of {rate:g} is too high for it"
    if record.status != "finished" or has_learned(read_predictions(folder / job.folder, "test")):
        return None
    losses = [epoch.train_loss for epoch in read_history(folder / job.folder)]
    recipe: Recipe = job.spec.recipe
    if losses and losses[-1] < BY_HEART * math.log(len(plan.classes)):
        return f"too few images: it knows the {plan.train_images:,} that it trained on, and no others"
    needed = needed_epochs(recipe, plan.train_images)
    steps = replace(recipe, epochs=needed, steps=None).steps_in_all(plan.train_images)
    if recipe.steps_in_all(plan.train_images) < steps:
        had = recipe.epochs if recipe.steps is None else count(recipe.steps, "step")
        needs = f"networks need about {needed} {'on' if recipe.steps is None else 'epochs on'} these images"
        return f"too few epochs, as it had {had} and {needs}, or the learning rate of {rate:g}"
    return f"the learning rate of {rate:g} is too high or too low for it"
