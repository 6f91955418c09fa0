"""Batches of images, corrupted."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from numbers import Integral
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError, unknown_name
from skipwise.evaluation.corruptions.table import CORRUPTIONS, SEVERITIES, Constants, Corruption

Pixels = NDArray[np.uint8]

MIN_SIDE = 8
PUBLISHED_SIDE = 32
"""The severities were made for images of this many pixels a side, and for larger ones."""
LARGEST_SMALL_SIDE = 64
"""Images whose shorter side is no longer than this many pixels are corrupted as small ones."""
VALUES_AT_ONCE = 2**18
"""The number of values that are computed at once, so that they stay in a processor's cache."""


def corrupt(
    images: Pixels,
    name: str,
    severity: int,
    *,
    seed: int,
    numbers: Iterable[int] | None = None,
    constants: Constants | Literal["auto"] = "auto",
) -> Pixels:
    """Corrupts a batch of images in one of the 15 ways of Hendrycks and Dietterich 2019 (arXiv:1903.12261).

    What becomes of an image depends on its pixels, its number, the seed, the corruption and the severity, and not on
    the batch that it is in.

    Args:
        images: uint8 [B, H, W, C] with 1 or 3 channels, 8 pixels or more to a side. The severities were made for 32
            pixels and more; smaller images suffer more.
        name: one of CORRUPTIONS.
        severity: from 1 to 5.
        seed: 0 or more.
        numbers: of each image its number in its set. Default: 0 to B - 1.
        constants: "small" for CIFAR-10-C's, "photo" for ImageNet-C's. Default "auto": small ones for images whose
            shorter side is 64 pixels or less.

    Returns:
        New images of the same shape, uint8.

    Raises:
        SkipwiseError: there is no such corruption or severity; the images are not of that type, shape or size; or
            there are not as many numbers as images.

    Example:
        >>> images = np.full((2, 32, 32, 3), 100, dtype=np.uint8)
        >>> corrupt(images, "brightness", 2, seed=0)[0, 0, 0].tolist()
        [125, 125, 125]
    """
    corruption = CORRUPTIONS.get(name)
    if corruption is None:
        raise unknown_name("corruption", str(name), CORRUPTIONS)
    check_images(images)
    severity = _integer(severity, "The severity", least=SEVERITIES[0], most=SEVERITIES[-1])
    seed = _integer(seed, "The seed", least=0)
    ids = range(len(images)) if numbers is None else [_integer(each, "An image's number", least=0) for each in numbers]
    if len(ids) != len(images):
        raise SkipwiseError(f"There are {len(images):,} images and {len(ids):,} numbers; give each image one number.")
    arguments = corruption.arguments(_constants(images, constants), severity)
    corrupted = np.empty_like(images, order="C")
    at_once = max(1, VALUES_AT_ONCE // max(1, images[:1].size))
    for first in range(0, len(images), at_once):
        some = slice(first, first + at_once)
        draws = [np.random.default_rng((seed, _key(corruption), severity, each)) for each in ids[some]]
        floats = images[some].astype(np.float32, order="C") / np.float32(255)
        corrupted[some] = _pixels(corruption.function(floats, draws, *arguments))
    return corrupted


def about_size(side: int) -> str:
    """Warns, in a sentence, that images are smaller than those that the severities were made for; "" of others.

    Args:
        side: pixels a side, of the smallest of them.

    Example:
        >>> about_size(32)
        ''
    """
    if side >= PUBLISHED_SIDE:
        return ""
    return (
        f"Images of {side} pixels a side are corrupted, and the severities were made for {PUBLISHED_SIDE} and more: "
        "blur and blocks of the same width cost more here, so compare networks by it, and not with published numbers."
    )


def check_images(images: Pixels) -> None:
    """Refuses what cannot be corrupted.

    Raises:
        SkipwiseError: images are not uint8 [B, H, W, C] with 1 or 3 channels and 8 pixels or more to a side.
    """
    if not isinstance(images, np.ndarray):
        raise SkipwiseError(f"Images to corrupt are a NumPy array, not a {type(images).__name__}; use numpy.asarray.")
    if images.dtype == np.bool_:
        raise SkipwiseError("These images have 1 bit per value; multiply them by 255 and convert them to uint8.")
    if images.dtype != np.uint8:
        raise SkipwiseError(f"Images to corrupt are uint8 from 0 to 255, not {images.dtype}; scale and convert them.")
    if images.ndim != 4 or images.shape[3] not in (1, 3):
        raise SkipwiseError(
            "Images to corrupt are a batch of shape [B, H, W, C] with 1 or 3 channels; "
            f"the shape of these is {list(images.shape)}."
        )
    height, width = images.shape[1:3]
    if min(height, width) < MIN_SIDE:
        raise SkipwiseError(
            f"Images of {width} x {height} pixels are too small to corrupt; "
            f"both sides need {MIN_SIDE} pixels or more, so take larger ones."
        )


def _integer(value: int, what: str, *, least: int, most: int | None = None) -> int:
    within = isinstance(value, Integral) and not isinstance(value, bool)
    if not within or value < least or (most is not None and value > most):
        limits = f"{least} or more" if most is None else f"from {least} to {most}"
        raise SkipwiseError(f"{what} is a whole number, {limits}, and not {value!r}.")
    return int(value)


def _constants(images: Pixels, constants: Constants | Literal["auto"]) -> Constants:
    if constants == "auto":
        return "small" if min(images.shape[1:3]) <= LARGEST_SMALL_SIDE else "photo"
    if constants not in ("small", "photo"):
        raise unknown_name("set of constants", str(constants), ("auto", "small", "photo"))
    return constants


def _key(corruption: Corruption) -> int:
    """A number that is the corruption's own, whatever else is in the table."""
    return zlib.crc32(corruption.name.encode())


def _pixels(floats: NDArray[np.floating]) -> Pixels:
    """Values from 0 to 1 as bytes, rounded down as the published sets are; what is a rounding error short is not."""
    scaled = floats * np.float32(255)
    scaled += np.float32(1e-3)
    return np.clip(scaled, 0, 255, out=scaled).astype(np.uint8)
