"""More asked of a comparison that was begun, or is finished: `compare --extend`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from skipwise.comparison.plan.plan import COMPARISONS, Plan
from skipwise.comparison.plan.sameness import with_stored_batch
from skipwise.comparison.question.question import Question
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.checksums import read_sealed
from skipwise.core.workspace.task import Place
from skipwise.training.loop.recipe import shortened


def is_answered(place: Place[Plan], question: Question, *, learning_curve: bool, extend: bool) -> bool:
    """Tells whether a folder has the answer to a question, and not only to one that it extends.

    Args:
        learning_curve: whether a learning curve is asked for.
        extend: whether more may be asked than was.
    """
    if not place.finished or place.plan is None:
        return False
    whole = place.plan.learning_curve and place.plan.curve_stopped_after is None
    more = place.plan.question != question or (learning_curve and not whole)
    return not (extend and more)


def as_asked_before(draft: Plan, folder: Path) -> Plan:
    """The plan that is asked for now, with the question that was asked in a folder before.

    Raises:
        SkipwiseError: there is no comparison in the folder.
    """
    path = folder / COMPARISONS.plan_file
    if not path.exists():
        raise SkipwiseError(f"There is no comparison in {folder} to extend; leave --extend out.")
    before = read_sealed(path, Plan)
    known = before.question.candidates
    draft = replace(
        draft,
        question=before.question,
        external_code={name: code for name, code in draft.external_code.items() if name in known},
        init={name: start for name, start in draft.init.items() if name in known},
        time_limit=before.time_limit,
        asked_for=before.asked_for,
        asked_setting=before.asked_setting,
        asked_seed=before.asked_seed,
        target_accuracy=draft.target_accuracy or before.target_accuracy,
        learning_curve=before.learning_curve,
    )
    draft = with_stored_batch(draft, before)
    if before.asked_for is not None:  # the time limit chose the epochs
        draft = replace(draft, recipe=shortened(draft.recipe, before.recipe.epochs, draft.train_images))
        if draft.tuning is not None and before.tuning is not None:
            draft = replace(draft, tuning=replace(draft.tuning, epochs=before.tuning.epochs))
    return draft


def in_stored_order(names: Sequence[str], folder: Path) -> list[str]:
    """The networks as the comparison in a folder has them, those that are new last."""
    path = folder / COMPARISONS.plan_file
    if not path.exists():
        return list(names)
    before = read_sealed(path, Plan).question.candidates
    return [*(name for name in before if name in names), *(name for name in names if name not in before)]
