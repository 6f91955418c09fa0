"""The size that is chosen for images automatically, and guessing a source's pixel format before it is scanned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skipwise.data.containers import Shareable
from skipwise.data.image.white_level import choose
from skipwise.data.scan.decoder_pool import DecoderPool, inspect_files
from skipwise.data.scan.inspected import numbers_of
from skipwise.data.scan.inspection import Inspection, PixelFormat
from skipwise.data.sources import Source

AUTO_LARGEST = 128
"""The largest size that is chosen automatically, in pixels. Beyond it, a comparison on a laptop takes hours."""
AUTO_SMALLEST = 8
KEPT_SIZE = 64
"""Images that all have the same shorter side keep it, up to so many pixels."""
SAMPLE = 64
"""Images that are inspected to guess what the others are like."""


def auto_size(sides: Sequence[int] | NDArray[np.integer]) -> int:
    """The size that is chosen for images automatically, in pixels, from their shorter sides.

    Small images of equal size keep it, since resampling would blur them. Otherwise the size is the median, rounded down
    to a multiple of 8 if it is above 16, between `AUTO_SMALLEST` and `AUTO_LARGEST`.
    """
    median = int(np.median(sides))
    keeps_size = median <= KEPT_SIZE and np.ptp(sides) == 0
    rounded = median if keeps_size or median <= 16 else median - median % 8
    return max(AUTO_SMALLEST, min(rounded, AUTO_LARGEST))


def guess_pixel_format(
    source: Source, size: int | None, channels: int | None, pool: DecoderPool | None = None
) -> PixelFormat:
    """The pixel format that a source will probably get, from a sample of its images. A wrong guess costs only time.

    Args:
        size: the size if it is known, in pixels.
        channels: the number of channels if it is known.
        pool: decoder processes to use; None starts some.
    """
    if source.pixels is not None:
        side, grey = min(source.pixels.shape[1:3]), source.pixels.shape[3] == 1
        return PixelFormat(size=size or auto_size([side]), channels=channels or (1 if grey else 3))
    assert source.container is not None
    seen: list[Inspection] = []
    if isinstance(source.container, Shareable):
        chosen = np.random.default_rng(0).permutation(len(source.files))[:SAMPLE].tolist()
        for _, some in inspect_files(source.container, source.files, None, chosen, pool):
            seen += [inspection for inspection in some if not inspection.fault]
    sides = [min(inspection.width, inspection.height) for inspection in seen] or [AUTO_LARGEST]
    grey = bool(seen) and all(inspection.grey for inspection in seen)
    levels = choose(*extents_of(seen), np.ones(len(seen), dtype=bool)).levels
    return PixelFormat(size=size or auto_size(sides), channels=channels or (1 if grey else 3), levels=levels)


def extents_of(
    rows: Sequence[Inspection],
) -> tuple[NDArray[np.uint8], NDArray[np.float64], NDArray[np.float64]]:
    """The range of values of images as arrays of depths, lows and highs, as `choose` takes them."""
    numbers = [numbers_of(row.extent) for row in rows]
    depths, lows, highs = (np.array([each[which] for each in numbers]) for which in range(3))
    return depths.astype(np.uint8), lows.astype(np.float64), highs.astype(np.float64)
