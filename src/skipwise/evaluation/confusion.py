"""The classes that a network confuses, and how good it is at each; numpy and scipy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skipwise.statistics.runs.shares import exact


@dataclass(frozen=True, kw_only=True)
class Score:
    """A share between 0 and 1 with its interval; `value` is None where nothing was counted (0 of 0)."""

    value: float | None
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    """Precision, recall and F1 of one class.

    Args:
        name: the class.
        images: how many images have this label.
        answers: how many images got this class as the answer.
        precision: the share of the answers that are right.
        recall: the share of the images that are recognised.
        f1: the harmonic mean of precision and recall.
    """

    name: str
    images: int
    answers: int
    precision: Score
    recall: Score
    f1: Score


@dataclass(frozen=True, kw_only=True)
class ConfusedPair:
    """Images of one class that were taken for another: how many, and which share of that class."""

    label: str
    answer: str
    count: int
    share: float


def confusion_matrix(labels: NDArray[np.int64], answers: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Counts how often each class was predicted as each class: [label, answer].

    Examples:
        >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
        [[1, 1], [0, 1]]
    """
    return np.bincount(labels * classes + answers, minlength=classes**2).reshape(classes, classes)


def class_scores(matrix: NDArray[np.int64], names: Sequence[str], *, alpha: float = 0.05) -> tuple[ClassScores, ...]:
    """Precision, recall and F1 of each class, with intervals that take the images as drawn one by one.

    The intervals of precision and recall are exact binomial ones (Clopper and Pearson 1934). F1 is a function of one
    share, F1 = 2 J / (1 + J), where J is the share of right images among those that have the label, the answer or both;
    so its interval is that of J, carried over.

    Args:
        matrix: counts [label, answer].
        names: of the classes.
        alpha: how often an interval may miss.

    Examples:
        >>> cat, dog = class_scores(np.array([[8, 2], [1, 9]]), ["cat", "dog"])
        >>> f"{cat.recall.value:.0%} ({cat.recall.low:.0%} to {cat.recall.high:.0%})"
        '80% (44% to 97%)'
    """
    found = []
    for index, name in enumerate(names):
        right, images, answers = (int(n) for n in (matrix[index, index], matrix[index].sum(), matrix[:, index].sum()))
        if not images:  # of a class that no image has, an answer says nothing
            nothing = Score(value=None, low=0.0, high=1.0)
            found.append(
                ClassScores(name=name, images=0, answers=answers, precision=nothing, recall=nothing, f1=nothing)
            )
            continue
        jaccard = _score(right, images + answers - right, alpha)
        found.append(
            ClassScores(
                name=name,
                images=images,
                answers=answers,
                precision=_score(right, answers, alpha),
                recall=_score(right, images, alpha),
                f1=Score(
                    value=None if jaccard.value is None else _f1(jaccard.value),
                    low=_f1(jaccard.low),
                    high=_f1(jaccard.high),
                ),
            )
        )
    return tuple(found)


def confused_pairs(matrix: NDArray[np.int64], names: Sequence[str], *, most: int = 10) -> tuple[ConfusedPair, ...]:
    """The pairs of classes that are confused most often, the commonest first.

    Args:
        matrix: counts [label, answer].
        names: of the classes.
        most: how many pairs.
    """
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = [divmod(int(place), len(names)) for place in order if wrong.flat[place]]
    return tuple(
        ConfusedPair(
            label=names[label],
            answer=names[answer],
            count=int(wrong[label, answer]),
            share=float(wrong[label, answer] / matrix[label].sum()),
        )
        for label, answer in pairs
    )


def _score(count: int, total: int, alpha: float) -> Score:
    low, high = exact(count, total, alpha) if total else (0.0, 1.0)
    return Score(value=count / total if total else None, low=low, high=high)


def _f1(jaccard: float) -> float:
    return 2 * jaccard / (1 + jaccard)
