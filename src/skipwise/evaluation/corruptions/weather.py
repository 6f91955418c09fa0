"""Weather: snow, frost on the lens, fog, and too much light."""

from __future__ import annotations

import math

import numpy as np

from skipwise.evaluation.corruptions.filters import move
from skipwise.evaluation.corruptions.frost_textures import textures
from skipwise.evaluation.corruptions.plasma import plasma
from skipwise.evaluation.corruptions.resampling import zoom
from skipwise.evaluation.corruptions.types import Draws, Floats

LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""The weights of red, green and blue in the grey of a colour (ITU-R BT.601)."""


def snow(
    images: Floats,
    draws: Draws,
    mean: float,
    spread: float,
    size: float,
    threshold: float,
    radius: int,
    sigma: float,
    kept: float,
) -> Floats:
    """Whitens the image, and adds flakes that fall, and the same ones turned by 180 degrees.

    Args:
        mean, spread: of the normal noise that flakes are made of.
        size: how many times the noise is magnified.
        threshold: noise below it is no flake.
        radius, sigma: of the motion, in pixels.
        kept: the share of the image that is not whitened.
    """
    flakes = np.empty((*images.shape[:3], 1), dtype=np.float32)
    for row, rng in zip(flakes, draws, strict=True):
        rng.standard_normal(out=row, dtype=np.float32)
    flakes *= spread
    flakes += mean
    flakes = zoom(flakes, size)
    flakes = np.where(flakes < threshold, 0, np.minimum(flakes, 1))
    flakes = move(flakes, radius, sigma, [math.radians(rng.uniform(-135, -45)) for rng in draws])
    grey = images if images.shape[3] == 1 else _grey(images)
    white = np.maximum(images, grey * np.float32(1.5) + np.float32(0.5))
    return np.float32(kept) * images + np.float32(1 - kept) * white + flakes + flakes[:, ::-1, ::-1]


def _grey(images: Floats) -> Floats:
    red, green, blue = (images[..., channel : channel + 1] * LUMINANCE[channel] for channel in range(3))
    return red + green + blue


def frost(images: Floats, draws: Draws, kept: float, added: float, shrunk: int) -> Floats:
    """Adds a share of a piece of a frost texture to a share of the image.

    Args:
        kept, added: the shares.
        shrunk: how many times the texture is made smaller first, so that it suits small images.
    """
    height, width, channels = images.shape[1:]
    known = textures(shrunk, channels)
    side = known.shape[1]
    frosted = images * np.float32(kept)
    for row, rng in zip(frosted, draws, strict=True):
        which, top, left = rng.integers(0, [len(known), side, side])
        piece = known[which].take(np.arange(top, top + height) % side, axis=0)
        row += piece.take(np.arange(left, left + width) % side, axis=1) * np.float32(added)
    return frosted


def fog(images: Floats, draws: Draws, density: float, decay: float) -> Floats:
    """Adds clouds, and darkens the sum so that the brightest clean value stays what it was.

    Args:
        density: the most that clouds add, where white is 1.
        decay: of the clouds; smaller ones are rougher.
    """
    height, width = images.shape[1:3]
    clouds = plasma(draws, 1 << (max(height, width) - 1).bit_length(), decay)[:, :height, :width, None]
    brightest = images.max(axis=(1, 2, 3), keepdims=True)
    return (images + np.float32(density) * clouds) * (brightest / (brightest + np.float32(density)))


def brightness(images: Floats, _: Draws, added: float) -> Floats:
    """Raises the value of the HSV colour; hue and saturation stay, which is to scale red, green and blue alike."""
    value = images.max(axis=3, keepdims=True)
    raised = np.minimum(value + np.float32(added), 1)
    # Black has no hue or saturation, so it becomes grey.
    return np.where(value > 0, images * (raised / np.where(value > 0, value, 1)), raised)
