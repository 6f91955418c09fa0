"""What counts as white in images of more than 8 bits: one rule for a set of images, decided from all of them.

8 bits hold 0 to 255, and everything wider has to be brought there. If each image were scaled by its own extremes, one
stray pixel would turn an image black, and equal pixels of two images would not be equal any more. So 0 is black, and
one number for each kind of pixel is white:

- 16-bit: the largest number of the fewest bits (8, 10, 12, 14 or 16) that hold all images;
- 32-bit, or with a sign: the same, without end; there is no usual white for these, so without a set there is none;
- floating point: 1 where the images end near 1, else as for 32 bits.

What lies beyond is clipped. An image that fits no rule (below zero, of a wholly different range than the others) is
better refused than turned black, and says so.
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
HAIR = 1 / 8
"""Values this share of white below 0 or above white are of that scale still: resampling leaves some."""
NEAR_ONE = 2.0
"""A floating-point image that ends here or before is one of 0 to 1."""
FAR = 16.0
"""An image that ends this many times higher than the others, or than white, has another scale than they."""
_AT_ONCE = 2**20
"""Values that are brought to 8 bits at a time."""
MEND = "convert it to 8 or 16 bits"


@dataclass(frozen=True, kw_only=True)
class Levels:
    """The values that count as white, by the kind of pixel; None where there is no rule."""

    white_16: int = FULL
    white_32: int | None = None
    white_float: float = 1.0


DEFAULT = Levels()
"""The levels of images about which nothing is known."""


@dataclass(frozen=True)
class Extent:
    """The smallest and the largest value of an image of more than 8 bits."""

    depth: Depth
    low: float
    high: float


@dataclass(frozen=True)
class Chosen:
    """The levels of a set; by index, why an image fits none; and what a person should know, a sentence each."""

    levels: Levels
    misfits: dict[int, str]
    sentences: tuple[str, ...]


def extent(values: NDArray[Any], depth: Depth) -> Extent:
    """The extent of an image's values. Raises ValueError, with the reason, where some are NaN or infinite."""
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"some of its pixels are no numbers (NaN or infinite); replace them, or {MEND}")
    return Extent(depth, low, high)


def misfit(found: Extent, levels: Levels) -> str:
    """Why an image can't be scaled by these levels, or ""."""
    if found.depth == "16-bit":
        return ""
    white = levels.white_float if found.depth == "float" else levels.white_32
    kind = "floating-point" if found.depth == "float" else "signed or 32-bit"
    if white is None:
        return f"nothing says which of its {kind} values is white; {MEND}"
    if found.low < -HAIR * white:
        return f"its values begin at {found.low:,.4g}, and nothing says which is black; {MEND}"
    far = found.high > (NEAR_ONE if white == 1 else FAR * white)
    if far or (found.depth == "float" and white > 1 and 0 < found.high <= NEAR_ONE):
        return f"its {kind} values end at {found.high:,.4g}, where {white:,.4g} is white; {MEND}"
    return ""


def eight_bits(values: NDArray[Any], depth: Depth, levels: Levels) -> NDArray[np.uint8]:
    """Values as 0 to 255, of an image that is no `misfit`; what lies beyond black or white is clipped."""
    if depth == "16-bit":
        table = _table(levels.white_16)
        return _in_bands(lambda band: table[band], values)
    white = levels.white_float if depth == "float" else levels.white_32
    assert white is not None
    return scaled(values, white)


def scaled(values: NDArray[Any], white: float) -> NDArray[np.uint8]:
    """Values from 0 to `white` as 0 to 255, rounded and clipped."""
    wide = values.dtype if values.dtype.kind == "f" else np.dtype(np.float64)
    with np.errstate(over="ignore"):
        return _in_bands(
            lambda band: np.clip(band.astype(wide, copy=False) * (255 / white) + 0.5, 0, 255).astype(np.uint8), values
        )


def upper_bytes(values: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """The upper 8 of 16 bits, which is how Pillow reads colours."""
    return _in_bands(lambda band: (band >> 8).astype(np.uint8), values)


def _in_bands(brought: Callable[[NDArray[Any]], NDArray[np.uint8]], values: NDArray[Any]) -> NDArray[np.uint8]:
    """Some rows at a time, since what comes in between is up to eight times as wide as what comes out."""
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
    """The levels for a set of images.

    Args:
        depths: of each image, the place of its depth in DEPTHS, from 1 on; 0 for an image of 8 bits.
        lows, highs: the ends of its `Extent`.
        used: the images that count.
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
        return white, f"Images hold {white.bit_length()} bits in 16: {white:,} counts as white."
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
    white = _holding(_usual(highs) / (1 + HAIR))
    return white, f"Signed or 32-bit images: {white:,} counts as white, 0 as black."


def _for_float(highs: NDArray[np.float64]) -> tuple[float, str]:
    if not len(highs):
        return 1.0, ""
    wide = highs[highs > NEAR_ONE]
    if 2 * len(wide) <= len(highs) or _usual(wide) <= FAR:
        return 1.0, "Floating-point images: 1 counts as white, 0 as black."
    white = _holding(_usual(wide) / (1 + HAIR))
    return float(white), f"Floating-point images: {white:,} counts as white, 0 as black."


def _usual(highs: NDArray[np.float64]) -> float:
    """The largest, without those that are far beyond what is usual."""
    return float(highs[highs <= FAR * max(np.median(highs), 1)].max(initial=0))


def _holding(largest: float) -> int:
    """The largest number of the fewest bits, an even number of them and at least 8, that hold `largest`."""
    bits = max(8, int(largest).bit_length())
    return int(2 ** (bits + bits % 2) - 1)
