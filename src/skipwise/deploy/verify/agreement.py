"""The agreement of two backends' answers for the same images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from skipwise.evaluation.calibration import calibration

SURE = 0.95
"""The level of intervals."""


@dataclass(frozen=True, kw_only=True)
class Quality:
    """The quality of answers for labelled images.

    Args:
        accuracy: a fraction.
        nll: mean negative log-likelihood, in nats.
        calibration_error: expected calibration error, a fraction, corrected as in an evaluation.
    """

    accuracy: float
    nll: float
    calibration_error: float


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """The agreement of a backend's answers with those of the reference.

    Args:
        images: number of images.
        same: how many of them get the same class.
        low: lower end of the 95% interval of the share of images that get the same class (Clopper and Pearson 1934).
        high: upper end of that interval.
        difference: the largest difference of any probability.
        quality: how good the backend's answers are; None without labels.
        flipped: the positions of the images that get another class.
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
        """The share of images that get the same class."""
        return self.same / self.images


def quality(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> Quality:
    """The quality of probabilities [N, classes] for labels [N]. An answer with NaN is wrong, with confidence 0."""
    accuracy = float(right(probabilities, labels).mean())
    is_number = np.asarray(np.isfinite(probabilities).all(axis=1))
    probabilities = np.where(is_number[:, None], probabilities, 0)
    own = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return Quality(
        accuracy=accuracy,
        nll=float(-np.log(np.maximum(own, 1e-12)).mean()),
        calibration_error=calibration(probabilities.max(axis=1)[None], right(probabilities, labels)[None]).error,
    )


def right(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tells which answers [N, classes] are right [N]. An answer with NaN or infinity is wrong."""
    return np.asarray((probabilities.argmax(axis=1) == labels) & np.isfinite(probabilities).all(axis=1))


def agreement(
    reference: NDArray[np.float32], answers: NDArray[np.float32], labels: NDArray[np.int64] | None
) -> Agreement:
    """Compares probabilities [N, classes] with those of the reference [N, classes].

    An answer with NaN or infinity agrees with nothing.
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
