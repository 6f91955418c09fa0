"""`evaluation.html`: what one network gets right and wrong, and what its confidence is worth. It opens offline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skipwise.evaluating.corrupting import Corrupted
from skipwise.evaluating.record import PREDICTIONS
from skipwise.evaluating.relying import relied, rows
from skipwise.evaluating.report import wording
from skipwise.evaluating.report.corruption_page import corruption_section
from skipwise.evaluating.report.tuning_section import TuningSection
from skipwise.evaluation.confusion import ClassScores
from skipwise.evaluation.mistakes import Answered
from skipwise.evaluation.one_network import Confidence, Evaluation
from skipwise.evaluation.reliance import Reliance
from skipwise.pages import render
from skipwise.pages.charts import Axis, Line, Mark, line_chart
from skipwise.pages.matrix import confusion_table

MOST_CARDS, FEW_CARDS = 12, 6
POINTS = 200
"""The most points of a curve that are drawn; more can't be told apart."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The values that the page shows beside the numbers.

    Args:
        title: of the page.
        network: its name.
        facts: what there is to know, a name and a value each.
        notes: what a reader must know beside the answer.
        split: "test", "val" or "".
        ids: of the images.
        pictures: data URLs by the images' positions.
        few_pixels: whether pictures are shown enlarged.
        examples: positions of images of each confused pair, in the order of the pairs.
        depth: charts of activations and gradients by depth; () where the run did not record them.
        tuning: the hyperparameters that the run was tuned with; None where it was not.
        answers: where every answer is kept.
        made_by: the command that made the page.
        back: the address and the name of the page that links to this one; None where there is none.
    """

    title: str
    network: str
    facts: Sequence[tuple[str, str]]
    notes: Sequence[str]
    split: str
    ids: Sequence[str]
    pictures: Mapping[int, str]
    few_pixels: bool
    examples: Sequence[Sequence[int]]
    depth: Sequence[str] = ()
    tuning: TuningSection | None = None
    answers: str = PREDICTIONS
    made_by: str = "skipwise evaluate"
    back: tuple[str, str] | None = None


def evaluation_page(
    found: Evaluation, shown: Shown, corrupted: Corrupted | None = None, reliance: Reliance | None = None
) -> str:
    """The page as HTML.

    Args:
        corrupted: what came of corrupting the images; None leaves that section out.
        reliance: what came of other backgrounds; None leaves that section out.
    """
    scores = wording.weakest_first(found)
    return render(
        "evaluation.html",
        title=shown.title,
        answer=wording.headline(found, shown.network),
        second=wording.against_guessing(found),
        third=" ".join(filter(None, (wording.weakest(found), wording.trust(found)))),
        notes=shown.notes,
        facts=[
            *((wording.measure(each, shown.split), wording.measured(each)) for each in found.outcomes),
            *shown.facts,
        ],
        few_pixels=shown.few_pixels,
        answers=shown.answers,
        made_by=shown.made_by,
        back=shown.back,
        worst=_cards(found, found.worst[:MOST_CARDS], shown),
        barely=_cards(found, found.barely[:FEW_CARDS], shown),
        doubted=_cards(found, found.doubted[:MOST_CARDS], shown),
        more_doubted=len(found.doubted) - MOST_CARDS,
        pairs=[
            (pair, [_picture(shown, index) for index in examples])
            for pair, examples in zip(found.confused, shown.examples, strict=False)
        ],
        weakest=[_row(each) for each in scores[: wording.FEW_CLASSES]],
        others=[_row(each) for each in scores[wording.FEW_CLASSES :]],
        matrix=confusion_table(np.array(found.matrix, np.int64), found.classes),
        trust=wording.trust(found),
        scaled=wording.scaled(found),
        reliability=_reliability(found),
        abstention=_abstention(found),
        refusals=wording.refusals(found),
        curves=_curves(found),
        operating=wording.operating(found),
        depth=shown.depth,
        tuning=shown.tuning,
        corruption=None if corrupted is None else corruption_section(corrupted),
        backgrounds=None if reliance is None else {"said": relied(reliance), "rows": rows(reliance)},
    )


def _row(each: ClassScores) -> dict[str, Any]:
    return {
        "name": each.name,
        "images": f"{each.images:,}",
        "scores": [wording.share(score) for score in (each.precision, each.recall, each.f1)],
    }


def _picture(shown: Shown, index: int) -> tuple[str | None, str]:
    return shown.pictures.get(index), shown.ids[index]


def _cards(found: Evaluation, answered: Sequence[Answered], shown: Shown) -> list[dict[str, Any]]:
    return [
        {
            "picture": shown.pictures.get(each.index),
            "id": shown.ids[each.index],
            "label": found.classes[each.label],
            "answer": found.classes[each.answer],
            "right": each.label == each.answer,
            "confidence": f"{100 * each.confidence:.1f}%",
            "of_label": f"{100 * each.of_label:.1f}%",
        }
        for each in answered
    ]


def _reliability(found: Evaluation) -> str:
    lines = [Line(name="as often right as sure", x=(0, 1), y=(0, 1), dashed=True)]
    each: tuple[str, Confidence]
    for number, each in enumerate(_confidences(found)):
        name, confidence = each
        lines.append(
            Line(
                name=name,
                x=[b.confidence for b in confidence.bins],
                y=[b.accuracy for b in confidence.bins],
                low=[b.low for b in confidence.bins],
                high=[b.high for b in confidence.bins],
                number=number,
            )
        )
    return line_chart(
        lines,
        Axis(title="confidence of the answer"),
        Axis(title="right"),
        description="Reliability diagram: how often answers of each confidence are right, with 95% intervals.",
    )


def _confidences(found: Evaluation) -> list[tuple[str, Confidence]]:
    plain = [("as the network gives it", found.confidence)]
    return plain if found.scaled is None else [*plain, ("with the temperature", found.scaled)]


def _abstention(found: Evaluation) -> str:
    points = [each for each in found.abstention if each.accuracy is not None]
    lowest = min((each.accuracy or 0.0 for each in points), default=0.0)
    return line_chart(
        [Line(name="accuracy", x=[p.answered for p in points], y=[p.accuracy or 0.0 for p in points])],
        Axis(title="share of the images that is answered, the surest first"),
        Axis(title="right among these", low=max(0.0, np.floor(10 * lowest) / 10 - 0.1)),
        description="Accuracy against the share of images answered.",
        marks=[
            Mark(x=each.answered, y=each.accuracy, name=f"{100 * each.asked:.0f}% asked")
            for each in found.refusals
            if each.accuracy is not None and each.answered > 0
        ],
    )


def _curves(found: Evaluation) -> list[str]:
    if found.curve is None:
        return []
    every = np.unique(np.linspace(0, len(found.curve.points) - 1, POINTS).round().astype(int))
    points = [found.curve.points[place] for place in every]
    negative, positive = found.classes
    at = found.operating
    roc = line_chart(
        [
            Line(name="guessing", x=(0, 1), y=(0, 1), dashed=True),
            Line(
                name=f"area {found.curve.roc_area:.3f}",
                x=[point.false_positives for point in points],
                y=[point.true_positives for point in points],
            ),
        ],
        Axis(title=f"{negative} called {positive}"),
        Axis(title=f"{positive} found"),
        description=f"Receiver operating characteristic; the area under it is {found.curve.roc_area:.3f}.",
        marks=[] if at is None else [Mark(x=at.false_positives, y=at.true_positives, name="chosen threshold")],
    )
    precision = line_chart(
        [
            Line(
                name=f"average precision {found.curve.average_precision:.3f}",
                x=[point.true_positives for point in points],
                y=[point.precision for point in points],
            )
        ],
        Axis(title=f"{positive} found (recall)"),
        Axis(title=f"of those called {positive}, are (precision)"),
        description=f"Precision against recall; the average precision is {found.curve.average_precision:.3f}.",
        marks=[] if at is None else [Mark(x=at.true_positives, y=at.precision, name="chosen threshold")],
    )
    return [roc, precision]
