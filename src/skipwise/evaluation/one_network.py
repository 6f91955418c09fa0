"""Every number of an evaluation of one finished network on some images, from its answers; numpy and scipy.

Intervals are about this network, on images drawn like these. What another seed would have given is not in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.evaluation.calibration import Calibration, calibration, confidence
from skipwise.evaluation.confidence import Abstention, TwoClassCurve, TwoClassPoint, abstention, threshold_for
from skipwise.evaluation.confidence import two_class_curve as curve_of
from skipwise.evaluation.confusion import ClassScores, ConfusedPair, class_scores, confused_pairs, confusion_matrix
from skipwise.evaluation.metrics import BINS, bins_of, right
from skipwise.evaluation.mislabelled import doubts, probabilities
from skipwise.evaluation.mistakes import Answered, barely_right, worst_mistakes
from skipwise.evaluation.outcomes import OUTCOMES, Outcome
from skipwise.evaluation.temperature import FEWEST_IMAGES, fit_temperature
from skipwise.statistics.groups import groups_if_any
from skipwise.statistics.means import mean_interval, share_interval
from skipwise.statistics.runs.shares import exact

ASKED = (0.95, 0.99)
"""Accuracies for which the page says how many images have to be left to a person."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """A network's answers to labelled images.

    Args:
        ids: of the images, [N].
        labels: [N].
        logits: [N, classes].
        groups: an id for each image, the same for images that belong together; None where each is by itself.
    """

    ids: NDArray[np.str_]
    labels: NDArray[np.int64]
    logits: NDArray[np.floating]
    groups: NDArray | None = None


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The mean of an outcome over the images, with its 95% interval.

    Args:
        outcome: its name, see `skipwise.evaluation.outcomes`.
        value, low, high: in the outcome's own scale: fractions for accuracies, nats for log-loss.
        guess: what one gets who knows only how common each class is.
    """

    outcome: str
    value: float
    low: float
    high: float
    guess: float


@dataclass(frozen=True, kw_only=True)
class ReliabilityBin:
    """Answers of about the same confidence: how sure the network was of them, and how often it was right."""

    images: int
    confidence: float
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Confidence:
    """Calibration of the network's confidence, with or without temperature scaling.

    Args:
        temperature: 1 as it is.
        calibration: the expected calibration error and its interval.
        log_loss, brier: their means.
        bins: the reliability diagram.
    """

    temperature: float
    calibration: Calibration
    log_loss: float
    brier: float
    bins: tuple[ReliabilityBin, ...]


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A threshold of confidence that was chosen on validation images, and what it gives on the images evaluated.

    Args:
        asked: the accuracy that was to be reached.
        threshold: chosen on validation images, after the temperature.
        answered: the share of the images that are answered.
        accuracy: of these answers; None where there is none.
    """

    asked: float
    threshold: float
    answered: float
    accuracy: float | None


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The evaluation of one network on some images.

    Args:
        classes: their names.
        images: how many were answered; `groups` is the number of groups they belong to, None where each is by itself.
        outcomes: accuracy, balanced accuracy and so on, with intervals.
        matrix: counts [label, answer].
        scores: precision, recall and F1 of each class.
        confused: the pairs of classes that are confused most.
        confidence: as the network gives it; `scaled` is after temperature scaling, None without validation images.
        curve: thresholds between two classes, None with more of them.
        operating: the threshold that was chosen on validation images, with what it gives on these; None without.
        abstention: accuracy against the share answered.
        refusals: thresholds that reach 95% and 99% on validation images.
        worst, barely: the surest mistakes, and the right answers that were closest to another class.
        doubted: labels that the network does not believe.
    """

    classes: tuple[str, ...]
    images: int
    groups: int | None
    outcomes: tuple[Measured, ...]
    matrix: tuple[tuple[int, ...], ...]
    scores: tuple[ClassScores, ...]
    confused: tuple[ConfusedPair, ...]
    confidence: Confidence
    scaled: Confidence | None
    curve: TwoClassCurve | None
    operating: TwoClassPoint | None
    abstention: tuple[Abstention, ...]
    refusals: tuple[Refusal, ...]
    worst: tuple[Answered, ...]
    barely: tuple[Answered, ...]
    doubted: tuple[Answered, ...]

    @property
    def accuracy(self) -> Measured:
        """The share of right answers."""
        return self.outcomes[0]


