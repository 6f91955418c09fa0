"""The record and the page of an evaluation, made of its numbers and of pictures of some images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from skipwise.core.text import count
from skipwise.data.image.decode import decode
from skipwise.data.image.preprocess import fit_square
from skipwise.data.image.white_level import Levels
from skipwise.deploy.trained.images import LabelledImages
from skipwise.evaluating.answering import KEPT, Evaluated
from skipwise.evaluating.corrupting import Corrupted
from skipwise.evaluating.record import PREDICTIONS, EvaluationPlan, EvaluationRecord
from skipwise.evaluating.report.page import FEW_CARDS, MOST_CARDS, Shown, evaluation_page
from skipwise.evaluating.report.tuning_section import TuningSection
from skipwise.evaluation.mislabelled import probabilities
from skipwise.evaluation.mistakes import pair_examples
from skipwise.evaluation.one_network import Evaluation
from skipwise.evaluation.reliance import Reliance
from skipwise.pages.pictures import FEW_PIXELS, bounded_url

SIDE, CHARACTERS = 96, 6_000
"""Pixels a side of a picture, and characters of its data URL, at most."""


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Pictures of some images.

    Args:
        urls: data URLs by the images' positions; any may be missing.
        few_pixels: whether they have so few pixels that they are shown enlarged.
    """

    urls: dict[int, str]
    few_pixels: bool


NO_PICTURES = Pictures(urls={}, few_pixels=False)


@dataclass(frozen=True, kw_only=True)
class About:
    """Facts about the page itself, beside the numbers.

    Args:
        facts: a name and a value each.
        answers: where every answer is kept.
        made_by: the command that made it.
        back: the address of the page that links to this one, and its name; None where there is none.
        depth: charts of activations and gradients by depth; () where the run did not record them.
        tuning: the hyperparameters that the run was tuned with; None where it was not.
    """

    facts: tuple[tuple[str, str], ...] = ()
    answers: str = PREDICTIONS
    made_by: str = "skipwise evaluate"
    back: tuple[str, str] | None = None
    depth: tuple[str, ...] = ()
    tuning: TuningSection | None = None


def compose(
    plan: EvaluationPlan,
    evaluation: Evaluation,
    found: Evaluated,
    *,
    notes: Sequence[str],
    pictures: Callable[[set[int]], Pictures],
    corrupted: Corrupted | None = None,
    relying: Reliance | None = None,
    about: About = About(),
) -> tuple[EvaluationRecord, str]:
    """The record of an evaluation and its page.

    Args:
        plan: what was evaluated.
        evaluation: its numbers.
        found: the answers that they are about.
        notes: what a reader must know beside the answer.
        pictures: gives pictures of the images at some positions.
        corrupted: what came of corrupting the images; None where that was not asked for.
        relying: what came of other backgrounds; None where the data set has none.
        about: what the page says about itself.
    """
    examples = _examples(evaluation, found)
    record = EvaluationRecord(
        plan=plan,
        evaluation=evaluation,
        ids={index: str(found.answers.ids[index]) for index in sorted(_pointed_at(evaluation, examples))},
        notes=tuple(notes),
        missing=found.missing,
        extra=found.extra,
        robustness=None if corrupted is None else corrupted.robustness,
        reliance=relying,
    )
    shown = {
        each.index
        for each in (*evaluation.worst[:MOST_CARDS], *evaluation.barely[:FEW_CARDS], *evaluation.doubted[:MOST_CARDS])
    }
    seen = pictures(shown | {index for some in examples for index in some})
    facts = [
        ("Network", plan.model),
        ("Images", f"{count(evaluation.images, 'image')} of {plan.data}{_part(plan.split)}"),
        ("Answered by", "the run itself, in training" if plan.backend == KEPT else plan.backend),
        *about.facts,
    ]
    page = evaluation_page(
        evaluation,
        Shown(
            title=f"Evaluation of {plan.model} on {plan.data}",
            network=plan.model,
            facts=facts,
            notes=record.notes,
            split=plan.split,
            ids=found.answers.ids.tolist(),
            pictures=seen.urls,
            few_pixels=seen.few_pixels,
            examples=examples,
            answers=about.answers,
            made_by=about.made_by,
            back=about.back,
            depth=about.depth,
            tuning=about.tuning,
        ),
        corrupted,
        relying,
    )
    return record, page


def pictures_from(images: LabelledImages, wanted: set[int], levels: Levels) -> Pictures:
    """Pictures of the images at some positions, from their files: the middle square of each.

    Raises:
        SkipwiseError: an image can't be read.
    """
    positions, found, largest = sorted(wanted), {}, 0
    for position, data in zip(positions, images.some(np.array(positions, np.int64)).encoded(), strict=True):
        pixels = decode(data, channels=3, levels=levels)
        side = min(SIDE, min(pixels.shape[:2]))
        largest = max(largest, side)
        found[position] = bounded_url(fit_square(pixels, side).tobytes(), side, CHARACTERS)
    return Pictures(urls=found, few_pixels=bool(found) and largest < FEW_PIXELS)


def _part(split: str) -> str:
    return f", its {split} split" if split else ""


def _examples(evaluation: Evaluation, found: Evaluated) -> list[list[int]]:
    """Images of each pair of classes that is confused."""
    shares = probabilities(found.answers.logits)
    number = {name: place for place, name in enumerate(evaluation.classes)}
    return [
        [each.index for each in pair_examples(shares, found.answers.labels, number[pair.label], number[pair.answer])]
        for pair in evaluation.confused
    ]


def _pointed_at(evaluation: Evaluation, examples: list[list[int]]) -> set[int]:
    """The positions of images that the numbers name."""
    named = {each.index for each in (*evaluation.worst, *evaluation.barely, *evaluation.doubted)}
    return named | {index for some in examples for index in some}
