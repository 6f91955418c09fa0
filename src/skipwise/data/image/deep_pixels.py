"""Pixels of more than 8 bits: found in what Pillow loads, and scaled to 8 bits.

`white_level` says which value is white.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skipwise.data.image.pillow import UnreadableImage, opened
from skipwise.data.image.white_level import (
    FULL,
    Depth,
    Extent,
    Levels,
    eight_bits,
    extent,
    misfit,
    scaled,
    upper_bytes,
)

_PHOTOMETRIC, _SAMPLE_FORMAT, _BITS, _LARGEST = 262, 339, 258, (341, 281)
"""Tags of TIFF."""
_OTHER_ORDER = {
    "RGB;16L": "RGB;16B",
    "RGB;16B": "RGB;16L",
    "RGB;16N": "RGB;16B" if sys.byteorder == "little" else "RGB;16L",
}
"""Pillow's names of modes with 16-bit colours, and of the same modes with the bytes in the other order."""


@dataclass(frozen=True, eq=False)
class DeepPixels:
    """Pixels of more than 8 bits.

    Args:
        values: [H, W] or [H, W, 3].
        extent: the depth, and the smallest and largest value.
        inverted: whether 0 is white.
        clear: the value that means transparent, or None.
    """

    values: NDArray[Any]
    extent: Extent
    inverted: bool = False
    clear: int | None = None

    def shown(self, levels: Levels) -> NDArray[np.uint8]:
        """The pixels with 8 bits. Raises UnreadableImage if they do not fit the levels."""
        if reason := misfit(self.extent, levels):
            raise UnreadableImage(reason)
        if self.values.ndim == 3 and levels.white_16 == FULL:
            return upper_bytes(self.values)
        return self._finished(eight_bits(self.values, self.extent.depth, levels))

    def stretched(self) -> NDArray[np.uint8]:
        """The pixels with 8 bits, scaled from 0 to the largest value of this image."""
        return self._finished(scaled(self.values, max(self.extent.high, 1e-30)))

    def _finished(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self.inverted:
            pixels = 255 - pixels
        return pixels if self.clear is None else np.where(self.values == self.clear, np.uint8(255), pixels)


def deep_pixels(image: Any, kind: str, tags: Mapping[int, Any], lower: Any) -> DeepPixels | None:
    """The pixels of an image that Pillow loaded, if they have more than 8 bits; else None.

    Args:
        image: Pillow's image.
        kind: its format and mode.
        tags: its TIFF tags.
        lower: the image with the lower bytes of 16-bit colours, or None.
    """
    values = np.asarray(image)
    depth: Depth | None = None
    if lower is not None:
        depth, values = "16-bit", values.astype(np.uint16)
        values <<= 8
        values |= np.asarray(lower)
    elif image.mode == "F":
        depth = "float"
    elif image.mode.startswith("I;16") or (image.mode == "I" and kind.startswith(("PNG", "PPM"))):
        depth = "16-bit"
    elif image.mode == "I":
        depth = "32-bit"
    elif image.mode == "L" and tags.get(_SAMPLE_FORMAT) in (2, (2,)):
        depth, values = "32-bit", values.view(np.int8)  # Pillow reads them without their sign
    if depth is None:
        return None
    try:
        found = extent(values, depth)
    except ValueError as error:
        raise UnreadableImage(str(error)) from error
    clear = image.info.get("transparency")
    # Pillow itself inverts images of 8 bits.
    inverted = tags.get(_PHOTOMETRIC) == 0 and image.mode != "L"
    return DeepPixels(values, found, inverted, clear if isinstance(clear, int) else None)


def declared_white(deep: DeepPixels, tags: Mapping[int, Any]) -> Levels | None:
    """The levels of a TIFF that declares how many of its 16 bits it uses; else None."""
    declared = []
    if deep.extent.depth == "16-bit":
        for tag in (_BITS, *_LARGEST):
            value = tags.get(tag)
            value = value[0] if isinstance(value, tuple) and value else value
            declared.append(2 ** min(value, 16) - 1 if tag == _BITS and isinstance(value, int) else value)
    for white in declared:
        # Some programs write the largest value of the image, which does not say what is white.
        if isinstance(white, int) and 255 <= white < FULL and white & (white + 1) == 0 and deep.extent.high <= white:
            return Levels(white_16=white)
    return None


def lower_bytes(image: Any, data: bytes) -> Any:
    """For an image of 16-bit colours, of which Pillow reads the upper bytes, an image of the lower bytes; else None."""
    if image.mode != "RGB" or not image.tile:
        return None
    swapped = []
    for *where, arguments in image.tile:
        several = isinstance(arguments, tuple)
        mode = arguments[0] if several and arguments else arguments
        if not isinstance(mode, str) or mode not in _OTHER_ORDER:
            return None
        # With the bytes in the other order, Pillow takes the lower byte for the upper one.
        other = _OTHER_ORDER[mode]
        swapped.append((*where, (other, *arguments[1:]) if several else other))
    lower = opened(data, twice=True)
    lower.tile = swapped
    lower.load()
    return lower
