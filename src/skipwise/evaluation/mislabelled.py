"""Labels that a trained network does not believe (confident learning: Northcutt, Jiang and Chuang 2021,
arXiv:1911.00068).

Own code: the rule is a few lines, and the library by its authors, cleanlab, has a licence (AGPL) that ours could not
depend on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Doubt:
    """An image by its position, the class it is taken for, and the probabilities of that and of its label."""

    index: int
    believed: int
    probability: float
    own: float


def doubts(probabilities: NDArray[np.floating], labels: NDArray[np.int64]) -> list[Doubt]:
    """The images whose label is doubted, the most doubtful first.

    An image is doubted if another class is as probable as that class usually is for its own images. To accuse fewer,
    we also ask that it is more probable than not, and the label less probable than chance.

    Args:
        probabilities: [N, classes], of images that were not trained on.
        labels: [N].
    """
    classes = probabilities.shape[1]
    usual = np.array([probabilities[labels == k, k].mean() if (labels == k).any() else np.inf for k in range(classes)])
    own = probabilities[np.arange(len(labels)), labels]
    others = np.where(probabilities >= np.maximum(usual, 0.5), probabilities, 0.0)
    others[np.arange(len(labels)), labels] = 0.0
    believed = others.argmax(axis=1)
    found = np.flatnonzero((others.max(axis=1) > 0) & (own < 1 / classes))
    order = found[np.argsort(own[found] - others[found, believed[found]], kind="stable")]
    return [Doubt(int(i), int(believed[i]), float(probabilities[i, believed[i]]), float(own[i])) for i in order]


def probabilities(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Softmax of logits [N, classes]."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))
