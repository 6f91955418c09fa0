"""Images that the report shows: what one network gets right and wrong, and on which images two networks disagree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from skipwise.comparison.report.evidence import ranked
from skipwise.comparison.report.networks import NetworkPage
from skipwise.comparison.results.disagreements import Disagreement, Divided
from skipwise.comparison.results.recommendation import Recommendation
from skipwise.comparison.results.records import Results
from skipwise.core.text import count
from skipwise.evaluation.mistakes import Answered
from skipwise.pages import figures
from skipwise.pages.matrix import confusion_table

EXAMPLES = 6
"""Images that are right, and as many that are wrong."""
RIVALS = 3
"""Networks that the recommended one is compared with, image by image."""

Pages = Mapping[str, NetworkPage]


def shown_images(results: Results, choice: Recommendation, pages: Pages) -> list[str]:
    """The ids of the images that the report shows."""
    found: list[str] = []
    if (page := pages.get(_subject(results, choice))) is not None:
        evaluation = page.record.evaluation
        found += [page.record.ids[each.index] for each in (*evaluation.worst[:EXAMPLES], *evaluation.barely[:EXAMPLES])]
    found += [image.id for each in _divisions(results, choice) for image in each.images]
    if not results.divided:
        found += [image.id for image in results.disagreements]
    return list(dict.fromkeys(found))


def examples(
    results: Results, choice: Recommendation, pages: Pages, pictures: Mapping[str, str]
) -> dict[str, Any] | None:
    """The surest mistakes and the closest right answers of the recommended network, or else of the best one, with its
    confusion matrix; None where it has no page."""
    name = _subject(results, choice)
    if (page := pages.get(name)) is None:
        return None
    evaluation = page.record.evaluation
    cards = {
        kind: [_card(each, page, pictures) for each in answered[:EXAMPLES]]
        for kind, answered in (("wrong", evaluation.worst), ("right", evaluation.barely))
    }
    right = sum(row[number] for number, row in enumerate(evaluation.matrix))
    return {
        "name": name,
        "address": page.address,
        "seed": page.seed,
        "images": count(evaluation.images, "image"),
        "right_images": f"{right:,}",
        **cards,
        "matrix": confusion_table(np.array(evaluation.matrix, np.int64), evaluation.classes),
    }


def _card(each: Answered, page: NetworkPage, pictures: Mapping[str, str]) -> dict[str, Any]:
    classes, name = page.record.evaluation.classes, page.record.ids[each.index]
    return {
        "id": name,
        "picture": pictures.get(name),
        "label": classes[each.label],
        "answer": classes[each.answer],
        "right": each.label == each.answer,
        "confidence": f"{100 * each.confidence:.0f}%",
    }


def divided(results: Results, choice: Recommendation, pictures: Mapping[str, str]) -> list[dict[str, Any]]:
    """The images on which the recommended network and its nearest rivals disagree."""
    marks = {candidate.name: figures.mark(number) for number, candidate in enumerate(results.candidates)}
    return [_pair(each, results, marks, pictures) for each in _divisions(results, choice)]


def _pair(each: Divided, results: Results, marks: Mapping[str, Markup], pictures: Mapping[str, str]) -> dict[str, Any]:
    return {
        "a": each.a,
        "b": each.b,
        "said": (
            f"{each.a} is right and {each.b} wrong on {each.only_a:,} of {count(results.test_images, 'test image')}, "
            f"and the other way round on {each.only_b:,}."
        ),
        "images": [
            {
                "id": image.id,
                "label": image.label,
                "picture": pictures.get(image.id),
                "answers": [
                    _answer(marks, name, share, answer, image.label)
                    for name, share, answer in (
                        (each.a, image.right_a, image.answer_a),
                        (each.b, image.right_b, image.answer_b),
                    )
                ],
            }
            for image in each.images
        ],
    }


def disagreements(results: Results, pictures: Mapping[str, str]) -> list[dict[str, Any]]:
    """The images on which all candidates differ most; only of records of earlier versions, which have no pairs."""
    if results.divided:
        return []
    marks = {candidate.name: figures.mark(number) for number, candidate in enumerate(results.candidates)}
    return [_all(shown, list(marks), marks, pictures) for shown in results.disagreements]


def _all(
    shown: Disagreement, names: list[str], marks: Mapping[str, Markup], pictures: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "id": shown.id,
        "label": shown.label,
        "picture": pictures.get(shown.id),
        "answers": [
            _answer(marks, name, share, answer, shown.label)
            for name, share, answer in zip(names, shown.right, shown.answers, strict=True)
            if share is not None
        ],
    }


def _answer(marks: Mapping[str, Markup], name: str, share: float, answer: str | None, label: str) -> dict[str, Any]:
    right = answer == label
    return {"mark": marks[name], "name": name, "right": f"{share:.0%}", "answer": answer, "is_right": right}


def _subject(results: Results, choice: Recommendation) -> str:
    """The network that is recommended; where none is, the best one."""
    return choice.candidate or ranked(results)[0][1].name


def _divisions(results: Results, choice: Recommendation) -> list[Divided]:
    """Lists the recommended network with its nearest rivals: first those not told from it, then the next best."""
    name = _subject(results, choice)
    order = [candidate.name for _, candidate in ranked(results) if candidate.name != name]
    nearest = sorted(order, key=lambda other: other not in choice.rivals)  # which keeps the order otherwise
    found = [results.division(name, other) for other in nearest]
    return [each for each in found if each is not None and each.images][:RIVALS]
