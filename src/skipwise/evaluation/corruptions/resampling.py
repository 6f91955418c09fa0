"""Images read between their pixels: magnified around the centre, or at positions of their own."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from skipwise.evaluation.corruptions.types import Floats

Positions = NDArray[np.floating]


def zoom(images: Floats, factor: float) -> Floats:
    """The middle of each image, magnified so many times to the image's size, bilinearly."""
    if factor == 1:
        return images
    low, high, share = _neighbours(images.shape[1], factor)
    rows = _mixed(images.take(low, axis=1), images.take(high, axis=1), share[:, None, None])
    low, high, share = _neighbours(images.shape[2], factor)
    return _mixed(rows.take(low, axis=2), rows.take(high, axis=2), share[:, None])


def _mixed(first: Floats, second: Floats, share: Floats) -> Floats:
    second -= first
    second *= share
    first += second
    return first


@lru_cache(maxsize=256)
def _neighbours(size: int, factor: float) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """The pixels before and after each new position along an axis, and how far it is towards the latter."""
    kept = math.ceil(size / factor)
    magnified = round(kept * factor)
    at = (np.arange(size) + (magnified - size) // 2) * ((kept - 1) / (magnified - 1))
    low = np.minimum(at.astype(np.intp), kept - 1)
    start = (size - kept) // 2
    return start + low, start + np.minimum(low + 1, kept - 1), (at - low).astype(np.float32)


def sample(images: Floats, rows: Positions, columns: Positions, *, repeat_edge: bool) -> Floats:
    """Images read bilinearly at positions [B, H, W]; beyond the edge they are mirrored.

    Args:
        repeat_edge: whether the mirror is at the edge of the last pixel (c b a | a b c) and not at its centre.
    """
    count, height, width, channels = images.shape
    above, left = np.floor(rows), np.floor(columns)
    down, right = (rows - above).astype(np.float32)[..., None], (columns - left).astype(np.float32)[..., None]
    flat = images.reshape(-1, channels)
    first = (np.arange(count) * height)[:, None, None]
    lines = [(first + _mirrored(above + step, height, repeat_edge)) * width for step in (0, 1)]
    places = [_mirrored(left + step, width, repeat_edge) for step in (0, 1)]
    upper, lower = (_mixed(flat[line + places[0]], flat[line + places[1]], right) for line in lines)
    return _mixed(upper, lower, down)


def _mirrored(at: Positions, size: int, repeat_edge: bool) -> NDArray[np.intp]:
    whole = at.astype(np.intp)
    if repeat_edge:
        whole %= 2 * size
        return np.minimum(whole, 2 * size - 1 - whole)
    whole %= 2 * size - 2
    return np.minimum(whole, 2 * size - 2 - whole)
