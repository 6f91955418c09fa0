"""Noise: what a sensor adds in the dark, photons that come one by one, and dead pixels."""

from __future__ import annotations

import numpy as np

from skipwise.evaluation.corruptions.types import Draws, Floats


def gaussian_noise(images: Floats, draws: Draws, spread: float) -> Floats:
    """Adds normal noise of a standard deviation to every value."""
    noise = np.empty_like(images)
    for row, rng in zip(noise, draws, strict=True):
        rng.standard_normal(out=row, dtype=np.float32)
    noise *= spread
    noise += images
    return noise


def shot_noise(images: Floats, draws: Draws, photons: float) -> Floats:
    """Counts photons, of which white is so many: a Poisson number for every value."""
    counts = [rng.poisson(image * photons) for image, rng in zip(images, draws, strict=True)]
    return np.stack(counts).astype(np.float32) / np.float32(photons)


def impulse_noise(images: Floats, draws: Draws, share: float) -> Floats:
    """Sets a share of all values to black or white, each channel on its own."""
    noisy = images.copy()
    for row, rng in zip(noisy, draws, strict=True):
        drawn = rng.random(row.shape, dtype=np.float32)
        row[drawn < share / 2] = 0
        row[drawn >= 1 - share / 2] = 1
    return noisy
