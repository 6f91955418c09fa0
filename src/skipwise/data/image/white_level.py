"""The values that count as white in images of more than 8 bits, chosen once for a whole set of images.

Pixels of more than 8 bits have to be scaled to 0 to 255. If each image were scaled by its own extremes, one stray pixel
would turn an image black, and equal pixels of two images would no longer be equal. So 0 is black, and one value for
each kind of pixel is white:

- 16-bit: the largest number with as few bits (8, 10, 12, 14 or 16) as all images need;
- 32-bit or signed: the same, with any number of bits. Without a set of images there is no white, since no value is
usual;
- floating point: 1 if the images end near 1, else as for 32 bits.

Values beyond are clipped. An image that does not fit (with negative values, or with a completely different range than
the others) is refused with a reason, since it would turn black.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Depth = Literal["16-bit", "32-bit", "float"]
DEPTHS: tuple[Depth, ...] = ("16-bit", "32-bit", "float")

FULL = 65535
"""The largest value of 16 bits."""
TOLERANCE = 1 / 8
"""Values may lie below 0 or above white by this share of white, since resampling overshoots."""
NEAR_ONE = 2.0
"""A floating-point image with no larger value counts as one from 0 to 1."""
FAR = 16.0
"""An image whose largest value is so many times that of the others, or white, has another scale."""
_AT_ONCE = 2**20
"""Values that are scaled to 8 bits at a time."""
MEND = "convert it to 8 or 16 bits"


@dataclass(frozen=True, kw_only=True)
class Levels:
    """The values that count as white for 16-bit, 32-bit or signed, and floating-point pixels; None if unknown."""

    white_16: int = FULL
    white_32: int | None = None
    white_float: float = 1.0


DEFAULT = Levels()
"""The levels for images about which nothing is known."""


@dataclass(frozen=True)
class Extent:
    """The kind of pixels of an image of more than 8 bits, and their smallest and largest value."""

    depth: Depth
    low: float
    high: float


@dataclass(frozen=True)
class Chosen:
    """The levels of a set of images.

    Args:
        levels: the values that count as white.
        misfits: why images do not fit the levels, by index.
        sentences: notes for the user.
    """

    levels: Levels
    misfits: dict[int, str]
    sentences: tuple[str, ...]


def extent(values: NDArray[Any], depth: Depth) -> Extent:
    """The extent of an image's values. Raises ValueError with the reason if some are NaN or infinite."""
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"some of its pixels are not numbers (NaN or infinite); replace them, or {MEND}")
    return Extent(depth, low, high)


def misfit(found: Extent, levels: Levels) -> str:
    """Returns the reason why an image does not fit the levels; "" if it does."""
    if found.depth == "16-bit":
        return ""
    white = levels.white_float if found.depth == "float" else levels.white_32
    kind = "floating-point" if found.depth == "float" else "signed or 32-bit"
    if white is None:
        return f"it has {kind} values, and nothing says which of them is white; {MEND}"
    if found.low < -TOLERANCE * white:
        return f"its values begin at {found.low:,.4g}, and nothing says which of them is black; {MEND}"
    far = found.high > (NEAR_ONE if white == 1 else FAR * white)
    if far or (found.depth == "float" and white > 1 and 0 < found.high <= NEAR_ONE):
        return f"its {kind} values end at {found.high:,.4g}, where {white:,.4g} is white; {MEND}"
    return ""


def eight_bits(values: NDArray[Any], depth: Depth, levels: Levels) -> NDArray[np.uint8]:
    """Scales the values of an image that fits the levels to 0 to 255; values beyond black or white are clipped."""
    if depth == "16-bit":
        table = _table(levels.white_16)
        return _in_bands(lambda band: table[band], values)
    white = levels.white_float if depth == "float" else levels.white_32
    assert white is not None
    return scaled(values, white)


def scaled(values: NDArray[Any], white: float) -> NDArray[np.uint8]:
    """Scales values from 0 to `white` to 0 to 255, rounded and clipped."""
    wide = values.dtype if values.dtype.kind == "f" else np.dtype(np.float64)
    with np.errstate(over="ignore"):
        return _in_bands(
            lambda band: np.clip(band.astype(wide, copy=False) * (255 / white) + 0.5, 0, 255).astype(np.uint8), values
        )


