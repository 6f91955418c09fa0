"""Encoded bytes -> uint8 pixels, by one set of rules, for training and serving alike.

The rules: the first frame; turned as EXIF says; transparency over white; 16-bit scaled to 8; palettes and CMYK
become RGB; grey stays grey. `RULES` changes when they do.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RULES = 3
MOST_PIXELS = int(os.environ.get("SKIPWISE_MAX_PIXELS", 64_000_000))
"""A larger image is refused unread: a few kilobytes can claim gigabytes of pixels."""

_GREY = {"1", "L", "LA", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}

_NEVER_TURNED = {"PNG", "GIF", "BMP", "PPM", "WEBP"}
"""Formats that can only be turned by metadata that Pillow shows in `info`, under these names:"""
_TURNS = {"exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"}


class UnreadableImage(ValueError):
    """These bytes give no image; the message says why, without naming a file."""


@dataclass(frozen=True)
class Header:
    """What an image says of itself. Sizes in pixels, after turning; `kind` is its format and mode: "JPEG CMYK"."""

    width: int
    height: int
    grey: bool
    kind: str


def read_header(data: bytes) -> Header:
    """Size and colour of an encoded image, without decoding it.

    Raises:
        UnreadableImage: these bytes are no image, or an image of too many pixels.
    """
    with _opened(data) as image:
        return _header(image)


def decode(data: bytes, *, channels: int | None = None) -> NDArray[np.uint8]:
    """The pixels of an encoded image: uint8 [height, width, channels].

    Args:
        channels: 3 for RGB, 1 for grey; None for 1 where the image is grey and 3 elsewhere.

    Raises:
        UnreadableImage: these bytes are no image, a truncated one, or one of too many pixels.
    """
    pixels = np.asarray(decode_image(data, channels=channels)[1], dtype=np.uint8)
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


def decode_image(data: bytes, *, channels: int | None = None) -> tuple[Header, Any]:
    """As `decode`, but Pillow's image (mode L or RGB), and what the encoded one says of itself."""
    from PIL import Image, ImageOps

    with _opened(data) as image:
        image.load()
        opened_format = image.format
        header = _header(image)  # after loading: a PNG may say at its end that it is turned
        # Copying is half the price of decoding a small image, so it is left out where nothing says that it turns.
        if _may_be_turned(image):
            image = ImageOps.exif_transpose(image)
        if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
            sixteen = image.mode.startswith("I;16") or opened_format in ("PNG", "PPM")
            image = Image.fromarray(_eight_bits(np.asarray(image), sixteen=sixteen))
        if image.has_transparency_data:
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image.convert("RGBA"))
        mode = "L" if channels == 1 or (channels is None and header.grey) else "RGB"
        return header, image if image.mode == mode else image.convert(mode)


def _header(image: Any) -> Header:
    width, height = image.size
    if (
        _may_be_turned(image) and image.getexif().get(0x0112, 1) >= 5
    ):  # the orientation tag's values that swap the sides
        width, height = height, width
    return Header(width, height, image.mode in _GREY, f"{image.format} {image.mode}")


def _eight_bits(values: NDArray[Any], *, sixteen: bool) -> NDArray[np.uint8]:
    """16-bit (and wider) grey as 8-bit: by the format's range, or by its own where the format has none."""
    if sixteen or (values.min() >= 0 and 255 < values.max() <= 65535):
        return (values.astype(np.float64) / 257 + 0.5).astype(np.uint8)
    if values.dtype.kind == "f" and values.min() >= 0 and values.max() <= 1:
        return (values * 255 + 0.5).astype(np.uint8)
    return np.clip(values, 0, 255).astype(np.uint8)


def _may_be_turned(image: Any) -> bool:
    return image.format not in _NEVER_TURNED or bool(image.info and _TURNS & image.info.keys())


@functools.cache
def _formats() -> tuple[str, ...]:
    """The formats that are read, as far as this Pillow can. Others it knows run programs, or hold no pictures."""
    from PIL import Image

    for name in ("Avif", "Bmp", "Gif", "Jpeg", "Jpeg2K", "Mpo", "Png", "Ppm", "Tga", "Tiff", "WebP"):
        with contextlib.suppress(ImportError):
            importlib.import_module(f"PIL.{name}ImagePlugin")
    wanted = ("JPEG", "PNG", "GIF", "BMP", "DIB", "WEBP", "TIFF", "PPM", "JPEG2000", "AVIF", "MPO", "TGA")
    return tuple(name for name in wanted if name in Image.OPEN)


@contextlib.contextmanager
def _opened(data: bytes) -> Iterator[Any]:
    """Pillow's image from bytes, with everything that hostile bytes can make Pillow raise as one error."""
    from PIL import Image, UnidentifiedImageError

    try:
        if not data:
            raise UnreadableImage("the file is empty")
        image = Image.open(io.BytesIO(data), formats=_formats())
        width, height = image.size
        if width * height > MOST_PIXELS:
            raise UnreadableImage(f"{width} x {height} pixels are more than {MOST_PIXELS:,}")
        yield image
    except UnreadableImage:
        raise
    except Image.DecompressionBombError as error:  # Pillow's own limit, above ours
        raise UnreadableImage(f"its pixels are more than {MOST_PIXELS:,}") from error
    except UnidentifiedImageError as error:
        raise UnreadableImage("it is not an image in a format that Pillow reads") from error
    except Exception as error:  # Pillow's plugins raise nearly every built-in exception on damaged bytes
        raise UnreadableImage(str(error) or type(error).__name__) from error
