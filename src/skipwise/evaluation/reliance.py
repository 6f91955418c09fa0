"""The accuracy of one network before plain backgrounds, those of an image's own class and those of another; numpy only.

Intervals are about this network, on images drawn like these.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skipwise.evaluation.outcomes.table import right_by_background
from skipwise.evaluation.robustness import MeanScore, difference_of, share_of
from skipwise.evaluation.variants.backgrounds import OTHER, PLAIN, SAME, VERSIONS
from skipwise.statistics.groups import groups_if_any


@dataclass(frozen=True, kw_only=True)
class Reliance:
    """The accuracy of one network before other backgrounds.

    Args:
        images: how many were answered, each before every background.
        plain, same, other: the accuracy before plain grey, before a background of the image's own class, and before one
            of another class.
        difference: the reliance on the background: `same` less `other`.
    """

    images: int
    plain: MeanScore
    same: MeanScore
    other: MeanScore
    difference: MeanScore


def reliance(answers: NDArray[np.integer], labels: NDArray[np.int64], *, groups: NDArray | None = None) -> Reliance:
    """Accuracies and their difference, with intervals that take the images, or their groups, as drawn.

    Args:
        answers: the numbers of the answered classes [versions, N], in the order of the variant's versions.
        labels: [N].
        groups: an id for each image, the same for images that belong together; None where each is by itself.

    Example:
        >>> found = reliance(np.array([[0, 1], [0, 1], [0, 0]]), np.array([0, 1]))
        >>> found.same.value, found.other.value, found.difference.value
        (1.0, 0.5, 0.5)
    """
    which = groups_if_any(groups, len(labels))
    right = (answers == labels).astype(np.float64)
    plain, same, other = (share_of(right[VERSIONS.index(version)], which) for version in (PLAIN, SAME, OTHER))
    return Reliance(
        images=len(labels),
        plain=plain,
        same=same,
        other=other,
        difference=difference_of(right_by_background(answers, labels), which),
    )
