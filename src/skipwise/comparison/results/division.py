"""On which test images two networks disagree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skipwise.comparison.results.disagreements import Divided, DividingImage

MOST_IMAGES = 4
"""Images that are named, each way round."""


def divide(
    a: tuple[str, NDArray[np.int64]],
    b: tuple[str, NDArray[np.int64]],
    *,
    ids: Sequence[str],
    labels: NDArray[np.int64],
    classes: Sequence[str],
) -> Divided:
    """The images that most runs of one network get right, and most runs of the other get wrong.

    Args:
        a, b: the name of a network, and the answers of its runs [runs, images]; each has at least one run.
        ids: of the images.
        labels: the numbers of their classes [images].
        classes: the names of the classes.

    Examples:
        >>> one, other = np.array([[0, 1, 1]] * 3), np.array([[0, 0, 1]] * 3)
        >>> found = divide(
        ...     ("one", one), ("other", other), ids=["x", "y", "z"], labels=np.array([0, 1, 0]), classes=["cat", "dog"]
        ... )
        >>> found.only_a, found.only_b, [(each.id, each.answer_a, each.answer_b) for each in found.images]
        (1, 0, [('y', 'dog', 'cat')])
    """
    shares = [np.round((answers == labels).mean(axis=0), 6) for _, answers in (a, b)]
    first = np.flatnonzero((shares[0] > 0.5) & (shares[1] < 0.5))
    second = np.flatnonzero((shares[1] > 0.5) & (shares[0] < 0.5))
    gap = np.abs(shares[0] - shares[1])
    shown = [*_chosen(first, gap, labels), *_chosen(second, gap, labels)]
    return Divided(
        a=a[0],
        b=b[0],
        only_a=len(first),
        only_b=len(second),
        images=tuple(
            DividingImage(
                id=ids[image],
                label=classes[labels[image]],
                right_a=float(shares[0][image]),
                right_b=float(shares[1][image]),
                answer_a=classes[commonest(a[1][:, image])],
                answer_b=classes[commonest(b[1][:, image])],
            )
            for image in shown
        ),
    )


def commonest(answers: NDArray[np.int64]) -> int:
    """The commonest of some answers; of equally common ones the first class."""
    return int(np.bincount(answers).argmax())


def _chosen(images: NDArray[np.int64], gap: NDArray[np.float64], labels: NDArray[np.int64]) -> list[int]:
    """The images with the largest gaps; among equal ones classes take turns, so that not all are of the first one."""
    turns: dict[tuple[float, int], int] = {}
    turn = []
    for image in images.tolist():
        kind = (float(gap[image]), int(labels[image]))
        turn.append(turns.get(kind, 0))
        turns[kind] = turn[-1] + 1
    order = np.lexsort((np.array(turn), -gap[images]))
    found: list[int] = images[order][:MOST_IMAGES].tolist()
    return found
