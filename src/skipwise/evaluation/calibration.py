"""The gap between confidence and accuracy. It is no mean over images, so it gets no verdict; numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skipwise.evaluation.metrics import BINS, bins_of

AT_ONCE = 4_000_000
"""Numbers in an array of weights, or of logits, at a time."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The expected calibration error over seeds and its 95% bootstrap interval, as fractions.

    Args:
        error: corrected for what few images in a bin add to it by chance; `plain` is what is usually given, which is
            larger.
        low, high: the interval of `error`.
        confidence: the mean probability that was given to the answers.
    """

    error: float
    low: float
    high: float
    plain: float
    confidence: float


def confidence(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """The probability that is given to the likeliest class: [N] from logits [N, classes]."""
    rows = max(1, AT_ONCE // max(logits.shape[1], 1))
    parts = []
    for start in range(0, len(logits), rows):
        part = logits[start : start + rows].astype(np.float64)
        parts.append(1 / np.exp(part - part.max(axis=1, keepdims=True)).sum(axis=1))
    return np.concatenate(parts) if parts else np.zeros(0)


def calibration(
    confidences: NDArray[np.float64],
    right: NDArray[np.bool_],
    *,
    groups: NDArray | None = None,
    bins: int = BINS,
    resamples: int = 1000,
    seed: int = 0,
) -> Calibration:
    """The expected calibration error (Guo et al. 2017, arXiv:1706.04599) in bins of equal width, mean over seeds.

    Seeds and images (groups of them, where these are given) are drawn anew with replacement, independently of each
    other. Each draw adds to the error by chance what drawing the images once has added, so that the mean over the
    draws, less the error, is taken off once (Efron and Tibshirani 1993, An Introduction to the Bootstrap, ch. 10), and
    the interval is the basic one: the error less the quantiles of the draws' differences from it. It begins at 0 where
    the error is no larger than one run's whose confidence is right might be by chance (Bröcker and Smith 2007, Weather
    and Forecasting 22:651). With few seeds the interval is too narrow on their side.

    Args:
        confidences: of each answer, [seeds, images].
        right: whether it was right, [seeds, images].
        groups: an id for each image, of those that belong together; None: each is by itself.
        bins: how many.
        resamples: how often seeds and images are drawn.
        seed: of these draws.

    Raises:
        ValueError: there are no answers.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> sure = rng.uniform(0.5, 1, (3, 4000))
        >>> honest = calibration(sure, rng.random((3, 4000)) < sure)
        >>> honest.low < 0.005, calibration(sure, rng.random((3, 4000)) < sure - 0.1).low > 0.08
        (True, True)
    """
    if not right.size:
        raise ValueError("A calibration error needs answers, and there are none.")
    seeds, images = right.shape
    units = np.arange(images) if groups is None else np.unique(groups, return_inverse=True)[1]
    count = int(units.max()) + 1
    # What each unit adds to the gap of each bin, [seeds, units, bins]: a draw's gaps are sums of them.
    places = units * bins + bins_of(confidences, bins)
    gaps = np.stack(
        [
            np.bincount(place, weights=gap, minlength=count * bins).reshape(count, bins)
            for place, gap in zip(places, confidences - right, strict=True)
        ]
    )
    sizes = np.bincount(units, minlength=count)
    plain = float((np.abs(gaps.sum(axis=1)).sum(axis=1) / images).mean())
    rng = np.random.default_rng(seed)
    drawn = []
    block = max(1, AT_ONCE // count)
    for start in range(0, resamples, block):
        many = min(block, resamples - start)
        times = np.stack([np.bincount(rng.integers(count, size=count), minlength=count) for _ in range(many)])
        of_seeds = np.stack([np.bincount(rng.integers(seeds, size=seeds), minlength=seeds) for _ in range(many)])
        errors = np.stack([np.abs(times @ gap).sum(axis=1) for gap in gaps], axis=1) / (times @ sizes)[:, None]
        drawn.append((errors * of_seeds).sum(axis=1) / seeds)
    found = np.concatenate(drawn)
    low, high = 2 * plain - np.quantile(found, [0.975, 0.025])
    if plain <= _by_chance(confidences, sizes, bins, rng):
        low = 0.0
    return Calibration(
        error=max(2 * plain - float(found.mean()), 0.0),
        low=max(float(low), 0.0),
        high=max(float(high), 0.0),
        plain=plain,
        confidence=float(confidences.mean()),
    )


def _by_chance(
    confidences: NDArray[np.float64], sizes: NDArray[np.int64], bins: int, rng: np.random.Generator
) -> float:
    """Returns the error that one run exceeds in 2.5% of cases if each answer is right with its stated probability.

    Images of one group are taken to be right or wrong together, at the worst.
    """
    seeds, images = confidences.shape
    each = np.bincount(
        bins_of(confidences, bins).ravel(), weights=(confidences * (1 - confidences)).ravel(), minlength=bins
    )
    deviations = np.sqrt(each / seeds * (np.square(sizes).sum() / images))
    return float(np.quantile(np.abs(rng.standard_normal((4000, bins)) * deviations).sum(axis=1) / images, 0.975))
