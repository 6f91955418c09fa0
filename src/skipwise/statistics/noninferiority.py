"""Is one finished network as good as another on the same images, but for a drop that would not matter?

About these two files only, as McNemar's test is: an exported file held against the network it was made of. Few images
differ then, often none, so an interval from a normal distribution would be of zero width or far too short.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from skipwise.statistics.runs.shares import exact

Outcome = Literal["certified", "not as good", "cannot tell"]

MOST_IMAGES = 10_000_000
"""No number of images is named if more than this many would be needed."""


MOST_AGAINST = 0.8
"""The correlation of images lost and won is taken for no more. It would be where nearly all of a handful of images
differ, and then one more image lost would move the interval's lower end down."""


@dataclass(frozen=True, kw_only=True)
class Drop:
    """The accuracy that a file lost against its reference, and whether that is within a limit.

    Args:
        images: how many both answered; `groups`: in how many groups they are, as many as images where each is alone.
        lost: images that only the reference got right; `won`: images that only the file did.
        low, high: the interval of the drop over all such images, fractions.
        limit: the drop that would not matter, a fraction.
        outcome: "certified" where `high` is at most the limit, "not as good" where `low` is above it.
        enough: about how many images would tell if what was seen is the truth; None where these do, or none would.
    """

    images: int
    groups: int
    lost: int
    won: int
    low: float
    high: float
    limit: float
    outcome: Outcome
    enough: int | None

    @property
    def value(self) -> float:
        """The drop on these images, a fraction; below 0 where the file is better."""
        return (self.lost - self.won) / self.images


def noninferiority(
    reference: NDArray[np.bool_],
    file: NDArray[np.bool_],
    *,
    limit: float,
    groups: NDArray[np.int64] | None = None,
    alpha: float = 0.05,
) -> Drop:
    """The drop in accuracy from a reference to a file, from their answers to the same images.

    The interval joins the exact ones of the share lost and the share won (Clopper and Pearson 1934, Biometrika
    26:404) by Newcombe's method for paired shares (1998, Statistics in Medicine 17:2635). Without one image that
    differs it is as wide as the exact one, so a hundred images never certify a limit of a point.

    Images of a group count for fewer, by the design effect of their differences (Kish 1965). Few differences do not
    tell that effect, so one more group is added to those seen, all of whose images are lost: until the data say
    otherwise, the images of a group go together. Few groups make it larger as Student's t does.

    Args:
        reference, file: whether each image was answered rightly, bool [images].
        limit: the drop that would not matter, a fraction.
        groups: a number for each image [images]; images of one number belong together. None: each is alone.
        alpha: how often the interval may miss, half of it on each side.

    Raises:
        ValueError: not the same images, none, or not right or wrong; a limit outside 0 to 1.

    Examples:
        >>> right = np.ones(310, dtype=bool)
        >>> found = noninferiority(right, np.arange(310) >= 2, limit=0.003)
        >>> found.lost, found.outcome, f"{100 * found.low:.1f} to {100 * found.high:.1f}"
        (2, 'cannot tell', '-0.7 to 2.3')
        >>> noninferiority(right, right, limit=0.003).enough
        1300
    """
    if reference.shape != file.shape or reference.ndim != 1 or not reference.size:
        raise ValueError("A drop needs both networks' answers to the same images, bool [images] each.")
    if reference.dtype != bool or file.dtype != bool:
        raise ValueError("A drop needs right or wrong for each image, bool [images].")
    if not 0 <= limit <= 1:
        raise ValueError(f"The limit must lie between 0 and 1, not {limit:g}.")
    images, lost, won = len(reference), int((reference & ~file).sum()), int((file & ~reference).sum())
    count, effect = images, 1.0
    if groups is not None:
        if groups.shape != reference.shape:
            raise ValueError("Groups need a number for each image.")
        count, effect = _design(reference.astype(np.int64) - file, groups, alpha)

    def interval(times: float) -> tuple[float, float]:
        """As it would be with so many times the images."""
        share = times / effect
        return _joined(lost * share, won * share, images * share, alpha)

    low, high = (-1.0, 1.0) if count < 2 <= images and groups is not None else interval(1)
    outcome = _outcome(low, high, limit)
    enough = None
    if outcome == "cannot tell" and math.isfinite(effect):
        times = _enough(lambda times: _outcome(*interval(times), limit) != "cannot tell", MOST_IMAGES / images)
        enough = None if times is None else _rounded_up(times * images)
    return Drop(
        images=images, groups=count, lost=lost, won=won, low=low, high=high, limit=limit, outcome=outcome, enough=enough
    )


def _outcome(low: float, high: float, limit: float) -> Outcome:
    return "certified" if high <= limit else "not as good" if low > limit else "cannot tell"


def _design(differences: NDArray[np.int64], groups: NDArray[np.int64], alpha: float) -> tuple[int, float]:
    """Returns the number of groups, and how many images carry as much information as one independent image."""
    numbers = np.unique(groups, return_inverse=True)[1]
    sizes = np.bincount(numbers).astype(float)
    if len(sizes) < 2:
        return len(sizes), math.inf
    centred = np.bincount(numbers, weights=differences - differences.mean())
    typical = float(np.square(sizes).sum() / sizes.sum())  # the size of the group that an image is in, on average
    together = float(np.square(centred).sum()) + typical**2
    alone = float(np.square(differences - differences.mean()).sum()) + typical
    few = float(special.stdtrit(len(sizes) - 1, 1 - alpha / 2) / special.ndtri(1 - alpha / 2))
    alike = bool((sizes == 1).all())
    return len(sizes), 1.0 if alike else max(together / alone, 1.0) * few**2


def _joined(lost: float, won: float, images: float, alpha: float) -> tuple[float, float]:
    """The interval of (lost - won) / images; counts need not be whole."""
    first, second = lost / images, won / images
    (low_1, high_1), (low_2, high_2) = exact(lost, images, alpha), exact(won, images, alpha)
    odds = first * second / max((1 - first) * (1 - second), 1e-12)
    against = min(math.sqrt(odds), MOST_AGAINST)  # an image that is lost is not won

    def arm(one: float, other: float) -> float:
        return math.sqrt(one**2 + other**2 + 2 * against * one * other)

    value = first - second
    low = value - arm(first - low_1, high_2 - second)
    high = value + arm(high_1 - first, second - low_2)
    return max(low, -1.0), min(high, 1.0)


def _enough(tells: Callable[[float], bool], most: float) -> float | None:
    """The fewest times as many images that tell, to a hundredth of it."""
    low, high = 1.0, 2.0
    while not tells(high):
        low, high = high, 2 * high
        if high > 2 * most:
            return None
    while high / low > 1.01:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if tells(middle) else (middle, high)
    return high


def _rounded_up(images: float) -> int:
    """To two digits."""
    unit = 10 ** max(math.floor(math.log10(images)) - 1, 0)
    return math.ceil(images / unit) * unit
