"""Seed variances of several networks, each of which borrows from the others.

Five seeds say little about a variance. Networks trained by the same recipe mostly vary about alike, and then their
common variance is known several times as well (Smyth 2004, limma: Statistical Applications in Genetics 3:3). How much
is borrowed depends on how much the variances differ beyond chance. What is known of the result is counted from the
parts it is made of (Satterthwaite 1946, Biometrics Bulletin 2:110), so that one network that varies far more than the
others brings the common variance's uncertainty down to its own.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

LEAST_DIFFERENCE = 0.4
"""The variance of the logarithms of the true variances, assumed at least: few networks can't show that it is zero."""


def borrowed(variances: NDArray[np.float64], freedom: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weight of the common variance in each network's [...], between 0 and 1, from variances [..., networks].

    With fewer than three networks nothing is borrowed.

    Args:
        variances: of one run, over seeds.
        freedom: the degrees of freedom of each [networks].
    """
    if variances.shape[-1] < 3:
        return np.zeros(variances.shape[:-1])
    # The logarithm of an estimate varies by trigamma(d / 2) if all true variances are alike. What goes beyond is how
    # much they differ, and says how many degrees of freedom the common variance is worth as a prior.
    logarithms = np.log(np.maximum(variances, 1e-300))
    by_chance = float(special.polygamma(1, freedom / 2).mean())
    beyond = np.maximum(logarithms.var(axis=-1, ddof=1) - by_chance, LEAST_DIFFERENCE)
    prior = 2 * _inverse_trigamma(beyond)
    return np.asarray(prior / (prior + freedom.mean()))


def combined(
    variances: NDArray[np.float64],
    freedom: NDArray[np.float64],
    weight: NDArray[np.float64],
    shares: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The sum of moderated variances and its degrees of freedom.

    Args:
        variances, freedom: as for `borrowed`.
        weight: what `borrowed` gave [...].
        shares: how often each network's variance is in the sum [networks]: 1 / seeds for the mean of so many runs.

    Returns:
        The sum [...] and its degrees of freedom [...], by Satterthwaite's formula, but not fewer than the least of the
        networks' own.
    """
    pooled = freedom / freedom.sum()
    counts = weight[..., None] * pooled * shares.sum() + (1 - weight[..., None]) * shares
    parts = counts * variances
    total = parts.sum(axis=-1)
    satterthwaite = total**2 / np.maximum((parts**2 / freedom).sum(axis=-1), 1e-300)
    least = float(freedom[shares > 0].min())
    return total, np.maximum(satterthwaite, least)


@lru_cache(maxsize=1)
def _trigamma_table() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    arguments = np.geomspace(0.05, 1000, 800)
    return -np.log(special.polygamma(1, arguments)), np.log(arguments)


def _inverse_trigamma(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolated, since scipy has none; to four digits."""
    return np.exp(np.interp(-np.log(values), *_trigamma_table()))
