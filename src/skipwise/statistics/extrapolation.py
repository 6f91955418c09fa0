"""What the last doubling of the training images brought, and what the next one may bring.

The first is measured. The second is an extrapolation, by one doubling and no more. Errors fall about as a power of the
number of training images (Hestness et al. 2017, arXiv:1712.00409), down to what no number of images would mend
(Rosenfeld et al. 2020, arXiv:1909.12673), and few images may bring less than the power says (the law "POW4" of Mohr et
al. 2022, "LCDB 1.0", which fits most learning curves best). Three sizes can't tell the exponent, the floor and the
beginning apart, so all such laws have a part in the interval, each weighed by how well it fits the three errors. Curves
of other shapes exist (Viering and Loog 2021, arXiv:2103.10948; Mohr and van Rijn 2024, Machine Learning 113:8371);
`benchmarks/learning_curve.py` counts how often the interval holds on real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from skipwise.statistics.groups import Groups, groups_of
from skipwise.statistics.intervals import Networks, analyse
from skipwise.statistics.judging import judge
from skipwise.statistics.records import Estimate

Floats = NDArray[np.float64]

SIZES = 3
LEAST_CURVE_SEEDS = 2
"""The fewest seeds that a gain can be judged with."""
EXPONENTS = np.geomspace(0.1, 2.0, 24)
"""The powers with which errors fall, each as likely as the others before anything is measured: Hestness et al. found
0.07 to 0.35 on large sets; a few hundred images of an easy task come near to 1."""
FLOORS = np.arange(0.025, 1.0, 0.05)
"""The shares of the error at all images that no number of them would mend."""
DELAYS = {0.0: 0.5, 0.25: 0.2, 0.5: 0.15, 1.0: 0.15}
"""By how many images, as a share of all, a curve may begin late, and how likely that is before anything is measured."""
DEPARTURE = 0.05
"""By how much of the error curves depart from any law, at each size by itself (a standard deviation): chosen so that
intervals hold as often as they say on half of the curves of LCDB."""
HELD_ON, HELD = 800, 0.96
"""How many curves of the other half were tried, and the share whose 95% intervals of the next doubling held
(benchmarks/RESULTS.md, "What twice the images bring")."""
TOLERANCE, NOTHING, MOST_FREEDOM = 1e-6, 1e-9, 1e6


@dataclass(frozen=True, kw_only=True)
class Doubling:
    """Falls in the error (for accuracy, a fraction): what doublings of the training images bring.

    Args:
        last: the last one, from about half of the images to all.
        next: the next one, from all to twice as many; an extrapolation.
    """

    last: Estimate
    next: Estimate


def doubling(
    scores: Sequence[NDArray[Any]],
    sizes: Sequence[float],
    *,
    alpha: float = 0.05,
    networks: int = 1,
    looks: int | Sequence[int] = 1,
    groups: NDArray[Any] | Sequence[Any] | None = None,
    higher_is_better: bool = True,
) -> Doubling:
    """What the last doubling of the training images brought, and what the next one may bring.

    The interval of the last one is that of a pair of networks, see `judge`. For the next one, the three errors are
    taken as Student-distributed around a law, with the covariance that seeds and (groups of) test images give them.
    Every law's factor is integrated out, and the interval has the quantiles of the mixture of all laws.

    Args:
        scores: of each test image, [seeds, images], by networks trained on about a quarter, about half and all of the
            training images, in this order; the same seeds and test images for all three. As for `judge`.
        sizes: the three numbers of training images, rising.
        alpha: how often each of the two intervals may miss.
        networks: among how many networks this one was chosen by the same test images; the interval of the last
            doubling holds whichever was chosen.
        looks: as for `judge`, where the number of seeds was decided by looking at the same test images.
        groups: an id for each test image; None: each is by itself.
        higher_is_better: whether a larger score is the better one.

    Returns:
        Both gains; more is better, also for losses.

    Raises:
        ValueError: not three tables of the same seeds and images, fewer than two seeds, or sizes that do not rise.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> hard = rng.random(2000)
        >>> tables = [hard + rng.normal(0, 0.05, (5, 2000)) > error for error in (0.32, 0.24, 0.18)]
        >>> found = doubling(tables, [250, 500, 1000])
        >>> for name, gain in (("last", found.last), ("next", found.next)):
        ...     print(f"{name}: {100 * gain.value:.1f} ({100 * gain.low:.1f} to {100 * gain.high:.1f}) points")
        last: 6.0 (5.2 to 6.8) points
        next: 4.0 (1.2 to 6.9) points
    """
    tables = [np.asarray(each, np.float64) for each in scores]
    if len(tables) != SIZES or len({each.shape for each in tables}) != 1 or tables[0].ndim != 2:
        raise ValueError("A doubling needs three tables [seeds, images], of the same seeds and test images.")
    seeds, images = tables[0].shape
    if seeds < LEAST_CURVE_SEEDS or not images:
        raise ValueError(f"A doubling needs at least {LEAST_CURVE_SEEDS} seeds, and test images.")
    if len(sizes) != SIZES or not 0 < sizes[0] < sizes[1] < sizes[2]:
        raise ValueError("A doubling needs three rising numbers of training images.")
    judged = judge(
        {"all": scores[2], "half": scores[1]},
        margin=0.005,
        alpha=alpha / networks,
        looks=looks,
        groups=groups,
        learned=dict.fromkeys(("all", "half"), [True] * seeds),
        higher_is_better=higher_is_better,
    )
    pair = judged.pairs[0]
    sign = 1 if higher_is_better else -1
    low, high = sorted((sign * pair.low, sign * pair.high))
    together = Groups(images) if groups is None else groups_of(groups)
    errors = [1 - each if higher_is_better else each for each in tables]
    return Doubling(
        last=Estimate(sign * pair.difference, low, high),
        next=extrapolate(
            *_measured(errors, together, bounded=higher_is_better), [each / sizes[2] for each in sizes], alpha=alpha
        ),
    )


def extrapolate(
    means: Floats, covariance: Floats, freedom: float, sizes: Sequence[float], *, alpha: float = 0.05
) -> Estimate:
    """The fall of an error at twice the images, from three mean errors.

    Args:
        means: the errors [3].
        covariance: of these [3, 3].
        freedom: the degrees of freedom that it is known with.
        sizes: the three numbers of training images, as shares of the last.
        alpha: how often the interval may miss.
    """
    shapes, falls, prior = _laws(tuple(sizes))
    inverse = np.linalg.inv(covariance + np.diag((DEPARTURE * means) ** 2))
    # The factor of each law, by generalised least squares, and how far the law is from the three errors.
    precision = np.einsum("li,ij,lj->l", shapes, inverse, shapes)
    factor = shapes @ inverse @ means / precision
    distance = np.maximum(means @ inverse @ means - factor**2 * precision, 0.0)
    weight = np.log(prior) - 0.5 * np.log(precision) - (freedom + 2) / 2 * np.log1p(distance / freedom)
    weight = np.exp(weight - weight.max())
    matter = weight > NOTHING
    weight, factor, falls = weight[matter] / weight[matter].sum(), factor[matter], falls[matter]
    scale = np.sqrt((freedom + distance[matter]) / (freedom + 2) / precision[matter])
    middle = factor * falls
    width = np.hypot(scale * falls, DEPARTURE * np.abs(factor))

    def below(place: float) -> float:
        return float(weight @ special.stdtr(freedom + 2, (place - middle) / width))

    reach = float(np.abs(middle).max() + width.max()) * 100
    value, low, high = (_quantile(below, share, reach) for share in (0.5, alpha / 2, 1 - alpha / 2))
    return Estimate(value, low, min(high, float(means[2])) if high > value else high)


def _measured(errors: Sequence[Floats], groups: Groups, *, bounded: bool) -> tuple[Floats, Floats, float]:
    """The mean errors at the three sizes, their covariance, and its degrees of freedom.

    Test images are the same at all sizes, and runs are separate draws, as between the networks of a pair.
    """
    images = groups.images
    tables = [analyse(each, groups, most=None) for each in errors]
    together = Networks(tables, groups)
    largest = max(float(np.abs(each).max()) for each in errors) or 1.0
    means = np.array([table.mean for table in tables])
    sums = groups.sums(np.stack([table.by_image - table.mean for table in tables]))
    covariance = np.empty((SIZES, SIZES))
    for i in range(SIZES):
        for j in range(SIZES):
            # By polarisation, so that the correction for few or unequal groups is the same as for a variance.
            both, apart = sums[i] + sums[j], sums[i] - sums[j]
            covariance[i, j] = (groups.variance(both) - groups.variance(apart)) / 4
    by_images = float(np.trace(covariance))
    # One image more that is wrong at one size only, as in `difference_of`.
    covariance += np.eye(SIZES) * ((1.0 if bounded else largest) / images) ** 2
    by_seeds, uncertain = 0.0, 0.0
    for place, table in enumerate(tables):
        shares = np.zeros(SIZES)
        shares[place] = 1 / table.seeds
        variance, freedom = together.seed_variance(shares, None, 1.0)
        beyond = max(variance - table.residual_variance / table.seeds, 0.0)
        covariance[place, place] += beyond
        by_seeds += beyond
        uncertain += beyond**2 / freedom
    uncertain += by_images**2 / groups.freedom
    total = by_images + by_seeds
    # Half an error stands for none: no error is known to be zero.
    means = np.maximum(means, 0.5 * (1.0 if bounded else largest) / images)
    return means, covariance, min(max(total**2 / uncertain, 1.0), MOST_FREEDOM) if uncertain else MOST_FREEDOM


@lru_cache(maxsize=64)
def _laws(sizes: tuple[float, ...]) -> tuple[Floats, Floats, Floats]:
    """The laws: their errors at the sizes, as multiples of that at all images [laws, sizes]; how far they fall at twice
    the images [laws]; and how likely each is before anything is measured [laws]."""
    exponent, floor, delay = (
        each.ravel() for each in np.meshgrid(EXPONENTS, FLOORS, np.array(list(DELAYS)), indexing="ij")
    )

    def error(size: float) -> Floats:
        return np.asarray(floor + (1 - floor) * ((size + delay) / (1 + delay)) ** -exponent)

    prior = np.vectorize(DELAYS.get, otypes=[float])(delay)
    return np.stack([error(size) for size in sizes], axis=1), 1 - error(2.0), prior / prior.sum()


def _quantile(below: Callable[[float], float], share: float, reach: float) -> float:
    """The place below which a share of a distribution lies, by bisection."""
    low, high = -reach, reach
    while high - low > TOLERANCE:
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) < share else (low, middle)
    return (low + high) / 2
