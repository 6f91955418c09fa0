"""Opening images with Pillow, and turning its many exceptions into reasons in plain words."""

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

_DOUBLE_MEMORY = ("WEBP", "JPEG2000")
"""Formats whose decoders need more than twice the memory per pixel; of these, half as many pixels are read."""
_CUT_OFF = ("truncated", "not enough image data", "unexpected end", "premature end")
"""Parts of Pillow's messages about files that are cut off."""


class UnreadableImage(ValueError):
    """The bytes cannot be decoded as an image. The message says why, without naming a file."""


class TooLarge(UnreadableImage):
    """An image has more pixels than the limit."""


def opened(data: bytes, *, twice: bool = False) -> Any:
    """Opens an image with Pillow, without decoding it. Pillow's own `open` has another limit on pixels.

    Args:
        data: the encoded image.
        twice: whether the image is opened for a second time because its colours have 16 bits, so that it takes twice
            the memory.

    Raises:
        UnreadableImage: the format is unsupported, or the image has too many pixels. Damaged bytes may raise any other
            exception.
    """
    from PIL import Image

    if not data:
        raise UnreadableImage("the file is empty")
    if most_pixels() > MOST_PIXELS:  # some of Pillow's plugins check its own limit
        Image.MAX_IMAGE_PIXELS = None
    for factory, accepts in _plugins():
        try:
            accepted = accepts is None or accepts(data[:64])
            if not accepted or isinstance(accepted, str):  # a string says why it cannot be read here
                continue
            image = factory(io.BytesIO(data), "")
        except (SyntaxError, IndexError, TypeError, struct.error):  # it is of another format
            continue
        width, height = image.size
        if width < 1 or height < 1:
            raise UnreadableImage("it has no pixels")
        check_size(width, height)
        most = max(most_pixels(), MOST_PIXELS) // 2
        if (twice or image.format in _DOUBLE_MEMORY) and width * height > most:
            raise TooLarge(
                f"{width} x {height} pixels are more than the {most:,} that are read in this format; see {VARIABLE}"
            )
        return image
    raise UnreadableImage(_not_recognised(data))


def check_size(width: int, height: int) -> None:
    """Raises TooLarge for an image of more pixels than the limit."""
    if width * height > most_pixels():
        raise TooLarge(f"{width} x {height} pixels are more than the {most_pixels():,} of {VARIABLE}")


def explained(read: Callable[[], _T]) -> _T:
    """Calls `read`, and turns every exception that damaged or hostile bytes cause into an UnreadableImage."""
    from PIL import Image

    try:
        return read()
    except (UnreadableImage, SkipwiseError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise TooLarge("its pixels are more than Pillow's MAX_IMAGE_PIXELS allows in this program") from error
    except Exception as error:  # Pillow raises nearly every built-in exception for damaged bytes
        cut_off = isinstance(error, EOFError) or any(words in str(error).lower() for words in _CUT_OFF)
        raise UnreadableImage("the file is cut off" if cut_off else "its data are damaged") from error


@functools.cache
def _plugins() -> tuple[tuple[Any, Any], ...]:
    """The plugins of Pillow for the supported formats: for each, its class, and a check of the first bytes.

    Pillow's other plugins run programs, or are not for pictures.
    """
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
    """Pillow's plugin for HEIC photos, or None if it is not installed."""
    try:
        from pillow_heif.as_plugin import HeifImageFile
    except (ImportError, OSError):
        return None
    return HeifImageFile


def _not_recognised(data: bytes) -> str:
    """Returns the reason why no plugin accepts the bytes."""
    name = name_format(data)
    if name == HEIC and _heif() is None:
        return f"HEIC photos are read with pillow-heif, which is not installed; run: {INSTALL_FORMATS}"
    if name == "AVIF" and not _reads_avif():
        return "AVIF images are read with Pillow 11.3 or newer; run: pip install --upgrade Pillow"
    if name == "HTML":
        return "it is a web page, not a picture; download it again"
    if is_read(name):
        return f"it begins like {name}, but is damaged or of an unsupported kind; save it again as PNG"
    return (
        f"it is {name}, which is not supported; convert it to PNG or JPEG"
        if name
        else "it is not an image of a known format"
    )


def _reads_avif() -> bool:
    from PIL import features

    return bool(features.check("avif"))
