"""Checks that a network's answers are probabilities, which those of damaged weights and files are not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST_OFF = 0.01
"""The most that a sum of probabilities may differ from 1, or a probability be below 0; rounding is far less."""


def shaped(answers: NDArray[np.float32], images: int, classes: int) -> NDArray[np.float32]:
    """Answers as [images, classes]; all NaN where they have another shape or are not floating-point numbers."""
    if answers.shape == (images, classes) and answers.dtype.kind == "f":
        return answers
    return np.full((images, classes), np.nan, dtype=np.float32)


def faults(probabilities: NDArray[np.float32]) -> list[str | None]:
    """For each row of [images, classes], what is wrong with it, as a clause; None where it is sound."""
    with np.errstate(invalid="ignore"):  # infinities of both signs
        total = probabilities.sum(axis=1, dtype=np.float64)
    off = (np.abs(total - 1) > MOST_OFF) | (probabilities.min(axis=1) < -MOST_OFF)
    found: list[str | None] = []
    for row in range(len(probabilities)):
        if not np.isfinite(probabilities[row]).all():
            found.append("the network's answer is not a number for each class, so its file is damaged")
        elif off[row]:
            found.append(f"the network's answers are not probabilities (they add up to {total[row]:.3g})")
        else:
            found.append(None)
    return found
