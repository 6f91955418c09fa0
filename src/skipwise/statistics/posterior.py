"""How good networks may really be, and how much their runs may vary, by the runs so far: draws from a posterior.

The test images stay the same here. What is unknown is what a network does on them on average over all seeds, and how
much one run differs from that. Two things are known beforehand:

- Large differences that are seen are partly chance, and the more so, the more alike the networks are. True differences
  are normal, with a spread that is unknown as well, and that all pairs together tell something of (parametric empirical
  Bayes: Morris 1983, Journal of the American Statistical Association 78:47). The choice of images comes on top: two
  networks of equal accuracy differ on these images, by about as much as their answers disagree.
- A run varies at least as much as its luck with single images makes it, and networks trained by the same recipe mostly
  vary about alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from skipwise.statistics.intervals import ROUNDING, Networks, difference_of

SPREADS = (0.001, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""The standard deviations of true accuracies among networks that may be, in margins; beforehand all equally likely. The
largest is at least the standard error of a difference, however small a margin was chosen."""
VARIED = 0.4
"""The standard deviation of the logarithm of what seeds do to one network, among networks trained alike."""
LEAST_EFFECT, LARGEST_EFFECT, EFFECTS = 1 / 30, 3.0, 16
"""What seeds do to a run beside luck with single images, in standard deviations of a run as observed: the range, on a
logarithmic scale, and so many points in it."""
POINTS = np.linspace(-2.5, 2.5, 11)
CANDIDATES = 400
"""So many sets of variances are drawn, of which those that suit the means are drawn again."""

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Posterior:
    """Draws of what networks may really be like.

    Args:
        means: of their errors on these images, over all seeds [draws, networks].
        variances: of the mean error of one run [draws, networks].
        spreads: the probability of each spread of networks, were these the true means [draws, spreads].
    """

    means: Array
    variances: Array
    spreads: Array


def posterior(
    networks: Networks,
    *,
    margin: float,
    draws: int,
    rng: np.random.Generator,
    spreads: Sequence[float] = SPREADS,
) -> Posterior:
    """Draws what networks may really be like, given their runs so far.

    Args:
        networks: their analyses.
        margin: the difference that would not matter, as a fraction.
        draws: how many.
        rng: the draws are a function of its state.
        spreads: the standard deviations of true accuracies that may be, in margins.
    """
    tables = networks.tables
    seeds = np.array([float(table.seeds) for table in tables])
    means = np.array([table.mean for table in tables])
    variances = _variances(networks, rng)
    # All in differences from the mean of all networks, of which nothing is asked.
    basis = _basis(len(tables))
    observed = basis @ means
    by_seed = np.einsum("ik,mk,jk->mij", basis, variances / seeds, basis)
    by_images = basis @ _images(networks) @ basis.T
    known = 2 * float(np.trace(by_images + by_seed.mean(axis=0))) / len(basis)
    unit = max(margin, np.sqrt(known) / SPREADS[-1])
    true = by_images + ((unit * np.array(spreads)[:, None, None]) ** 2 + ROUNDING * known) * np.eye(len(basis))
    total = true + by_seed[:, None]
    inverse = np.linalg.inv(total)
    evidence = -(np.linalg.slogdet(total)[1] + np.einsum("i,mtij,j->mt", observed, inverse, observed)) / 2
    weights = np.exp(evidence - evidence.max()).ravel()
    drawn, spread = np.divmod(rng.choice(weights.size, draws, p=weights / weights.sum()), len(spreads))
    gain = true[spread] @ inverse[drawn, spread]
    left = true[spread] - gain @ true[spread]
    values, vectors = np.linalg.eigh((left + left.swapaxes(1, 2)) / 2)
    chance = np.sqrt(np.maximum(values, 0)) * rng.standard_normal(values.shape)
    found = gain @ observed + np.einsum("mij,mj->mi", vectors, chance)
    suits = _log_normal(found, true)
    suits = np.exp(suits - suits.max(axis=1, keepdims=True))
    return Posterior(
        means=means.mean() + found @ basis,
        variances=variances[drawn],
        spreads=suits / suits.sum(axis=1, keepdims=True),
    )


def _log_normal(values: Array, covariances: Array) -> Array:
    """The logarithm of the density of values [..., k] by each of several covariances [n, k, k], but a constant."""
    distance = np.einsum("...i,nij,...j->...n", values, np.linalg.inv(covariances), values)
    return np.asarray(-(np.linalg.slogdet(covariances)[1] + distance) / 2)


def _basis(count: int) -> Array:
    """Orthonormal rows that are orthogonal to (1, ..., 1) [count - 1, count]."""
    return np.asarray(np.linalg.qr(np.eye(count) - 1 / count)[0][:, : count - 1].T)


def _images(networks: Networks) -> Array:
    """The covariance of networks' mean errors over the choice of images, less what is the same for all [k, k]."""
    count = len(networks.tables)
    apart = np.zeros((count, count))
    for a, b in combinations(range(count), 2):
        found = difference_of(networks, a, b)
        apart[a, b] = apart[b, a] = max(found.image_variance - found.residual_variance, 0.0)
    centre = np.eye(count) - 1 / count
    values, vectors = np.linalg.eigh(-centre @ apart @ centre / 2)
    return np.asarray((vectors * np.maximum(values, 0)) @ vectors.T)


def _variances(networks: Networks, rng: np.random.Generator) -> Array:
    """Variances of a run [CANDIDATES, networks], on a grid of what seeds do to all networks and to each."""
    tables = networks.tables
    observed = np.array([table.run_variance for table in tables])
    luck = np.array([table.residual_variance for table in tables])
    freedom = np.array([table.seeds - 1.0 for table in tables])
    size = np.sqrt(max(float(observed @ freedom) / float(freedom.sum()), float(luck.max()), 1e-24))
    common = size * np.geomspace(LEAST_EFFECT, LARGEST_EFFECT, EFFECTS)
    each = np.exp(-(POINTS**2) / 2)
    variances = luck[:, None, None] + (common[:, None] * np.exp(VARIED * POINTS)) ** 2
    evidence = -freedom[:, None, None] / 2 * (np.log(variances) + observed[:, None, None] / variances)
    likely = np.exp(evidence - evidence.max(axis=(1, 2), keepdims=True)) * each / each.sum()
    together = np.log(np.maximum(likely.sum(axis=2), 1e-300)).sum(axis=0)
    weights = np.exp(together - together.max())
    chosen = rng.choice(EFFECTS, CANDIDATES, p=weights / weights.sum())
    below = np.cumsum(likely[:, chosen], axis=2)
    points = (rng.random((len(tables), CANDIDATES, 1)) * below[..., -1:] > below).sum(axis=2)
    return np.take_along_axis(variances[:, chosen], points[..., None], axis=2)[..., 0].T
