"""The variant `corrupted`: each test image once in each of the 15 common corruptions.

All 75 cells would be 75 passes. Here each image has one severity of each kind, 1 to 5 in turn from kind to kind, and
where an image begins is drawn once for all: so each image has each severity three times, each cell has a fifth of the
images, drawn at random, and the mean over images and kinds is an unbiased estimate of the mean over all cells.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from skipwise.evaluation.variants.variant import Kinds, Originals, Variant

KINDS = tuple(
    """
    gaussian_noise shot_noise impulse_noise defocus_blur glass_blur motion_blur zoom_blur snow frost fog brightness
    contrast elastic_transform pixelate jpeg_compression
    """.split()
)
"""Those of `evaluation.corruptions`, whose import takes a while."""
SEVERITIES = 5
SEED = 0
"""The seed of the corruptions, and of where the severities of each image begin."""
SECONDS, SECONDS_PER_PIXEL = 3e-5, 4.7e-8
"""The time for one corruption of an image, by benchmarks/corruptions.py at 32 and 224 pixels a side."""


def severities(images: int, kind: str) -> NDArray[np.int64]:
    """The severity of a kind of corruption for each image [N].

    Examples:
        >>> table = np.array([severities(100, kind) for kind in KINDS])
        >>> np.unique(table[:, 0], return_counts=True)[1].tolist()  # of one image
        [3, 3, 3, 3, 3]
        >>> np.unique(table[0], return_counts=True)[1].tolist()  # of one kind
        [20, 20, 20, 20, 20]
    """
    return (_begins(images) + KINDS.index(kind)) % SEVERITIES + 1


@lru_cache(maxsize=8)
def _begins(images: int) -> NDArray[np.int64]:
    return np.random.default_rng(SEED).permutation(images)


def make(originals: Originals, kind: str, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Some images in one kind of corruption, each at its severity."""
    from skipwise.evaluation.corruptions import corrupt

    pixels, each = originals.pixels[numbers], severities(len(originals.pixels), kind)[numbers]
    corrupted = np.empty_like(pixels)
    for severity in np.unique(each).tolist():
        there = each == severity
        corrupted[there] = corrupt(pixels[there], kind, severity, seed=SEED, numbers=numbers[there].tolist())
    return corrupted


def _refuse(kinds: Kinds) -> str:
    from skipwise.evaluation.corruptions.apply import MIN_SIDE

    if kinds.size < MIN_SIDE:
        return (
            f"Images of {kinds.size} x {kinds.size} pixels are too small to be corrupted; use --img-size {MIN_SIDE} or "
            "more, or leave corrupted out of --outcome."
        )
    return ""


AS_GREY = (
    "Some images have 1 bit for each pixel, black or white. They are corrupted as grey images, so that the network is "
    "given shades that it has perhaps never seen."
)

CORRUPTED = Variant(
    name="corrupted",
    versions=KINDS,
    make=make,
    refuse=_refuse,
    remark=lambda kinds: AS_GREY if kinds.two_valued else "",
    seconds=lambda size: SECONDS + SECONDS_PER_PIXEL * size**2,
)
