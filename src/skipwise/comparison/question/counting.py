"""A check before any time is spent: can the question's outcome be computed from the images that there are?"""

from __future__ import annotations

import numpy as np

from skipwise.comparison.question.grouping import groups_of_test
from skipwise.comparison.question.question import Question
from skipwise.core.errors import SkipwiseError
from skipwise.data.prepare import Prepared
from skipwise.evaluation.variants import VARIANTS, Kinds

SOME = 100
"""Images of an array that are looked at."""


def check_countable(question: Question, prepared: Prepared, *, tuned: bool) -> None:
    """Raises SkipwiseError where an outcome says nothing of such images.

    Args:
        question: what is asked.
        prepared: the images.
        tuned: whether hyperparameters are chosen by the outcome on validation images.
    """
    source = prepared.source
    classes, split = source.classes, prepared.split[prepared.members]
    labels = source.labels[prepared.members]
    class_images = np.bincount(labels[split == "test"], minlength=len(classes)).tolist()
    groups = groups_of_test(prepared)
    for outcome in (each.scoring for each in question.questions):
        outcome.check(class_images, classes)
        counted = outcome.members(labels, classes)
        if len(np.unique(groups[counted[split == "test"]])) < 2:
            counted_ones = "test images of the classes in --outcome" if outcome.within else "test images"
            raise SkipwiseError(
                f"All {counted_ones} belong to one group, which shows nothing of others; "
                f"{'name more classes, ' if outcome.within else ''}use finer groups, or add images."
            )
    outcome, validation = question.scoring, split == "val"
    counted = outcome.members(labels, classes)
    if tuned and validation.any() and not counted[validation].any():
        raise SkipwiseError(
            f"Tuning chooses by {outcome.measure(on='validation')}, and no validation image counts there; do not tune, "
            "or count other classes."
        )


def check_variants(question: Question, prepared: Prepared, size: int, *, tuned: bool) -> list[str]:
    """Checks the versions of the test images that outcomes read, and says what is to be known of them.

    Args:
        question: what is asked.
        prepared: the images.
        size: pixels a side, as networks take them.
        tuned: whether hyperparameters are chosen by the outcome on validation images.

    Raises:
        SkipwiseError: they can't be made of such images.
    """
    if tuned and question.scoring.variant:
        raise SkipwiseError(
            f"Tuning chooses by validation images as they are, and {question.outcome} needs other versions; do not "
            f"tune, or name another outcome first, such as --outcome accuracy,{question.outcome}."
        )
    if not question.variants:
        return []
    kinds = Kinds(size=size, two_valued=_two_valued(prepared), brought=tuple(prepared.source.versions))
    for name in question.variants:
        if reason := VARIANTS[name].refuse(kinds):
            raise SkipwiseError(reason)
    return [remark for name in question.variants if (remark := VARIANTS[name].remark(kinds))]


def _two_valued(prepared: Prepared) -> bool:
    """Returns whether test images have 1 bit per pixel: as files, or as an array of black and white only."""
    tested = np.flatnonzero(prepared.split == "test")
    pixels = prepared.source.pixels
    if pixels is not None:
        return bool(np.isin(pixels[tested[:SOME]], (0, 255)).all())
    return bool(np.char.endswith(prepared.scan.kinds[tested], " 1").any())
