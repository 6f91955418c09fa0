"""A check of whether a run has learned anything, by its answers; numpy and scipy only.

A network that gives one class for every image, or is right no more often than always giving the commonest class would
be, has an accuracy that says nothing of the architecture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

ALPHA = 0.01
"""The largest probability that a run that has learned nothing is taken for one that has."""


@dataclass(frozen=True, kw_only=True)
class LearningCheck:
    """The result of the check whether a run has learned.

    Args:
        accuracy: the share of right answers.
        commonest: the share of the commonest class, which is the accuracy of always giving that class.
        classes_given: how many classes are given as answers.
        images: how many there are.
        recall: the share of right answers to each class's images, its mean over the classes that are there.
        classes: how many are there.
        p_value: how probable so many right answers are if each is right with the commonest class's share.
    """

    accuracy: float
    commonest: float
    classes_given: int
    images: int
    recall: float
    classes: int
    p_value: float

    @property
    def has_learned(self) -> bool:
        """True if it gives several classes and beats, beyond chance, always giving the commonest class."""
        return self.classes_given > 1 and self.p_value <= ALPHA

    @property
    def can_be_told(self) -> bool:
        """True if at least a run that is right on every image would be found to have learned.

        Few images, or nearly all of one class, do not show it. Where classes weigh the same, a network that has learned
        much may be below the commonest class's share, too: then this is the wrong question.
        """
        return self.commonest**self.images <= ALPHA


def check_learning(logits: NDArray[np.floating], labels: NDArray[np.int64]) -> LearningCheck:
    """Checks learning by logits [N, classes] and labels [N].

    The test is the one-sided binomial one, against the commonest class's share of these labels.

    Raises:
        ValueError: there are no images.

    Examples:
        >>> labels = np.arange(100) % 10
        >>> check_learning(np.eye(10)[labels], labels).has_learned
        True
        >>> one_class = check_learning(np.eye(10)[np.zeros(100, int)], labels)
        >>> one_class.has_learned, one_class.accuracy, one_class.classes_given
        (False, 0.1, 1)
    """
    if not len(labels):
        raise ValueError("Whether a run has learned shows on images, and there are none.")
    given = logits.argmax(axis=1)
    images, right = len(labels), int((given == labels).sum())
    commonest = float(np.bincount(labels).max() / images)
    # At least so many right: all but those with fewer. Of none, or where every answer is right anyway, that is certain.
    p_value = float(special.bdtrc(right - 1, images, commonest)) if right and commonest < 1 else 1.0
    there = np.bincount(labels)
    found = np.bincount(labels[given == labels], minlength=len(there))
    return LearningCheck(
        accuracy=right / images,
        commonest=commonest,
        classes_given=len(np.unique(given)),
        images=images,
        # Sorted, so that the names of the classes do not change how it is rounded.
        recall=float(np.sort(found[there > 0] / there[there > 0]).mean()),
        classes=int(np.count_nonzero(there)),
        p_value=p_value,
    )
