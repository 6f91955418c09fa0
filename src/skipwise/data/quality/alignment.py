"""Aligning thumbnails to a fraction of a pixel, and measuring how they differ.

Scale and shift along both axes are found by Gauss-Newton steps (Lucas and Kanade 1981), for many pairs at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skipwise.data.image.thumbnails import SIDE

Floats = NDArray[np.floating[Any]]

EDGE = 1.6
"""Pixels at the edge that are left out, since a border or a crop affects them."""


def blur(side: int, sigma: float) -> Floats:
    """The matrix that blurs one axis with a Gaussian of `sigma` pixels: float32 [side, side]."""
    place = np.arange(side)
    weights = np.exp(-0.5 * ((place[:, None] - place) / sigma) ** 2)
    weights[weights < 1e-6] = 0  # denormal numbers would make every product ten times slower
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _interpolation(scale: Floats, shift: Floats, side: int) -> tuple[Floats, Floats]:
    """Matrices [M, side, side] that read one axis at scale * x + shift (x from -1 to 1), and the pixels that count."""
    middle = (side - 1) / 2
    place = np.arange(side, dtype=np.float32)
    read = middle + scale[:, None] * (place - middle) + shift[:, None] * middle
    edge = EDGE * side / SIDE
    counts = (read > edge - 0.5) & (read < side - edge - 0.5) & (place > edge - 0.5) & (place < side - edge - 0.5)
    weights = np.maximum(0, 1 - np.abs(np.clip(read, 0, side - 1)[:, :, None] - place))
    return weights.astype(np.float32), counts.astype(np.float32)


def warp(images: Floats, pose: Floats) -> tuple[Floats, Floats]:
    """Images [M, S, S] read at `pose` [M, 4] (scale and shift along x, then y), and the mask of pixels that count."""
    side = images.shape[-1]
    across, in_x = _interpolation(pose[:, 0], pose[:, 1], side)
    down, in_y = _interpolation(pose[:, 2], pose[:, 3], side)
    return down @ images @ across.transpose(0, 2, 1), in_y[:, :, None] * in_x[:, None, :]


def align(fixed: Floats, moving: Floats, pose: Floats, sigmas: tuple[float, ...]) -> Floats:
    """The pose at which `moving` matches `fixed` best, up to brightness and contrast.

    Args:
        fixed, moving: images [M, S, S].
        pose: the first guess [M, 4]: scale and shift along x, then along y.
        sigmas: the blur in pixels for each Gauss-Newton step.
    """
    side = fixed.shape[-1]
    place = np.linspace(-1, 1, side, dtype=np.float32)
    step = np.float32(2 / (side - 1))
    ridge = np.diag(np.array([0.02, 0.02, 0.02, 0.02, 1e-3, 1e-3], np.float32)) * side * side * 0.2
    for sigma in sigmas:
        soft = blur(side, sigma)
        read, counts = warp(soft @ moving @ soft.T, pose)
        slope_y, slope_x = np.gradient(read, step, axis=(1, 2))
        slope_x = slope_x / pose[:, 0, None, None]
        slope_y = slope_y / pose[:, 2, None, None]
        left = soft @ fixed @ soft.T - read
        columns = [slope_x * place, slope_x, slope_y * place[:, None], slope_y, read, np.ones_like(read), left]
        design = (np.stack(columns, axis=1) * counts[:, None]).reshape(len(read), 7, -1)
        products = design @ design.transpose(0, 2, 1)
        change = np.linalg.solve(products[:, :6, :6] + ridge, products[:, :6, 6:])[:, :4, 0]
        pose = pose + np.clip(change, -0.15, 0.15)
        pose[:, ::2] = np.clip(pose[:, ::2], 0.8, 1.25)
        pose[:, 1::2] = np.clip(pose[:, 1::2], -0.2, 0.2)
    return pose


def standardised(thumbnails: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """Thumbnails uint8 [M, 32, 32] scaled to mean 0 and standard deviation 1, and the deviations in grey levels."""
    images = thumbnails.astype(np.float32)
    images -= images.mean(axis=(1, 2), keepdims=True)
    deviation = np.maximum(images.std(axis=(1, 2)), 1e-6)
    return images / deviation[:, None, None], deviation


def centred(images: Floats, counts: Floats) -> Floats:
    """Images minus their mean over the pixels that count; 0 elsewhere."""
    mean = (images * counts).sum(axis=(-2, -1), keepdims=True) / counts.sum(axis=(-2, -1), keepdims=True)
    return (images - mean) * counts


def fit(fixed: Floats, moving: Floats, pose: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """The best approximation of `fixed` that can be made from `moving`.

    The approximation may differ from `moving` in brightness, contrast, sharpness and tone curve, since re-encoding,
    resizing and clipped highlights change these.

    Returns:
        `fixed` and its approximation, both centred and 0 where masked; the mask; and the gain [M].
    """
    soft = blur(SIDE, 0.8)
    read, counts = warp(soft @ moving @ soft.T, pose)
    ring = np.pad(read, ((0, 0), (1, 1), (1, 1)), mode="edge")
    curve = ring[:, 2:, 1:-1] + ring[:, :-2, 1:-1] + ring[:, 1:-1, 2:] + ring[:, 1:-1, :-2] - 4 * read
    images = np.stack([soft @ fixed @ soft.T, read, curve, read * read], axis=1)
    images = centred(images, counts[:, None])
    target, columns = images[:, 0], images[:, 1:]
    flat = images.reshape(len(images), 4, -1)
    products = flat @ flat.transpose(0, 2, 1)
    ridge = np.diag(np.array([1e-3, 30, 100], np.float32))
    weights = np.linalg.solve(products[:, 1:, 1:] + ridge, products[:, 1:, :1])[..., None]
    return target, (columns * weights).sum(axis=1), counts, weights[:, 0, 0, 0]


def correlation(one: Floats, two: Floats) -> Floats:
    """The correlation [M] of two arrays [M, ...] over all axes but the first, without centring."""
    one, two = one.reshape(len(one), -1), two.reshape(len(two), -1)
    return (one * two).sum(axis=1) / (np.sqrt((one * one).sum(axis=1) * (two * two).sum(axis=1)) + 1e-6)
