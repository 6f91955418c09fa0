"""At which level each single interval is to be taken, so that all of them hold together.

Sharing alpha among pairs and looks as if they had nothing in common (Bonferroni) makes intervals wider than they need
be: pairs share networks, and looks share runs and images. What is needed is the distribution of the largest deviation
of all. On the scale of normal quantiles (what a deviation from few seeds would be worth if much were known) it hardly
depends on how large the variances are, and two cases are the worst:

- one look, and images alone vary: the range of normal deviates (Tukey 1953);
- several looks, and seeds alone vary: found by simulation, of networks that vary alike and of one that varies less.

benchmarks/coverage.py has what it comes to in between. Simulated numbers are the same each time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, optimize, special

from skipwise.statistics.moderation import borrowed, combined

SCHEDULE = (5, 8, 12)
"""The numbers of seeds at which a comparison is looked at by default."""
RESERVE = 0.9
"""The part of alpha that is given out. The rest is for what the two cases and the intervals themselves leave out."""
TRIALS = 4000
LEAST_SIMULATED, LEAST_INTEGRATED = 0.005, 1e-6
"""Below, so many trials or the integral's digits don't tell, and alpha is shared as if nothing were in common."""
MOST_SIMULATED = 10
"""The largest number of networks to simulate. For more it would take seconds, so alpha is divided among the looks
(Bonferroni)."""
WALLACE = 0.1
"""More than the error of Wallace's approximation, on the scale of normal quantiles."""
DIGITS = 10
"""A simulated level has so many digits, which are the same on all processors."""
QUIET = 0.05
"""The variance of the network that varies less, as a share of the others'."""


