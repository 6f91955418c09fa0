"""Second opinions on a pair, from other assumptions than those of `judge`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from skipwise.statistics.groups import Groups, groups_of

# Of how often each image was drawn. A million images times two thousand resamples would not fit at once.
WEIGHTS_AT_ONCE = 5_000_000


def bootstrap(
    a: NDArray[np.bool_] | NDArray[np.floating],
    b: NDArray[np.bool_] | NDArray[np.floating],
    *,
    groups: NDArray[Any] | Sequence[Any] | None = None,
    alpha: float = 0.05,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """The interval of mean(a) - mean(b) that resampling gives: percentiles, for this pair alone.

    Seeds of either candidate and images, or groups of them, are drawn with replacement, independently of each other
    (the pigeonhole bootstrap: Owen 2007, Annals of Applied Statistics 1:386). Nothing is assumed about the shape of any
    effect. With few seeds it is too narrow on their side, by a factor of sqrt(S / (S - 1)) and the missing Student's t;
    and it counts what is neither the seed's nor the image's effect more than once, which is too wide.

    Args:
        a, b: outcomes [seeds, images], the same images in the same order; as many seeds as each has.
        groups: an id for each image; images of one group are drawn together. None: each image is by itself.
        alpha: how often the interval may miss, half of it on each side.
        resamples: how often seeds and images are drawn.
        seed: of these draws.

    Raises:
        ValueError: no such tables, or not the same images; groups that are none.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or not (a.size and b.size):
        raise ValueError("The bootstrap needs two candidates' answers [seeds, images] to the same images.")
    rng = np.random.default_rng(seed)
    together = Groups(a.shape[1]) if groups is None else groups_of(groups)
    sums = [together.sums(side.astype(float)).T for side in (a, b)]
    differences = np.empty(resamples)
    block = max(1, min(resamples, WEIGHTS_AT_ONCE // together.count))
    for start in range(0, resamples, block):
        count = min(block, resamples - start)
        drawn = _weights(rng, together.count, count)
        # Of so many images: groups of different sizes don't add up to as many each time.
        drawn /= (drawn @ together.shares)[:, None]
        means = [np.einsum("rs,rs->r", _weights(rng, side.shape[1], count), drawn @ side) for side in sums]
        differences[start : start + count] = means[0] - means[1]
    low, high = np.quantile(differences, [alpha / 2, 1 - alpha / 2])
    return float(low), float(high)


def _weights(rng: np.random.Generator, things: int, count: int) -> NDArray[np.float64]:
    """Drawing `things` of them with replacement, `count` times over: the share that each has [count, things]."""
    # Several times as fast as the multinomial distribution's own numbers.
    drawn = [np.bincount(rng.integers(things, size=things), minlength=things) for _ in range(count)]
    return np.stack(drawn) / things


@dataclass(frozen=True)
class McNemar:
    """`only_a` images only the first model got right, `only_b` only the second; `p` is the exact two-sided value."""

    only_a: int
    only_b: int
    p: float


def mcnemar(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> McNemar:
    """McNemar's exact test (1947, Psychometrika 12:153) for two finished models on the same images.

    About these two models only, as when one of two files is to be shipped: it says nothing about what the same
    networks would do with other seeds.

    Args:
        a, b: whether each image was classified rightly, bool [images].

    Raises:
        ValueError: not the same images, or not right or wrong.
    """
    if a.shape != b.shape or a.ndim != 1 or a.dtype != bool or b.dtype != bool:
        raise ValueError("McNemar's test needs two models' answers to the same images, bool [images] each.")
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    p = scipy.stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    return McNemar(only_a=only_a, only_b=only_b, p=float(p))