def upper_bytes(values: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """The upper 8 of 16 bits, as Pillow reads colours."""
    return _in_bands(lambda band: (band >> 8).astype(np.uint8), values)


def _in_bands(brought: Callable[[NDArray[Any]], NDArray[np.uint8]], values: NDArray[Any]) -> NDArray[np.uint8]:
    """Converts some rows at a time, since intermediate values take up to eight times the memory."""
    rows = max(1, _AT_ONCE // max(1, values[:1].size))
    if len(values) <= rows:
        return brought(values)
    found = np.empty(values.shape, np.uint8)
    for start in range(0, len(values), rows):
        found[start : start + rows] = brought(values[start : start + rows])
    return found


@functools.lru_cache(4)
def _table(white: int) -> NDArray[np.uint8]:
    return np.clip(np.arange(FULL + 1) / (white / 255) + 0.5, 0, 255).astype(np.uint8)


def choose(
    depths: NDArray[np.uint8], lows: NDArray[np.float64], highs: NDArray[np.float64], used: NDArray[np.bool_]
) -> Chosen:
    """Chooses the levels for a set of images.

    Args:
        depths: for each image, the position of its depth in DEPTHS, from 1; 0 for an image of 8 bits [N].
        lows, highs: the smallest and largest value of each image [N].
        used: the images that are used, bool [N].
    """
    white_16, sentence_16 = _for_16(highs[used & (depths == 1)])
    white_32, sentence_32 = _for_32(highs[used & (depths == 2)])
    white_float, sentence_float = _for_float(highs[used & (depths == 3)])
    levels = Levels(white_16=white_16, white_32=white_32, white_float=white_float)
    misfits = {}
    for index in np.flatnonzero(used & (depths > 1)).tolist():
        found = Extent(DEPTHS[depths[index] - 1], float(lows[index]), float(highs[index]))
        if reason := misfit(found, levels):
            misfits[index] = reason
    return Chosen(levels, misfits, tuple(filter(None, (sentence_16, sentence_32, sentence_float))))


def _for_16(highs: NDArray[np.float64]) -> tuple[int, str]:
    if not len(highs):
        return FULL, ""
    white = _holding(highs.max())
    if white < FULL:
        return white, f"Images use {white.bit_length()} of 16 bits: {white:,} counts as white."
    dark = int((highs * FAR <= FULL).sum())
    if dark > len(highs) / 2:
        return white, (
            f"{dark:,} of {len(highs):,} 16-bit images end at {FULL // int(FAR):,} or below and will be nearly black, "
            f"since others reach {highs.max():,.0f}; {MEND.replace('it', 'them')} if that is not what they show."
        )
    return white, ""


def _for_32(highs: NDArray[np.float64]) -> tuple[int | None, str]:
    if not len(highs):
        return None, ""
    white = _holding(_usual(highs) / (1 + TOLERANCE))
    return white, f"Signed or 32-bit images: {white:,} counts as white, 0 as black."


def _for_float(highs: NDArray[np.float64]) -> tuple[float, str]:
    if not len(highs):
        return 1.0, ""
    wide = highs[highs > NEAR_ONE]
    if 2 * len(wide) <= len(highs) or _usual(wide) <= FAR:
        return 1.0, "Floating-point images: 1 counts as white, 0 as black."
    white = _holding(_usual(wide) / (1 + TOLERANCE))
    return float(white), f"Floating-point images: {white:,} counts as white, 0 as black."


def _usual(highs: NDArray[np.float64]) -> float:
    """The largest value, without those far beyond the median."""
    return float(highs[highs <= FAR * max(np.median(highs), 1)].max(initial=0))


def _holding(largest: float) -> int:
    """The largest number with as many bits as `largest` needs, an even number of bits and at least 8."""
    bits = max(8, int(largest).bit_length())
    return int(2 ** (bits + bits % 2) - 1)
