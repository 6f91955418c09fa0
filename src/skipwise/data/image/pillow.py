"""Encoded bytes -> Pillow's image, not decoded yet; and whatever goes wrong with bytes, in plain words."""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import struct
from collections.abc import Callable
from typing import Any, TypeVar

from skipwise.core.errors import SkipwiseError
from skipwise.data.image.formats import HEIC, INSTALL_FORMATS, is_read, name_format
from skipwise.data.image.limits import MOST_PIXELS, VARIABLE, most_pixels

_T = TypeVar("_T")

_HELD_TWICE = ("WEBP", "JPEG2000")
"""Formats whose decoders hold more than twice as much for each pixel as others; of these half as many are read."""
_CUT_OFF = ("truncated", "not enough image data", "unexpected end", "premature end")
"""What Pillow says of files that end too early, in one of its ways."""


class UnreadableImage(ValueError):
    """These bytes give no image; the message says why, without naming a file."""


class TooLarge(UnreadableImage):
    """An image of more pixels than are read."""


def opened(data: bytes, *, twice: bool = False) -> Any:
    """Pillow's image. Not by Pillow's `open`, whose limit on pixels is another one.

    Args:
        twice: whether it is opened for the second time, since its colours have 16 bits, and takes as much memory again.

    Raises:
        UnreadableImage: the bytes begin like no image that is read, or it has too many pixels; damaged bytes may raise
            anything else.
    """
    from PIL import Image

    if not data:
        raise UnreadableImage("the file is empty")
    if most_pixels() > MOST_PIXELS:  # then Pillow's own limit, which some of its plugins heed, is not wanted either
        Image.MAX_IMAGE_PIXELS = None
    for factory, accepts in _plugins():
        try:
            accepted = accepts is None or accepts(data[:64])
            if not accepted or isinstance(accepted, str):  # why it can't be read here
                continue
            image = factory(io.BytesIO(data), "")
        except (SyntaxError, IndexError, TypeError, struct.error):  # it is of another format
            continue
        width, height = image.size
        if width < 1 or height < 1:
            raise UnreadableImage("it has no pixels")
        check_size(width, height)
        most = max(most_pixels(), MOST_PIXELS) // 2
        if (twice or image.format in _HELD_TWICE) and width * height > most:
            raise TooLarge(f"{width} x {height} pixels are more than the {most:,} of this kind; see {VARIABLE}")
        return image
    raise UnreadableImage(_not_recognised(data))


def check_size(width: int, height: int) -> None:
    """Raises TooLarge for an image of more pixels than are read."""
    if width * height > most_pixels():
        raise TooLarge(f"{width} x {height} pixels are more than the {most_pixels():,} of {VARIABLE}")


def explained(read: Callable[[], _T]) -> _T:
    """What `read` gives, with everything that hostile bytes can make Pillow raise as one error in plain words."""
    from PIL import Image

    try:
        return read()
    except (UnreadableImage, SkipwiseError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise TooLarge("its pixels are more than Pillow's MAX_IMAGE_PIXELS allows in this program") from error
    except Exception as error:  # Pillow's plugins raise nearly every built-in exception on damaged bytes
        cut_off = isinstance(error, EOFError) or any(words in str(error).lower() for words in _CUT_OFF)
        raise UnreadableImage("the file is cut off" if cut_off else "its data are damaged") from error


@functools.cache
def _plugins() -> tuple[tuple[Any, Any], ...]:
    """What reads the formats that are read, as far as this Pillow can, and what tells their first bytes. Others it
    knows run programs, or hold no pictures."""
    from PIL import Image

    for name in ("Avif", "Bmp", "Gif", "Jpeg", "Jpeg2K", "Mpo", "Png", "Ppm", "Tga", "Tiff", "WebP"):
        with contextlib.suppress(ImportError):
            importlib.import_module(f"PIL.{name}ImagePlugin")
    wanted = ("JPEG", "PNG", "GIF", "BMP", "DIB", "WEBP", "TIFF", "PPM", "JPEG2000", "AVIF", "MPO", "TGA")
    found = [Image.OPEN[name] for name in wanted if name in Image.OPEN]
    heif = _heif()
    return tuple(found if heif is None else [(heif, lambda start: name_format(start) == HEIC), *found])


@functools.cache
def _heif() -> Any:
    """Pillow's plugin for HEIC photos, or None where it is not installed."""
    try:
        from pillow_heif.as_plugin import HeifImageFile
    except (ImportError, OSError):
        return None
    return HeifImageFile


def _not_recognised(data: bytes) -> str:
    name = name_format(data)
    if name == HEIC and _heif() is None:
        return f"HEIC photos are read with pillow-heif, which is not installed; run: {INSTALL_FORMATS}"
    if name == "AVIF" and not _reads_avif():
        return "AVIF images are read with Pillow 11.3 or newer; run: pip install --upgrade Pillow"
    if is_read(name):
        return f"it begins like {name}, but is damaged or of a kind that is not read; save it anew as PNG"
    return f"it is {name}, which is not read; convert it to PNG or JPEG" if name else "it is no image of a known format"


def _reads_avif() -> bool:
    from PIL import features

    return bool(features.check("avif"))
