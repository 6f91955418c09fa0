"""Encoded bytes -> uint8 pixels, by one set of rules, for training and serving alike.

The rules: the first frame; turned as EXIF says; transparency over white; 16-bit scaled to 8; palettes and CMYK
become RGB; grey stays grey.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_PIXELS = 64_000_000
"""A larger image is refused unread: a few kilobytes can claim gigabytes of pixels."""

_GREY = {"1", "L", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}


class UnreadableImage(ValueError):
    """These bytes give no image; the message says why, without naming a file."""


@dataclass(frozen=True)
class Header:
    """What an image says of itself before its pixels are read. Sizes in pixels, after turning."""

    width: int
    height: int
    grey: bool


def read_header(data: bytes) -> Header:
    """Size and colour of an encoded image, without decoding it.

    Raises:
        UnreadableImage: these bytes are no image, or an image of too many pixels.
    """
    with _opened(data) as image:
        width, height = image.size
        if image.getexif().get(0x0112, 1) >= 5:  # the orientation tag's values that swap the sides
            width, height = height, width
        return Header(width, height, image.mode in _GREY)


def decode(data: bytes, *, channels: int) -> NDArray[np.uint8]:
    """The pixels of an encoded image: uint8 [height, width, channels].

    Args:
        channels: 3 for RGB, 1 for grey.

    Raises:
        UnreadableImage: these bytes are no image, a truncated one, or one of too many pixels.
    """
    from PIL import Image, ImageOps

    with _opened(data) as opened:
        image = ImageOps.exif_transpose(opened)
        if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
            image = Image.fromarray(_eight_bits(np.asarray(image)))
        if image.has_transparency_data:
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image.convert("RGBA"))
        image = image.convert("RGB" if channels == 3 else "L")
        pixels = np.array(image, dtype=np.uint8)
    return pixels.reshape(pixels.shape[0], pixels.shape[1], channels)


def _eight_bits(values: NDArray[Any]) -> NDArray[np.uint8]:
    """16-bit (and wider) grey as 8-bit: by the type's range, or by its own where the type has none."""
    if (values.dtype.kind == "u" and values.dtype.itemsize == 2) or (values.min() >= 0 and 255 < values.max() <= 65535):
        return (values.astype(np.float64) / 257 + 0.5).astype(np.uint8)
    if values.dtype.kind == "f" and values.min() >= 0 and values.max() <= 1:
        return (values * 255 + 0.5).astype(np.uint8)
    return np.clip(values, 0, 255).astype(np.uint8)


@contextlib.contextmanager
def _opened(data: bytes) -> Iterator[Any]:
    """Pillow's image from bytes, with everything that hostile bytes can make Pillow raise as one error."""
    from PIL import Image, UnidentifiedImageError

    try:
        if not data:
            raise UnreadableImage("the file is empty")
        image = Image.open(io.BytesIO(data))
        width, height = image.size
        if width * height > MOST_PIXELS:
            raise UnreadableImage(f"{width} x {height} pixels are more than {MOST_PIXELS // 1_000_000} million")
        yield image
    except UnreadableImage:
        raise
    except UnidentifiedImageError as error:
        raise UnreadableImage("it is not an image in a format that Pillow reads") from error
    except Exception as error:  # Pillow's plugins raise nearly every built-in exception on damaged bytes
        raise UnreadableImage(str(error) or type(error).__name__) from error
