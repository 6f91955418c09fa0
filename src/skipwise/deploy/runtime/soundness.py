"""Are a network's answers probabilities? Damaged weights and files give what looks like numbers, and is none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST_OFF = 0.01
"""How far probabilities may be from adding up to one, and below zero; rounding is a thousandth of that."""


def shaped(answers: NDArray[np.float32], images: int, classes: int) -> NDArray[np.float32]:
    """Answers as [images, classes]; of any other shape they are none, and not a number each."""
    if answers.shape == (images, classes) and answers.dtype.kind == "f":
        return answers
    return np.full((images, classes), np.nan, dtype=np.float32)


def faults(probabilities: NDArray[np.float32]) -> list[str | None]:
    """What is wrong with each row of [images, classes], for a sentence; None where it may be believed."""
    with np.errstate(invalid="ignore"):  # infinite ones of both signs
        total = probabilities.sum(axis=1, dtype=np.float64)
    off = (np.abs(total - 1) > MOST_OFF) | (probabilities.min(axis=1) < -MOST_OFF)
    found: list[str | None] = []
    for row in range(len(probabilities)):
        if not np.isfinite(probabilities[row]).all():
            found.append("the network's answer is not a number for each class, so its file is damaged")
        elif off[row]:
            found.append(f"the network's answer is no probabilities (they add up to {total[row]:.3g})")
        else:
            found.append(None)
    return found
