"""The conditions under which two plans are the same comparison, and the words for their differences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from skipwise.training.loop.recipe import as_begun, shortened
from skipwise.training.planning.plan import images_apart
from skipwise.training.tuning.space import LR
from skipwise.training.weights.starting_weights import Start

if TYPE_CHECKING:
    from skipwise.comparison.plan.plan import Included, Plan


def as_begun_there(plan: Plan, stored: Plan) -> Plan:
    """A plan with what the machine, or a time limit, chose for a stored one of the same question."""
    plan = replace(
        with_stored_batch(plan, stored),
        # A plan of an earlier version goes on as it began.
        grouping=plan.grouping if stored.grouping is not None else None,
    )
    if plan.time_limit is None or plan.time_limit != stored.time_limit:
        return plan
    begun, preprocessing = stored.recipe, plan.preprocessing
    recipe = shortened(plan.recipe, begun.epochs, plan.train_images)
    plan = replace(
        plan,
        question=replace(plan.question, looks=stored.question.looks, first_seed=stored.question.first_seed),
        recipe=replace(recipe, steps=begun.steps, min_size=begun.min_size, full_size_from=begun.full_size_from),
        preprocessing=replace(preprocessing, size=stored.preprocessing.size),
        stem=stored.stem,
    )
    if plan.tuning is not None and stored.tuning is not None:
        tuning = replace(plan.tuning, epochs=stored.tuning.epochs, seed=stored.tuning.seed)
        plan = replace(plan, tuning=tuning)
    return plan


def with_stored_batch(plan: Plan, stored: Plan) -> Plan:
    """A plan with the batch size that a stored one was reduced to, if both asked for the same one."""
    recipe = as_begun(plan.recipe, stored.asked_batch, stored.recipe)
    return replace(plan, recipe=recipe, asked_batch=stored.asked_batch)


def wherever(included: tuple[Included, ...]) -> tuple[Included, ...]:
    """Runs without where they lie and how they were computed."""
    return tuple(replace(run, folder="", execution=None) for run in included)


def nameless(init: Mapping[str, Start]) -> dict[str, Start]:
    """Weights without the names of their files: the SHA-256 says which they are."""
    return {model: replace(start, name="") for model, start in init.items()}


def said_of_learning_curve(ours: Plan, theirs: Plan) -> str:  # noqa: ARG001 - as all sentences have both
    """States which of two plans asks for a learning curve."""
    return "a learning curve is asked for " + ("here and not there" if ours.learning_curve else "there and not here")


def said_of_images(ours: Plan, theirs: Plan) -> str:
    """Names the differences between the images of two plans."""
    return images_apart(
        (ours.classes, ours.val_share, ours.split_images),
        (theirs.classes, theirs.val_share, theirs.split_images),
    )


def said_of_tuning(ours: Plan, theirs: Plan) -> str:
    """Names what is tuned otherwise."""
    names = [each.tuning.names for each in (ours, theirs) if each.tuning is not None]
    only_rates = all(each == (LR,) for each in names)
    return f"{'learning rates' if only_rates else 'hyperparameters'} are tuned otherwise"


def said_of_weights(ours: Plan, theirs: Plan) -> str:
    """Names the candidates that start from other weights."""
    for name in dict.fromkeys((*ours.question.candidates, *theirs.init)):
        mine, other = ours.init.get(name), theirs.init.get(name)
        if nameless({name: mine} if mine else {}) != nameless({name: other} if other else {}):
            there, here = (each.name if each else "scratch" for each in (other, mine))
            which = " (another file of that name)" if there == here else ""
            return f"{name} starts from {there} there and from {here} here{which}"
    return "networks start from other weights"
