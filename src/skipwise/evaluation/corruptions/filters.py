"""Filters on whole batches: Gaussian smoothing, an out-of-focus disk, and motion along a line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.ndimage
from numpy.typing import NDArray

from skipwise.evaluation.corruptions.types import Floats


def gaussian_taps(sigma: float, truncate: float) -> NDArray[np.float64]:
    """The weights of a Gaussian on whole pixels, up to so many standard deviations from its centre."""
    reach = int(truncate * sigma + 0.5)
    if reach == 0:
        return np.ones(1)
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.asarray(taps / taps.sum())


def smooth(images: Floats, sigma: float) -> Floats:
    """Gaussian smoothing up to four standard deviations; beyond the edge the edge goes on."""
    taps = gaussian_taps(sigma, truncate=4).astype(np.float32)
    reach = len(taps) // 2
    for axis in (1, 2) if reach else ():
        size = images.shape[axis]
        margins = [(reach, reach) if each == axis else (0, 0) for each in range(4)]
        padded = np.moveaxis(np.pad(images, margins, mode="edge"), axis, 0)
        total = padded[reach : reach + size] * taps[reach]
        for step in range(1, reach + 1):
            both = padded[reach - step : reach - step + size] + padded[reach + step : reach + step + size]
            both *= taps[reach + step]
            total += both
        images = np.moveaxis(total, 0, axis)
    return np.ascontiguousarray(images)


@lru_cache(maxsize=16)
def disk_kernel(radius: float, sigma: float) -> Floats:
    """A disk of a radius, its rim softened by a Gaussian; radius and standard deviation in pixels.

    As published, the grid ends where a disk of 8 pixels or more ends, and the softening mirrors what is beyond, so the
    weights of the two largest disks add up to 1.01.
    """
    half = max(8, math.ceil(radius))
    across = np.arange(-half, half + 1)
    disk = (across[:, None] ** 2 + across**2 <= radius**2).astype(np.float64)
    reach = 1 if radius <= 8 else 2
    rim = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    for axis in (0, 1):
        disk = scipy.ndimage.convolve1d(disk, rim / rim.sum(), axis=axis, mode="mirror")
    occupied = np.flatnonzero(disk.any(axis=0))
    inside = slice(occupied[0], occupied[-1] + 1)
    return np.asarray(disk[inside, inside] / (across[:, None] ** 2 + across**2 <= radius**2).sum(), dtype=np.float32)


def convolve(images: Floats, kernel: Floats) -> Floats:
    """Convolves with a symmetric kernel of odd sides; beyond the edge the image is mirrored."""
    reach = len(kernel) // 2
    height, width = images.shape[1:3]
    sides = [scipy.fft.next_fast_len(side + 2 * reach, real=True) for side in (height, width)]
    spectrum = scipy.fft.rfft2(kernel, s=sides)[..., None]
    padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="reflect")
    blurred = np.empty_like(images)
    # One image at a time: of a whole batch, the last bits could depend on the batch's size.
    for image, result in zip(padded, blurred, strict=True):
        product = scipy.fft.rfft2(image, s=sides, axes=(0, 1)) * spectrum
        whole = scipy.fft.irfft2(product, s=sides, axes=(0, 1))
        result[:] = whole[2 * reach : 2 * reach + height, 2 * reach : 2 * reach + width]
    return blurred


def move(images: Floats, radius: int, sigma: float, angles: Sequence[float]) -> Floats:
    """Blurs along a line that begins at each pixel, with weights of half a Gaussian; beyond the edge the edge goes on.

    Args:
        radius: half the line's length, in pixels.
        sigma: the Gaussian's standard deviation, in pixels.
        angles: of each image, in radians; 0 is along the rows.
    """
    steps = np.arange(2 * radius + 1)
    weights = np.exp(-0.5 * (steps / sigma) ** 2)
    weights /= weights.sum()
    steps = steps[weights > 1e-6]  # what all others add is less than a hundredth of a grey level
    reach = int(steps[-1])
    height, width = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="edge")
    moved = np.zeros_like(images)
    part = np.empty_like(images[0])
    for image, result, angle in zip(padded, moved, angles, strict=True):
        for step in steps:
            down = reach + math.ceil(step * math.sin(angle) - 0.5)
            right = reach + math.ceil(step * math.cos(angle) - 0.5)
            np.multiply(image[down : down + height, right : right + width], np.float32(weights[step]), out=part)
            result += part
    return moved
