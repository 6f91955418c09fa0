"""The parts that PNG and JPEG files are made of, told apart without decoding any."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

SIGNATURE = b"\x89PNG\r\n\x1a\n"
TURNING = (b"exif", b"Raw profile type exif", b"XML:com.adobe.xmp", b"xmp")
"""Keywords of a PNG's texts by which it can say that it is turned."""
HEEDED = (*TURNING, b"interlace", b"transparency")
"""Keywords of texts that Pillow takes for what the image is."""
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
LONGEST_TEXT = 2**20
EXIF = b"Exif\0\0"
_BESIDE = (0xFE, *range(0xE0, 0xF0))
"""Markers of a JPEG's comments, and of what applications add."""
_NEEDED = (b"IHDR", b"PLTE", b"tRNS", b"IDAT")
_BLOCK = 2**14
_DEEP = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples per pixel, by a PNG's kind of colour."""


@dataclass(frozen=True)
class Shape:
    """What the first chunk of a PNG, or a frame header of a JPEG, says."""

    width: int
    height: int
    bits: int
    colours: int


def walk_png(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The kind of each chunk of a PNG, and where what it holds begins and ends; its checksum is behind.

    Raises:
        ValueError: a chunk is cut off, or there is no last one.
    """
    if not data.startswith(SIGNATURE):
        raise ValueError("no PNG")
    position, kind = 8, b""
    while kind != b"IEND":
        start = position + 8
        end = start + int.from_bytes(data[position : position + 4], "big")
        if end + 4 > len(data):
            raise ValueError("it is cut off")
        kind = data[position + 4 : start]
        yield kind, start, end
        position = end + 4


def png_shape(data: bytes, start: int, end: int) -> Shape | None:
    """The shape of a PNG, if it is one whose lines follow each other (not interlaced)."""
    if end - start != 13 or data[start + 10 : end] != b"\0\0\0":
        return None
    width, height = int.from_bytes(data[start : start + 4], "big"), int.from_bytes(data[start + 4 : start + 8], "big")
    return Shape(width, height, data[start + 8], data[start + 9])


def keyword(data: bytes, kind: bytes, start: int, end: int) -> bytes:
    """What a PNG's chunk is about, if it is a text."""
    return data[start : min(end, start + 80)].partition(b"\0")[0] if kind in TEXTS else b""


def bare_png(data: bytes, *, most: int) -> bytes | None:
    """A PNG with nothing but its pixels and what is needed to show them; None if it has no sound ones.

    Texts, colour profiles, animations and whatever else is beside the pixels are left out, and so is the checksum
    inside the compressed pixels: that of the chunks around them is right.
    """
    try:
        chunks = list(walk_png(data))
    except ValueError:
        return None
    if not all(_is_sound(data, start, end) for kind, start, end in chunks if kind in _NEEDED):
        return None
    shape = png_shape(data, *chunks[0][1:]) if chunks[0][0] == b"IHDR" else None
    runs = groupby(chunks, lambda chunk: chunk[0])
    parts = [(kind, [data[start:end] for _, start, end in run]) for kind, run in runs]
    pixels = [b"".join(contents) for kind, contents in parts if kind == b"IDAT"]
    if len(pixels) != 1 or [kind for kind, *_ in chunks].count(b"IHDR") != 1:
        return None
    made = [SIGNATURE]
    for kind, start, end in chunks:
        turning = (kind == b"eXIf" or keyword(data, kind, start, end) in TURNING) and end - start < LONGEST_TEXT
        if kind in _NEEDED[:3] or (turning and _is_sound(data, start, end)):
            made.append(_chunk(kind, data[start:end]))
    small = shape is not None and 0 < shape.width * shape.height <= most
    unpacked = _unpacked(pixels[0], shape) if shape is not None and small else None
    made.append(_chunk(b"IDAT", pixels[0] if unpacked is None else zlib.compress(unpacked, 0)))
    return b"".join([*made, _chunk(b"IEND", b"")])


def _is_sound(data: bytes, start: int, end: int) -> bool:
    """Whether the checksum of a PNG's chunk is right."""
    return zlib.crc32(data[start - 4 : end]) == int.from_bytes(data[end : end + 4], "big")


def _unpacked(packed: bytes, shape: Shape) -> bytes | None:
    """A PNG's compressed lines, whatever comes behind them; None where they are damaged or too few."""
    if len(packed) < 2 or int.from_bytes(packed[:2], "big") % 31 or packed[0] & 15 != 8 or packed[0] > 0x78:
        return None
    line = 1 + (shape.width * shape.bits * _DEEP.get(shape.colours, 0) + 7) // 8
    needed, lines = shape.height * line, bytearray()
    unpacker = zlib.decompressobj(-15)
    for start in range(2, len(packed), _BLOCK):
        before = unpacker.copy()
        try:
            lines += unpacker.decompress(packed[start : start + _BLOCK], needed - len(lines))
        except zlib.error:  # perhaps behind the last line
            with contextlib.suppress(zlib.error):
                for byte in packed[start : start + _BLOCK]:
                    if len(lines) < needed:
                        lines += before.decompress(bytes([byte]), needed - len(lines))
            break
        if len(lines) == needed:
            break
    return bytes(lines) if len(lines) == needed and packed[1] & 32 == 0 else None


def _chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


def walk_jpeg(data: bytes) -> Iterator[tuple[int, int, int]]:
    """The second byte of each marker of a JPEG before its pixels, and where the segment's content begins and ends.

    Raises:
        ValueError: something stands there that does not belong.
    """
    if data[:2] != b"\xff\xd8":
        raise ValueError("no JPEG")
    position, marker = 2, 0
    while marker != 0xDA:
        start, end = position + 4, position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if data[position : position + 1] != b"\xff" or end < start or end > len(data):
            raise ValueError("no marker")
        marker = data[position + 1]
        if marker < 0xC0 or 0xD0 <= marker <= 0xD9:
            raise ValueError("a marker that does not belong there")
        yield marker, start, end
        position = end


def bare_jpeg(data: bytes) -> bytes | None:
    """A JPEG with nothing but its pixels and what is needed to show them; None if something does not belong there."""
    made = [b"\xff\xd8"]
    try:
        for marker, start, end in walk_jpeg(data):
            if marker == 0xDA:
                return b"".join([*made, data[start - 4 :]])
            if marker not in _BESIDE or _is_needed(data[start:end]):
                made.append(data[start - 4 : end])
    except ValueError:
        pass
    return None


def _is_needed(content: bytes) -> bool:
    """Whether what an application adds to a JPEG says of which kind its colours are, or how it is turned."""
    if content.startswith(EXIF):
        with contextlib.suppress(ValueError):
            return orientation(content[len(EXIF) :]) > 0
    return content.startswith((b"JFIF\0", b"Adobe")) and len(content) >= 12


def orientation(exif: bytes) -> int:
    """How a JPEG's EXIF data say that the image is turned, 1 to 8; 0 where they say nothing of it.

    Raises:
        ValueError: they are not as they should be.
    """
    order: Literal["little", "big"] = "little" if exif[:2] == b"II" else "big"

    def number(start: int, length: int) -> int:
        if start + length > len(exif):
            raise ValueError("the EXIF data are cut off")
        return int.from_bytes(exif[start : start + length], order)

    if exif[:4] not in (b"II*\0", b"MM\0*"):
        raise ValueError("no EXIF data")
    first = number(4, 4)
    found = 0
    end = first + 2 + 12 * number(first, 2)
    number(end, 4)  # where the next directory is
    for entry in range(first + 2, end, 12):
        if number(entry, 2) == 0x0112:
            if found or number(entry + 2, 2) != 3 or number(entry + 4, 4) != 1 or not 1 <= number(entry + 8, 2) <= 8:
                raise ValueError("an orientation that is none")
            found = number(entry + 8, 2)
    return found
