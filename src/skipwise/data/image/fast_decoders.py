"""Quicker decoders than Pillow's, for the files that most people have: plain PNG and JPEG.

They give the same pixels as Pillow, or are not used: on this machine they have to decode a few images exactly as
Pillow does, and only files are given to them in which nothing is unusual. Everything else is left to Pillow, so that
whether they are installed changes no pixel.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skipwise.data.image.chunks import EXIF, HEEDED, TEXTS, Shape, keyword, orientation, png_shape, walk_jpeg, walk_png

Decoder = Callable[[bytes, Shape, str], NDArray[np.uint8]]
"""Bytes, what they say of themselves, and Pillow's mode -> pixels [H, W, C]."""

SMALL = 2**16
"""Pixels of a PNG that is decoded in well under a millisecond."""
_BESIDE = {*TEXTS, b"pHYs", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"tIME", b"hIST", b"IEND"}
"""Chunks of a PNG that say nothing of its pixels, or nothing that is heeded."""
_PNG_MODES = {0: "L", 2: "RGB", 6: "RGBA"}
_JPEG_MODES = {1: "L", 3: "RGB"}
_FRAMES = range(0xC0, 0xC3)
"""Frame headers of a JPEG: baseline, extended and progressive."""
_TABLES = {0xC4, 0xDA, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)}
"""Tables, comments, what applications add, and the pixels."""
_XMP, _SEVERAL = b"http://ns.adobe.com/xap/1.0/\0", b"MPF\0"


@dataclass(frozen=True, eq=False)
class Decoded:
    """Pixels [H, W, C] in Pillow's `mode`, of an image in `format`."""

    format: str
    mode: str
    pixels: NDArray[np.uint8]


def decode_quickly(data: bytes, *, most: int, alone: bool) -> Decoded | None:
    """The pixels of an image, or None where Pillow has to say what it is.

    Args:
        most: an image of more pixels is left to Pillow.
        alone: whether no other thread waits for the interpreter; the decoder of PNG holds it, so that else it gets
            small images only.
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
        if type(error).__name__ != "PanicException":  # Rust's own, which is no Exception
            raise
        return None
    return pixels if pixels.shape == (shape.height, shape.width, len(mode)) else None


def _plain_png(data: bytes) -> tuple[Shape, str] | None:
    """The shape and mode of a PNG in which nothing is unusual; its decoder checks the checksums."""
    shape, before, runs, last = None, b"", 0, 0
    for kind, start, end in walk_png(data):
        if not before:
            shape = png_shape(data, start, end) if kind == b"IHDR" else None
        elif kind == b"IDAT":
            runs += before != b"IDAT"
        elif kind not in _BESIDE or keyword(data, kind, start, end) in HEEDED:
            return None
        before, last = kind, end + 4
    if shape is None or shape.bits != 8 or shape.colours not in _PNG_MODES or runs != 1 or last != len(data):
        return None
    return shape, _PNG_MODES[shape.colours]


def _plain_jpeg(data: bytes) -> tuple[Shape, str] | None:
    """The same of a JPEG."""
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
    # Where EXIF says nothing of it, other metadata may.
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

    return decoder if _agrees(decoder, "PNG", ("L", "RGB", "RGBA"), [{}]) else None


@functools.cache
def _jpeg_decoder() -> Decoder | None:
    try:
        from simplejpeg import decode_jpeg
    except (ImportError, OSError):
        return None

    def decoder(data: bytes, _: Shape, mode: str) -> NDArray[np.uint8]:
        # Strict: what libjpeg only warns of is an error, and Pillow decides.
        pixels: NDArray[np.uint8] = decode_jpeg(data, colorspace="GRAY" if mode == "L" else "RGB", strict=True)
        return pixels

    ways: list[dict[str, object]] = [
        {"quality": quality, "subsampling": sampling, "progressive": progressive}
        for quality in (40, 95)
        for sampling in (0, 1, 2)
        for progressive in (False, True)
    ]
    return decoder if _agrees(decoder, "JPEG", ("L", "RGB"), ways) else None


def _agrees(decoder: Decoder, format: str, modes: Sequence[str], ways: Sequence[dict[str, object]]) -> bool:
    """Whether a decoder gives Pillow's pixels. There is more than one JPEG library, and they round differently."""
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
