"""A check of whether a network's accuracy was still rising when its training ended.

The gain over the last part of the epochs is one number per seed, and its interval is Student's over seeds. A learning
rate that falls to zero brings a gain of its own at the end: a network that climbs may need more epochs, or may only
have profited from the smallest steps, and what more epochs would bring is not said here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

SHARE = 0.2
"""The part of the epochs that counts as the end."""
FEWEST = 2
"""Epochs of it at least, where there are so many."""


@dataclass(frozen=True)
class Climb:
    """The accuracy (a fraction) that the last `epochs` brought, the mean over seeds, with its interval."""

    gain: float
    low: float
    high: float
    epochs: int

    def is_climbing(self, margin: float) -> bool:
        """Returns whether it surely rose, and by more than a margin (a fraction) that would not matter."""
        return self.low > 0 and self.gain > margin


def climb(histories: Sequence[Sequence[float]], *, images: int, share: float = SHARE, alpha: float = 0.05) -> Climb:
    """The gain from where the last part of the epochs began to the last epoch.

    With several seeds, the interval is Student's over their gains, which are taken to vary at least as much as if one
    image changed from wrong to right and another from right to wrong: seeds that happen to agree prove little. With one
    seed, it is that of the difference of two binomial shares of so many images; since both are of the same images, it
    is rather too wide.

    Args:
        histories: the validation accuracy (a fraction) after every epoch, of each seed; all of as many epochs.
        images: in the validation split.
        share: of the epochs that counts as the end.
        alpha: how often the interval may miss.

    Raises:
        ValueError: fewer than two epochs, no images, or seeds of different numbers of epochs.

    Examples:
        >>> slow = climb([[0.2, 0.4, 0.5, 0.6, 0.7], [0.2, 0.3, 0.5, 0.6, 0.69], [0.1, 0.4, 0.5, 0.6, 0.71]], images=99)
        >>> print(f"{slow.gain:.2f} ({slow.low:.2f} to {slow.high:.2f}) in {slow.epochs} epochs")
        0.20 (0.16 to 0.24) in 2 epochs
        >>> slow.is_climbing(margin=0.005)
        True
        >>> climb([[0.5, 0.9, 0.91, 0.91, 0.912]], images=300).is_climbing(margin=0.005)
        False
    """
    lengths = {len(history) for history in histories}
    if len(lengths) != 1 or min(lengths) < 2 or images < 1:
        raise ValueError("A climb needs validation images, and seeds of the same number of epochs, at least two.")
    count = lengths.pop()
    epochs = min(count - 1, max(FEWEST, round(share * count)))
    table = np.asarray(histories, np.float64)
    last, then = table[:, -1], table[:, -1 - epochs]
    gains, seeds = last - then, len(table)
    if seeds > 1:
        variance = max(float(gains.var(ddof=1)), 2 / images**2) / seeds
        quantile = -special.stdtrit(seeds - 1, alpha / 2)
    else:
        # Half an answer stands for none: no share of wrong answers is known to be zero.
        shares = np.clip(np.array([last[0], then[0]]), 0.5 / images, 1 - 0.5 / images)
        variance = float((shares * (1 - shares)).sum()) / images
        quantile = -special.ndtri(alpha / 2)
    gain, arm = float(gains.mean()), float(quantile) * math.sqrt(variance)
    return Climb(gain, gain - arm, gain + arm, epochs)
