"""Nested parts of the training images, for learning curves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STREAM = 0x9A7  # apart from the random streams of runs with the same seed


def nested_part(
    labels: NDArray[np.int64], share: float, *, seed: int, groups: NDArray[np.int64] | None = None
) -> NDArray[np.bool_]:
    """A mask of a part of some images, every class in its proportion as far as the groups allow.

    A smaller part of the same seed lies within a larger one. A part has at least its share of the images, and without
    groups at least one of each class.

    Args:
        labels: class numbers [N].
        share: of the images, between 0 and 1.
        seed: seed of the part.
        groups: a number per image [N]; images of one group stay together, and count for the class that is commonest
            among them. None: no groups.

    Example:
        >>> labels = np.repeat([0, 1], [40, 8])
        >>> quarter, half = (nested_part(labels, share, seed=0) for share in (0.25, 0.5))
        >>> np.bincount(labels[quarter]), np.bincount(labels[half]), bool(half[quarter].all())
        (array([10,  2]), array([20,  4]), True)
    """
    together = np.arange(len(labels)) if groups is None else np.unique(groups, return_inverse=True)[1]
    sizes = np.bincount(together)
    commonest = labels if groups is None else _commonest(labels, together)
    rng = np.random.default_rng([seed, _STREAM])
    chosen = np.zeros(len(sizes), dtype=bool)
    for label in np.unique(commonest).tolist():
        members = rng.permutation(np.flatnonzero(commonest == label))
        before = np.cumsum(sizes[members]) - sizes[members]
        chosen[members[before < share * sizes[members].sum()]] = True
    return chosen[together]


def _commonest(labels: NDArray[np.int64], groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """The commonest class of each group; of equally common ones the first."""
    pairs, counts = np.unique(np.stack([groups, labels]), axis=1, return_counts=True)
    order = np.lexsort((pairs[1], -counts, pairs[0]))
    _, first = np.unique(pairs[0][order], return_index=True)
    return np.asarray(pairs[1][order][first])
