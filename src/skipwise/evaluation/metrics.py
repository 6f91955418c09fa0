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
    """Whether the largest of logits [N, classes] is the label's: bool [N]."""
    return np.asarray(logits.argmax(axis=1) == labels)


def measure(logits: NDArray[np.floating], labels: NDArray[np.int64]) -> Metrics:
    """Metrics of logits [N, classes] against labels [N]."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    nll = (log_sum - shifted[np.arange(len(labels)), labels]).mean()
    return Metrics(accuracy=float(right(logits, labels).mean()), nll=float(nll))


def calibration_error(probabilities: NDArray[np.floating], labels: NDArray[np.int64], *, bins: int = 15) -> float:
    """How far confidence and accuracy are apart on average: the expected calibration error (Guo et al. 2017,
    arXiv:1706.04599), of probabilities [N, classes] against labels [N], in `bins` equal bins of confidence."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = probabilities.argmax(axis=1) == labels
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(place, weights=confidence - correct, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))
