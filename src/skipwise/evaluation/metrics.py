"""(logits, labels) -> how good the answers are; numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Metrics:
    """Accuracy as a fraction, and the mean negative log-likelihood in nats."""

    accuracy: float
    nll: float


def right(logits: NDArray[np.floating], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Returns a mask of images whose label has the largest of logits [N, classes]: bool [N]."""
    return np.asarray(logits.argmax(axis=1) == labels)


def log_loss(logits: NDArray[np.floating], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """The negative logarithm of the probability that each label was given, in nats: [N] from logits [N, classes]."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    return np.asarray(log_sum - shifted[np.arange(len(labels)), labels])


def measure(logits: NDArray[np.floating], labels: NDArray[np.int64]) -> Metrics:
    """Metrics of logits [N, classes] against labels [N]."""
    return Metrics(accuracy=float(right(logits, labels).mean()), nll=float(log_loss(logits, labels).mean()))


BINS = 15


def bins_of(confidences: NDArray[np.floating], bins: int = BINS) -> NDArray[np.int64]:
    """The bin of each confidence, of equal width from 0 to 1."""
    return np.minimum((confidences * bins).astype(np.int64), bins - 1)
