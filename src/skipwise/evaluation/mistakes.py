"""Answers that are worth a look: the surest that are wrong, and the least sure that are right; numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Answered:
    """An image by its position, its label, the answer, and the probabilities of both."""

    index: int
    label: int
    answer: int
    confidence: float
    of_label: float


def worst_mistakes(
    probabilities: NDArray[np.floating], labels: NDArray[np.int64], *, most: int = 24
) -> tuple[Answered, ...]:
    """The wrong answers that the network is surest of, the surest first.

    Args:
        probabilities: [N, classes].
        labels: [N].
        most: how many.
    """
    answers, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(answers != labels)
    return _described(probabilities, labels, wrong[np.argsort(-confidence[wrong], kind="stable")][:most])


def barely_right(
    probabilities: NDArray[np.floating], labels: NDArray[np.int64], *, most: int = 24
) -> tuple[Answered, ...]:
    """The right answers that are closest to another class, the closest first.

    Args:
        probabilities: [N, classes].
        labels: [N].
        most: how many.
    """
    second, first = np.sort(probabilities, axis=1)[:, -2:].T
    right = np.flatnonzero(probabilities.argmax(axis=1) == labels)
    return _described(probabilities, labels, right[np.argsort((first - second)[right], kind="stable")][:most])


def pair_examples(
    probabilities: NDArray[np.floating], labels: NDArray[np.int64], label: int, answer: int, *, most: int = 6
) -> tuple[Answered, ...]:
    """Images of one class that were taken for another, the surest first."""
    found = np.flatnonzero((labels == label) & (probabilities.argmax(axis=1) == answer))
    order = np.argsort(-probabilities[found, answer], kind="stable")
    return _described(probabilities, labels, found[order][:most])


def _described(
    probabilities: NDArray[np.floating], labels: NDArray[np.int64], indices: NDArray[np.int64]
) -> tuple[Answered, ...]:
    return tuple(
        Answered(
            index=int(i),
            label=int(labels[i]),
            answer=int(probabilities[i].argmax()),
            confidence=float(probabilities[i].max()),
            of_label=float(probabilities[i, labels[i]]),
        )
        for i in indices
    )
