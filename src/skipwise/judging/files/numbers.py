"""Probabilities and logits, told apart and checked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError

SUM = 0.01
"""The largest distance of an image's probabilities from a sum of one; rounding moves it by less."""
LEAST = float(np.log(np.finfo(np.float32).tiny))
"""The logarithm of a probability is never taken for less, or that of 0 would have none."""


def kind_of(values: NDArray[np.floating], where: str, place: Callable[[int], str]) -> str:
    """Returns "probabilities" or "logits", whichever the values [N, classes] are.

    Args:
        where: the file, for errors.
        place: says where a row is in it, such as "line 3".

    Raises:
        SkipwiseError: a value is missing or infinite, or all lie between 0 and 1 and do not sum to one.
    """
    unsound = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(unsound):
        raise SkipwiseError(
            f"{where}: {place(int(unsound[0]))} has a probability or logit that is missing, not a number or infinite; "
            "correct it, or leave the image out of all files."
        )
    if not len(values) or values.min() < 0 or values.max() > 1:
        return "logits"
    sums = values.sum(axis=1, dtype=np.float64)
    wrong = np.flatnonzero(np.abs(sums - 1) > SUM)
    if len(wrong):
        first = int(wrong[0])
        raise SkipwiseError(
            f"{where}: the probabilities of {len(wrong):,} of {len(values):,} images do not sum to one, such as those "
            f"of {place(first)}, whose sum is {sums[first]:.4g}. Divide each row by its sum, or give logits."
        )
    return "probabilities"


def as_logits(values: NDArray[np.floating], kind: str) -> NDArray[np.floating]:
    """Logits as they are, and the logarithms of probabilities, which are logits as good as any."""
    if kind == "logits":
        return values
    with np.errstate(divide="ignore"):
        return np.asarray(np.maximum(np.log(values.astype(np.float64)), LEAST))
