"""Uses of confidence: leave uncertain images to a person, or move the threshold between two classes; numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Abstention:
    """Coverage and accuracy if only predictions above a confidence threshold are accepted.

    Args:
        threshold: the lowest confidence that is answered.
        answered: the share of the images that get an answer.
        accuracy: the share of these answers that are right; None where none is given.
    """

    threshold: float
    answered: float
    accuracy: float | None


@dataclass(frozen=True, kw_only=True)
class TwoClassPoint:
    """A threshold for the second of two classes, and what it gives.

    Args:
        threshold: images with at least this probability of the positive class are called positive.
        true_positives: the share of the positive images that are called positive (recall, sensitivity).
        false_positives: the share of the negative images that are called positive (1 - specificity).
        precision: the share of the images called positive that are positive; 1 where none is.
    """

    threshold: float
    true_positives: float
    false_positives: float
    precision: float


@dataclass(frozen=True, kw_only=True)
class TwoClassCurve:
    """Every threshold between two classes.

    Args:
        points: by falling threshold; the first calls nothing positive.
        roc_area: the area under the receiver operating characteristic: how often a positive image gets the higher
            probability of a positive and a negative one.
        average_precision: the mean precision over the positive images as the threshold falls.
        operating: the threshold with the highest balanced accuracy (Youden 1950, Cancer 3:32).
    """

    points: tuple[TwoClassPoint, ...]
    roc_area: float
    average_precision: float
    operating: TwoClassPoint


def abstention(confidence: NDArray[np.floating], right: NDArray[np.bool_], *, points: int = 101) -> list[Abstention]:
    """Accuracy against the share answered, from all images to the surest ones.

    Args:
        confidence: of each answer, [N].
        right: whether it is right, [N].
        points: how many thresholds at most.

    Examples:
        >>> curve = abstention(np.array([0.9, 0.8, 0.6, 0.5]), np.array([True, True, True, False]))
        >>> [(each.answered, each.accuracy) for each in curve]
        [(1.0, 0.75), (0.75, 1.0), (0.5, 1.0), (0.25, 1.0)]
    """
    order = np.argsort(-confidence, kind="stable")
    sure, hits = confidence[order], np.cumsum(right[order])
    # Images of the same confidence are answered together or not at all.
    ends = np.flatnonzero(np.diff(sure, append=-np.inf))
    kept = (
        ends[np.unique(np.linspace(0, len(ends) - 1, min(points, len(ends))).round().astype(int))]
        if len(ends)
        else ends
    )
    return [
        Abstention(
            threshold=float(sure[end]),
            answered=float((end + 1) / len(sure)),
            accuracy=float(hits[end] / (end + 1)),
        )
        for end in kept[::-1]
    ]


def threshold_for(confidence: NDArray[np.floating], right: NDArray[np.bool_], accuracy: float) -> Abstention:
    """The lowest threshold from which on answers are right at least so often.

    It is chosen on validation images: on those that are tested, it would look better than it is.

    Args:
        confidence: of each answer, [N].
        right: whether it is right, [N].
        accuracy: what is asked of the answers, as a fraction.

    Returns:
        The threshold; one above all confidences, which answers nothing, where no other is enough.
    """
    for each in abstention(confidence, right, points=len(confidence)):
        if each.accuracy is not None and each.accuracy >= accuracy:
            return each
    return Abstention(threshold=float(np.nextafter(confidence.max(initial=1.0), 2.0)), answered=0.0, accuracy=None)


def two_class_curve(positive: NDArray[np.floating], labels: NDArray[np.int64]) -> TwoClassCurve:
    """The receiver operating characteristic and the precision-recall curve of two classes.

    Args:
        positive: the probability of the positive class, [N].
        labels: 1 for positive images and 0 for negative ones, [N]; both are there.

    Raises:
        ValueError: all images are of one class.

    Examples:
        >>> curve = two_class_curve(np.array([0.9, 0.7, 0.6, 0.2]), np.array([1, 0, 1, 0]))
        >>> curve.roc_area, curve.operating.threshold
        (0.75, 0.9)
    """
    positives, negatives = int((labels == 1).sum()), int((labels == 0).sum())
    if not positives or not negatives:
        raise ValueError("A curve of two classes needs images of both.")
    order = np.argsort(-positive, kind="stable")
    scores = positive[order]
    ends = np.flatnonzero(np.diff(scores, append=-np.inf))
    hits, alarms = np.cumsum(labels[order] == 1)[ends], np.cumsum(labels[order] == 0)[ends]
    called = hits + alarms
    recall, fall_out, precision = hits / positives, alarms / negatives, hits / called
    # Infinity would be simpler, but JSON has none.
    first = TwoClassPoint(
        threshold=float(np.nextafter(scores[0], 2.0)), true_positives=0.0, false_positives=0.0, precision=1.0
    )
    points = [
        TwoClassPoint(
            threshold=float(threshold), true_positives=float(tp), false_positives=float(fp), precision=float(p)
        )
        for threshold, tp, fp, p in zip(scores[ends], recall, fall_out, precision, strict=True)
    ]
    return TwoClassCurve(
        points=(first, *points),
        roc_area=float(np.trapezoid(np.r_[0, recall], np.r_[0, fall_out])),
        average_precision=float(np.sum(np.diff(recall, prepend=0) * precision)),
        operating=max(points, key=lambda point: point.true_positives - point.false_positives),
    )
