"""Faster decoders than Pillow's for plain PNG and JPEG files.

They are used only if they give the same pixels as Pillow: they have to decode a few test images exactly as Pillow does
on this machine, and they get only files without anything unusual. Everything else is left to Pillow. So it changes no
pixel whether they are installed.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skipwise.data.image.chunks import (
    EXIF,
    SPECIAL_KEYWORDS,
    TEXTS,
    Shape,
    keyword,
    orientation,
    png_shape,
    walk_jpeg,
    walk_png,
)

Decoder = Callable[[bytes, Shape, str], NDArray[np.uint8]]
"""Takes an encoded image, its size and colour, and Pillow's mode. Returns pixels [H, W, C]."""

SMALL = 2**16
"""Pixels of a PNG that is decoded in much less than a millisecond."""
_BESIDE = {*TEXTS, b"pHYs", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"tIME", b"hIST", b"IEND"}
"""Chunks of a PNG that do not change its pixels."""
_PNG_MODES = {0: "L", 2: "RGB", 6: "RGBA"}
_JPEG_MODES = {1: "L", 3: "RGB"}
_FRAMES = range(0xC0, 0xC3)
"""Markers of frame headers of a JPEG: baseline, extended and progressive."""
_TABLES = {0xC4, 0xDA, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)}
"""Markers of tables, comments, application data and pixels of a JPEG."""
_XMP, _SEVERAL = b"http://ns.adobe.com/xap/1.0/\0", b"MPF\0"


@dataclass(frozen=True, eq=False)
class Decoded:
    """A decoded image.

    Args:
        format: "PNG" or "JPEG".
        mode: Pillow's mode: L, RGB or RGBA.
        pixels: uint8 [H, W, C].
    """

    format: str
    mode: str
    pixels: NDArray[np.uint8]


def decode_quickly(data: bytes, *, most: int, alone: bool) -> Decoded | None:
    """Decodes an image; None if it is left to Pillow.

    Args:
        data: the encoded image.
        most: an image of more pixels is left to Pillow.
        alone: whether no other thread needs the interpreter meanwhile. The PNG decoder does not release it, so it gets
            only small images otherwise.
    """
    try:
        if data.startswith(b"\x89PNG"):
            format, plain, decoder = "PNG", _plain_png(data), _png_decoder()
            most = most if alone else min(most, SMALL)
        elif data.startswith(b"\xff\xd8"):
            format, plain, decoder = "JPEG", _plain_jpeg(data), _jpeg_decoder()
        else:
            return None
    except ValueError:
        return None
    if plain is None or decoder is None:
        return None
    shape, mode = plain
    if not 0 < shape.width * shape.height <= most:
        return None
    pixels = _tried(decoder, data, shape, mode)
    return None if pixels is None else Decoded(format, mode, pixels)


def _tried(decoder: Decoder, data: bytes, shape: Shape, mode: str) -> NDArray[np.uint8] | None:
    try:
        pixels = decoder(data, shape, mode)
    except Exception:
        return None
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # raised by code in Rust; it is not an Exception
            raise
        return None
    return pixels if pixels.shape == (shape.height, shape.width, len(mode)) else None


def _plain_png(data: bytes) -> tuple[Shape, str] | None:
    """Size, colour and mode of a PNG without anything unusual, else None. The decoder checks the checksums."""
    shape, before, runs, last = None, b"", 0, 0
    for kind, start, end in walk_png(data):
        if not before:
            shape = png_shape(data, start, end) if kind == b"IHDR" else None
        elif kind == b"IDAT":
            runs += before != b"IDAT"
        elif kind not in _BESIDE or keyword(data, kind, start, end) in SPECIAL_KEYWORDS:
            return None
        before, last = kind, end + 4
    if shape is None or shape.bits != 8 or shape.colours not in _PNG_MODES or runs != 1 or last != len(data):
        return None
    return shape, _PNG_MODES[shape.colours]


def _plain_jpeg(data: bytes) -> tuple[Shape, str] | None:
    """The same for a JPEG."""
    shape, turned, xmp = None, None, False
    for marker, start, end in walk_jpeg(data):
        if marker in _FRAMES and shape is None and end - start >= 6:
            height, width = (int.from_bytes(data[at : at + 2], "big") for at in (start + 1, start + 3))
            shape = Shape(width, height, data[start], data[start + 5])
        elif marker == 0xE1 and data.startswith(EXIF, start):
            if turned is not None:
                return None
            turned = orientation(data[start + len(EXIF) : end])
        elif marker == 0xE1 and data.startswith(_XMP, start):
            xmp = True
        elif marker not in _TABLES or (marker == 0xE2 and data.startswith(_SEVERAL, start)):
            return None
    # If EXIF has no orientation, other metadata may have one.
    if shape is None or shape.bits != 8 or shape.colours not in _JPEG_MODES or (turned or 1) != 1:
        return None
    return None if xmp and not turned else (shape, _JPEG_MODES[shape.colours])


@functools.cache
def _png_decoder() -> Decoder | None:
    try:
        from kornia_rs.io import decode_image_png_u8
    except (ImportError, OSError):
        return None

    names = {"L": "mono", "RGB": "rgb", "RGBA": "rgba"}

    def decoder(data: bytes, shape: Shape, mode: str) -> NDArray[np.uint8]:
        pixels: NDArray[np.uint8] = decode_image_png_u8(data, (shape.height, shape.width), names[mode])
        return pixels

    return decoder if _matches_pillow(decoder, "PNG", ("L", "RGB", "RGBA"), [{}]) else None


@functools.cache
def _jpeg_decoder() -> Decoder | None:
    try:
        from simplejpeg import decode_jpeg
    except (ImportError, OSError):
        return None

    def decoder(data: bytes, _: Shape, mode: str) -> NDArray[np.uint8]:
        # With strict=True, warnings of libjpeg are errors, and Pillow decides.
        pixels: NDArray[np.uint8] = decode_jpeg(data, colorspace="GRAY" if mode == "L" else "RGB", strict=True)
        return pixels

    ways: list[dict[str, object]] = [
        {"quality": quality, "subsampling": sampling, "progressive": progressive}
        for quality in (40, 95)
        for sampling in (0, 1, 2)
        for progressive in (False, True)
    ]
    return decoder if _matches_pillow(decoder, "JPEG", ("L", "RGB"), ways) else None


def _matches_pillow(decoder: Decoder, format: str, modes: Sequence[str], ways: Sequence[dict[str, object]]) -> bool:
    """Returns whether a decoder gives exactly Pillow's pixels; JPEG libraries differ in rounding."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for mode in modes:
        coarse = Image.frombytes(mode, (5, 4), rng.bytes(20 * len(mode)))
        noise = Image.frombytes(mode, (37, 29), rng.bytes(37 * 29 * len(mode)))
        image = Image.blend(coarse.resize((37, 29)), noise, 0.2)
        for options in ways:
            file = io.BytesIO()
            image.save(file, format, **options)
            with Image.open(io.BytesIO(file.getvalue()), formats=(format,)) as opened:
                expected = np.asarray(opened, dtype=np.uint8).reshape(29, 37, -1)
            found = _tried(decoder, file.getvalue(), Shape(37, 29, 8, 0), mode)
            if found is None or not np.array_equal(found, expected):
                return False
    return True