def evaluate_answers(answers: Answers, classes: Sequence[str], *, validation: Answers | None = None) -> Evaluation:
    """Every number of an evaluation.

    Args:
        answers: to the images that the network is evaluated on.
        classes: their names.
        validation: answers to other images, on which the temperature and thresholds are chosen; None chooses none.

    Raises:
        SkipwiseError: there are no images, or answers that are no numbers.
    """
    labels, logits = answers.labels, answers.logits
    if not len(labels):
        raise SkipwiseError("There are no labelled images to evaluate on.")
    if not np.isfinite(logits).all():
        raise SkipwiseError("The network's answers are not all numbers, so they can't be evaluated; train it again.")
    groups = groups_if_any(answers.groups, len(answers.labels))
    shares, found = probabilities(logits), logits.argmax(axis=1)
    matrix = confusion_matrix(labels, found, len(classes))
    chosen = None if validation is None or len(validation.labels) < FEWEST_IMAGES else validation
    temperature = None if chosen is None else fit_temperature(chosen.logits, chosen.labels)
    two = len(classes) == 2 and len(set(labels.tolist())) == 2
    sure = confidence(logits if temperature is None else logits / temperature)
    return Evaluation(
        classes=tuple(classes),
        images=len(labels),
        groups=None if groups.starts is None else groups.count,
        outcomes=tuple(
            measured(outcome, answers, classes)
            for outcome in OUTCOMES.values()
            if len(classes) >= outcome.fewest_classes and not outcome.variant
        ),
        matrix=tuple(tuple(row) for row in matrix.tolist()),
        scores=class_scores(matrix, classes),
        confused=confused_pairs(matrix, classes),
        confidence=_confidence(answers, 1.0),
        scaled=None if temperature is None else _confidence(answers, temperature),
        curve=curve_of(shares[:, 1], labels) if two else None,
        operating=_operating(answers, chosen) if two and chosen is not None else None,
        abstention=tuple(abstention(sure, found == labels)),
        refusals=() if chosen is None or temperature is None else _refusals(answers, chosen, temperature),
        worst=worst_mistakes(shares, labels),
        barely=barely_right(shares, labels),
        doubted=tuple(
            Answered(
                index=each.index,
                label=int(labels[each.index]),
                answer=each.believed,
                confidence=each.probability,
                of_label=each.own,
            )
            for each in doubts(shares, labels)
        ),
    )


def measured(outcome: Outcome, answers: Answers, classes: Sequence[str]) -> Measured:
    """The mean of an outcome over the images, with its 95% interval.

    The interval of an accuracy is exact (Clopper and Pearson 1934), for as many images as would show as much if each
    were by itself: fewer where classes weigh differently or images belong together (Kish 1965). Others have Student's.
    """
    groups = groups_if_any(answers.groups, len(answers.labels))
    class_images = np.bincount(answers.labels, minlength=len(classes)).tolist()
    scores = outcome.scores(answers.logits, answers.labels)
    # Of images that weigh differently, what differs between classes was fixed by how many images each has.
    expected = _class_means(scores, answers.labels) if outcome.is_weighted else float(scores.mean())
    if outcome.right_or_wrong:
        alike = outcome.effective_images(class_images)
        low, high = share_interval(scores, groups, expected=expected, alike=alike)
    else:
        low, high = mean_interval(scores, groups, expected=expected)
    return Measured(
        outcome=outcome.name,
        value=float(scores.mean()),
        low=max(low, 0.0),
        high=high,
        guess=outcome.baseline(class_images, classes),
    )


def _class_means(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    totals, counts = np.bincount(labels, weights=scores), np.bincount(labels)
    return (totals / np.maximum(counts, 1))[labels]


def _confidence(answers: Answers, temperature: float) -> Confidence:
    logits, hits = answers.logits / temperature, right(answers.logits, answers.labels)
    sure = confidence(logits)
    place = bins_of(sure)
    bins = []
    for index in range(BINS):
        inside = place == index
        if count := int(inside.sum()):
            correct = int(hits[inside].sum())
            low, high = exact(correct, count, 0.05)
            bins.append(
                ReliabilityBin(
                    images=count,
                    confidence=float(sure[inside].mean()),
                    accuracy=correct / count,
                    low=low,
                    high=high,
                )
            )
    return Confidence(
        temperature=temperature,
        calibration=calibration(sure[None], hits[None], groups=answers.groups),
        log_loss=float(OUTCOMES["log-loss"].scores(logits, answers.labels).mean()),
        brier=float(OUTCOMES["brier"].scores(logits, answers.labels).mean()),
        bins=tuple(bins),
    )


def _operating(answers: Answers, validation: Answers) -> TwoClassPoint | None:
    """The best threshold on validation images, with what it gives on the others."""
    if len(set(validation.labels.tolist())) < 2:
        return None
    threshold = curve_of(probabilities(validation.logits)[:, 1], validation.labels).operating.threshold
    called, positive = probabilities(answers.logits)[:, 1] >= threshold, answers.labels == 1
    return TwoClassPoint(
        threshold=threshold,
        true_positives=float(called[positive].mean()),
        false_positives=float(called[~positive].mean()),
        precision=float(positive[called].mean()) if called.any() else 1.0,
    )


def _refusals(answers: Answers, validation: Answers, temperature: float) -> tuple[Refusal, ...]:
    known = confidence(validation.logits / temperature)
    sure, hits = confidence(answers.logits / temperature), right(answers.logits, answers.labels)
    found = []
    for asked in ASKED:
        threshold = threshold_for(known, right(validation.logits, validation.labels), asked).threshold
        answered = sure >= threshold
        found.append(
            Refusal(
                asked=asked,
                threshold=threshold,
                answered=float(answered.mean()),
                accuracy=float(hits[answered].mean()) if answered.any() else None,
            )
        )
    return tuple(found)
