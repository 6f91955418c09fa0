"""Do two ways of answering the same images agree? numpy and scipy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from skipwise.evaluation.metrics import calibration_error

SURE = 0.95


@dataclass(frozen=True, kw_only=True)
class Quality:
    """How good answers are against labels: accuracy (a fraction), mean negative log-likelihood in nats, and expected
    calibration error (a fraction)."""

    accuracy: float
    nll: float
    calibration_error: float


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How one arm's answers agree with the reference's on N images.

    Args:
        same: how many images got the same class; `low`, `high`: a 95% interval of the share in the long run
            (Clopper and Pearson 1934).
        difference: the largest of any probability.
        quality: None without labels.
        flipped: the positions of the images that got another class.
    """

    images: int
    same: int
    low: float
    high: float
    difference: float
    quality: Quality | None
    flipped: tuple[int, ...]

    @property
    def share(self) -> float:
        """The share of the images that got the same class."""
        return self.same / self.images


def quality(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> Quality:
    """The quality of probabilities [N, classes] against labels [N]; an answer with NaN is wrong, with confidence 0."""
    accuracy = float(right(probabilities, labels).mean())
    is_number = np.asarray(np.isfinite(probabilities).all(axis=1))
    probabilities = np.where(is_number[:, None], probabilities, 0)
    own = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return Quality(
        accuracy=accuracy,
        nll=float(-np.log(np.maximum(own, 1e-12)).mean()),
        calibration_error=calibration_error(probabilities, labels),
    )


def right(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which answers [N, classes] are right; one that is no number is not."""
    return np.asarray((probabilities.argmax(axis=1) == labels) & np.isfinite(probabilities).all(axis=1))


def agreement(
    reference: NDArray[np.float32], answers: NDArray[np.float32], labels: NDArray[np.int64] | None
) -> Agreement:
    """How well answers [N, classes] agree with the reference's [N, classes], both probabilities.

    An answer that is no number agrees with nothing.
    """
    differs = (reference.argmax(axis=1) != answers.argmax(axis=1)) | ~np.isfinite(answers).all(axis=1)
    same = int((~differs).sum())
    interval = scipy.stats.binomtest(same, len(answers)).proportion_ci(SURE)
    difference = np.abs(reference - answers).max()
    return Agreement(
        images=len(answers),
        same=same,
        low=float(interval.low),
        high=float(interval.high),
        difference=float(difference if np.isfinite(difference) else np.inf),
        quality=None if labels is None else quality(answers, labels),
        flipped=tuple(np.flatnonzero(differs).tolist()),
    )
