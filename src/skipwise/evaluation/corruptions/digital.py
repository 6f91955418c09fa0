"""Digital: lost contrast, elastic distortion, coarse pixels, and JPEG compression."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skipwise.evaluation.corruptions.filters import gaussian_taps
from skipwise.evaluation.corruptions.resampling import sample
from skipwise.evaluation.corruptions.types import Draws, Floats


def contrast(images: Floats, _: Draws, kept: float) -> Floats:
    """Keeps a share of every value's distance from its channel's mean."""
    means = np.stack([image.mean(axis=(0, 1), keepdims=True, dtype=np.float64) for image in images]).astype(np.float32)
    return (images - means) * np.float32(kept) + means


def elastic_transform(images: Floats, draws: Draws, strength: float, sigma: float, shift: float) -> Floats:
    """Moves three points and with them the whole image, then every pixel by a smooth random field.

    Args:
        strength: how much the smoothed field is scaled by, as a share of the shorter side.
        sigma: of the field's smoothing, as a share of the shorter side.
        shift: the most that each of the three points moves along each axis, as a share of the shorter side.
    """
    height, width = images.shape[1:3]
    side = min(height, width)
    rows, columns = np.mgrid[:height, :width]
    sheared = sample(images, *_sheared(draws, rows, columns, shift * side), repeat_edge=False)
    if strength == 0:
        return sheared
    down, right = (np.stack([rng.random((height, width), dtype=np.float32) for rng in draws]) for _ in range(2))
    vertical, horizontal = (_smoothing(each, sigma * side) for each in (height, width))
    fields = [vertical @ (field * 2 - 1) @ horizontal.T * np.float32(strength * side) for field in (down, right)]
    return sample(sheared, rows + fields[0], columns + fields[1], repeat_edge=True)


def _sheared(
    draws: Draws, rows: NDArray[np.intp], columns: NDArray[np.intp], shift: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the rows and columns at which each image is read for its affine map, [B, H, W]."""
    height, width = rows.shape
    centre, arm = np.array([height // 2, width // 2]), min(height, width) // 3
    points = centre + arm * np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0]])
    at = np.empty((2, len(draws), height, width))
    for index, rng in enumerate(draws):
        moved = np.column_stack([points + rng.uniform(-shift, shift, points.shape), np.ones(3)])
        # The map from where the points are now to where they were.
        back = np.linalg.solve(moved, points)
        at[:, index] = back[0, :, None, None] * rows + back[1, :, None, None] * columns + back[2, :, None, None]
    return at[0], at[1]


@lru_cache(maxsize=64)
def _smoothing(size: int, sigma: float) -> Floats:
    """Gaussian smoothing of a line as a matrix, up to three standard deviations, mirrored at the edges.

    A matrix because on photographs the widest reaches hundreds of pixels.
    """
    taps = gaussian_taps(sigma, truncate=3)
    reach = len(taps) // 2
    at = (np.arange(size)[:, None] + np.arange(-reach, reach + 1)) % (2 * size)
    matrix = np.zeros((size, size))
    np.add.at(matrix, (np.arange(size)[:, None], np.minimum(at, 2 * size - 1 - at)), taps)
    return matrix.astype(np.float32)


def pixelate(images: Floats, _: Draws, share: float) -> Floats:
    """Makes the image smaller, to a share of its sides, and large again, by the mean of pixels."""
    height, width = images.shape[1:3]
    small = (max(1, int(width * share)), max(1, int(height * share)))
    box = Image.Resampling.BOX
    return _each(images, lambda image: image.resize(small, box).resize((width, height), box))


def jpeg_compression(images: Floats, _: Draws, quality: int) -> Floats:
    """Saves as JPEG of a quality from 1 to 95, and reads that."""
    return _each(images, lambda image: _compressed(image, quality))


def _compressed(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)


def _each(images: Floats, change: Callable[[Image.Image], Image.Image]) -> Floats:
    """Images changed by Pillow, one by one."""
    pixels = np.rint(images * 255).astype(np.uint8)
    pixels = pixels[..., 0] if pixels.shape[3] == 1 else pixels
    changed = [np.asarray(change(Image.fromarray(image))) for image in pixels]
    return np.stack(changed).reshape(images.shape).astype(np.float32) / np.float32(255)