def schedule(looks: int | Sequence[int]) -> tuple[int, ...]:
    """The numbers of seeds at each look; a number of looks means the default ones, and half as many more for each
    further one.

    Raises:
        ValueError: no looks, or numbers that don't grow, or fewer than two seeds.

    Examples:
        >>> schedule(2), schedule(4), schedule([6, 10])
        ((5, 8), (5, 8, 12, 18), (6, 10))
    """
    if np.ndim(looks):
        counts = np.asarray(looks, dtype=int).tolist()
    else:
        counts, many = list(SCHEDULE), int(np.asarray(looks))
        while len(counts) < many:
            counts.append(counts[-1] * 3 // 2)
        counts = counts[: max(many, 0)]
    if not counts or min(counts) < 2 or any(a >= b for a, b in pairwise(counts)):
        raise ValueError("looks must be a number of looks, or growing numbers of seeds from 2 up.")
    return tuple(counts)


@lru_cache(maxsize=256)
def pair_level(candidates: int, looks: tuple[int, ...], alpha: float) -> float:
    """The level of each pair's interval, so that any of all pairs at all looks misses with probability alpha.

    Args:
        candidates: how many networks are compared, each with each.
        looks: the numbers of seeds at which that is done.
        alpha: the chance that anything is missed.

    Examples:
        Four networks at one look: more than Bonferroni's sixth of alpha.

        >>> f"{pair_level(4, (5,), 0.05):.4f} > {0.05 / 6:.4f}"
        '0.0091 > 0.0083'
    """
    alpha *= RESERVE
    if candidates > MOST_SIMULATED:
        return _range_level(candidates, alpha / len(looks))
    pairs = np.zeros((candidates * (candidates - 1) // 2, candidates))
    for row, (a, b) in enumerate(combinations(range(candidates), 2)):
        pairs[row, [a, b]] = 1, -1
    return min(_range_level(candidates, alpha), _seed_level(pairs, looks, alpha))


@lru_cache(maxsize=256)
def accuracy_level(candidates: int, looks: tuple[int, ...], alpha: float) -> float:
    """The same for the networks' own accuracies: as if these were independent, which is the worst case."""
    alpha *= RESERVE
    single = float(-special.expm1(special.log1p(-alpha) / candidates))
    return min(single, _seed_level(np.eye(candidates), looks, alpha))


def _range_level(candidates: int, alpha: float) -> float:
    """The level of each pair where images alone vary: twice the tail of a normal deviate at the range's quantile."""
    pairs = candidates * (candidates - 1) / 2
    if candidates == 2 or alpha < LEAST_INTEGRATED:
        return alpha / pairs

    def beyond(quantile: float) -> float:
        def density(x: float) -> float:
            inside = float(special.ndtr(x + quantile) - special.ndtr(x))
            return candidates * math.exp(-(x**2) / 2) / math.sqrt(2 * math.pi) * inside ** (candidates - 1)

        return 1 - float(integrate.quad(density, -9, 9, limit=200)[0]) - alpha

    quantile = float(optimize.brentq(beyond, 1e-3, 40))
    return float(2 * special.ndtr(-quantile / math.sqrt(2)))


def _seed_level(contrasts: NDArray[np.float64], looks: tuple[int, ...], alpha: float) -> float:
    """The level where runs alone vary; 1 with one look, where that is not the worst case.

    Args:
        contrasts: the differences of means that are looked at [differences, candidates].
    """
    if len(looks) == 1:
        return 1.0
    if alpha < LEAST_SIMULATED:
        return alpha / (len(contrasts) * len(looks))
    candidates = contrasts.shape[1]
    one_quiet = np.ones(candidates)
    one_quiet[0] = QUIET
    return min(_simulated_level(contrasts, looks, alpha, each) for each in (np.ones(candidates), one_quiet))


@lru_cache(maxsize=2)
def _draws(candidates: int, looks: tuple[int, ...]) -> list[tuple[NDArray[np.float64], NDArray[np.float64] | float]]:
    """At each look a normal and a chi-square deviate of each network's new runs, in many trials."""
    rng = np.random.default_rng(1)
    drawn: list[tuple[NDArray[np.float64], NDArray[np.float64] | float]] = []
    for before, look in pairwise((0, *looks)):
        normal = rng.standard_normal((TRIALS, candidates))
        drawn.append((normal, rng.chisquare(look - before - 1, normal.shape) if look - before > 1 else 0.0))
    return drawn


def _simulated_level(
    contrasts: NDArray[np.float64], looks: tuple[int, ...], alpha: float, variances: NDArray[np.float64]
) -> float:
    """The alpha quantile, over simulated comparisons, of the least p-value in any contrast at any look."""
    candidates = contrasts.shape[1]
    means, squares, seeds = np.zeros((TRIALS, candidates)), np.zeros((TRIALS, candidates)), 0
    deviations, freedoms = [], []
    for look, (normal, chi_square) in zip(looks, _draws(candidates, looks), strict=True):
        # The mean and the sum of squares of the new runs, and both of all runs so far (Chan, Golub and LeVeque 1983).
        new = look - seeds
        apart = normal * np.sqrt(variances / new) - means
        squares = squares + chi_square * variances + apart**2 * (seeds * new / look)
        means, seeds = means + apart * (new / look), look
        freedom = np.full(candidates, seeds - 1.0)
        weight = borrowed(squares / (seeds - 1), freedom)
        variance, of_variance = combined(squares / (seeds - 1), freedom, weight, np.abs(contrasts) / seeds)
        deviations.append(np.abs(means @ contrasts.T) / np.sqrt(variance))
        freedoms.append(of_variance)
    # An approximation tells which trials can matter, and in them which deviations; Student's own distribution takes ten
    # times as long.
    t, f = np.concatenate(deviations, axis=1), np.concatenate(freedoms, axis=1)
    rough = _normal_quantile(t.astype(np.float32), f.astype(np.float32))
    largest = rough.max(axis=1)
    matter = largest >= np.quantile(largest, max(1 - 3 * alpha, 0))
    near = rough[matter] >= largest[matter, None] - WALLACE
    p_values = np.ones(near.shape)
    p_values[near] = 2 * special.stdtr(f[matter][near], -t[matter][near])
    least = p_values.min(axis=1)
    level = np.quantile(np.append(least, np.ones(TRIALS - len(least))), alpha)
    return float(f"{level:.{DIGITS}g}")


def _normal_quantile(t: NDArray[np.float32], freedom: NDArray[np.float32]) -> NDArray[np.float32]:
    """The normal deviates that are about as improbable as Student's t, by Wallace's approximation (1959, Annals of
    Mathematical Statistics 30:1124).
    """
    found = np.divide(t, freedom)
    found *= t
    np.log1p(found, out=found)
    found *= freedom
    np.sqrt(found, out=found)
    found *= 1 - 2 / (8 * freedom + 3)
    return found
