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

LEAST_VARIANCE = 1e-20  # less is rounding
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
    logarithms = np.log(np.maximum(variances, LEAST_VARIANCE))
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
    """The sum of moderated variances and its degrees of freedom, or several such sums.

    Args:
        variances, freedom: as for `borrowed`.
        weight: what `borrowed` gave [...].
        shares: how often each network's variance is in the sum [networks]: 1 / seeds for the mean of so many runs. Of
            several sums [sums, networks].

    Returns:
        The sum [...] and its degrees of freedom [...], by Satterthwaite's formula, but not fewer than the least of the
        networks' own. Of several sums [..., sums].
    """
    pooled, own, in_all = freedom / freedom.sum(), shares.T, shares.sum(axis=-1)
    least = np.where(shares > 0, freedom, np.inf).min(axis=-1)
    each = np.index_exp[..., None] if shares.ndim > 1 else np.index_exp[...]
    common, single = weight[each] * in_all, (1 - weight)[each]
    # Network k's part of the sum is (common * pooled[k] + single * shares[k]) * variances[k]. Multiplied out, as there
    # may be thousands of variances and dozens of sums.
    total = common * (variances @ pooled)[each] + single * (variances @ own)
    uncertain = variances**2 / freedom
    squares = (
        common**2 * (uncertain @ pooled**2)[each]
        + 2 * common * single * (uncertain @ (pooled * shares).T)
        + single**2 * (uncertain @ own**2)
    )
    return total, np.maximum(total**2 / np.maximum(squares, 1e-300), least)


@lru_cache(maxsize=1)
def _trigamma_table() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    arguments = np.geomspace(1e-4, 1e3, 1500)
    return -np.log(special.polygamma(1, arguments)), np.log(arguments)


def _inverse_trigamma(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolated, since scipy has none; to four digits."""
    return np.exp(np.interp(-np.log(values), *_trigamma_table()))
