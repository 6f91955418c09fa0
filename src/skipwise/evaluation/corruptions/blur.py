"""Blur: out of focus, through frosted glass, of a moving camera, and of one that zooms."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from skipwise.evaluation.corruptions.filters import convolve, disk_kernel, move, smooth
from skipwise.evaluation.corruptions.resampling import zoom
from skipwise.evaluation.corruptions.types import Draws, Floats


def defocus_blur(images: Floats, _: Draws, radius: float, softness: float) -> Floats:
    """Spreads every point over a disk with a soft rim (radius and standard deviation in pixels)."""
    return convolve(images, disk_kernel(radius, softness))


def glass_blur(images: Floats, draws: Draws, sigma: float, reach: int, rounds: int) -> Floats:
    """Smooths, gives pixels the colours of others nearby, and smooths again.

    Args:
        sigma: of the smoothing, in pixels.
        reach: how far away, in rows and in columns, a pixel's new colour may be taken from.
        rounds: how often every pixel gets another colour.
    """
    smoothed = np.floor(smooth(images, sigma) * 255 + 1e-3) / np.float32(255)
    count, height, width, channels = images.shape
    offsets = [_offsets(rng, rounds, height, width, reach) for rng in draws]
    origins = np.arange(count * height * width, dtype=np.int32)
    for each in range(rounds):
        origins = origins[_origins(np.stack([offset[each] for offset in offsets]), height, width, reach)]
    return smooth(smoothed.reshape(-1, channels)[origins].reshape(images.shape), sigma)


def _offsets(rng: np.random.Generator, rounds: int, height: int, width: int, reach: int) -> NDArray[np.int8]:
    """Draws the offset in rows and columns from which each pixel gets its new colour: [rounds, 2, rows, columns]."""
    shape = (rounds, 2, max(0, height - 2 * reach), max(0, width - 2 * reach))
    return rng.integers(-reach, reach, shape, dtype=np.int8)


def _origins(offsets: NDArray[np.int8], height: int, width: int, reach: int) -> NDArray[np.int32]:
    """Finds the pixel of the batch that each pixel's colour comes from after one round.

    Pixels take their colours one after the other, from the last row up and from right to left, so a pixel that takes
    the colour of one that had its turn takes what that one was given. In place of a loop over pixels, all of them look
    where their giver got it from, until nobody finds anything new; chains are short, so that is after a few times.
    """
    count = len(offsets)
    own = np.arange(count * height * width, dtype=np.int32).reshape(count, height, width)
    taken = own.copy()
    inside = (slice(None), slice(reach + 1, height - reach + 1), slice(reach + 1, width - reach + 1))
    taken[inside] += offsets[:, 0] * np.int32(width) + offsets[:, 1]
    had_its_turn = np.zeros(own.shape, dtype=bool)
    had_its_turn[inside] = True
    sources, turns = taken.ravel(), had_its_turn.ravel()
    giver = np.where((sources > own.ravel()) & turns[sources], sources, own.ravel())
    while True:
        further = giver[giver]
        if np.array_equal(further, giver):
            return np.asarray(sources[giver])
        giver = further


def motion_blur(images: Floats, draws: Draws, radius: int, sigma: float) -> Floats:
    """Blurs along a line that is within 45 degrees of the rows (half its length and its Gaussian's width in pixels)."""
    return move(images, radius, sigma, [math.radians(rng.uniform(-45, 45)) for rng in draws])


def zoom_blur(images: Floats, _: Draws, stop: float, step: float) -> Floats:
    """The mean of the image and of magnified ones, from once to `stop` times in steps."""
    factors = np.arange(1, stop, step)  # as published: rounding decides whether `stop` is among them
    total = images.copy()
    for factor in factors:
        total += zoom(images, float(factor))
    return total / np.float32(len(factors) + 1)
