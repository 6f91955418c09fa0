"""The chunks of PNG files and the segments of JPEG files, read without decoding any pixels."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

SIGNATURE = b"\x89PNG\r\n\x1a\n"
ORIENTATION_KEYWORDS = (b"exif", b"Raw profile type exif", b"XML:com.adobe.xmp", b"xmp")
"""Keywords of texts in a PNG that can hold its orientation."""
SPECIAL_KEYWORDS = (*ORIENTATION_KEYWORDS, b"interlace", b"transparency")
"""Keywords of texts in a PNG that change how Pillow reads the image."""
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
LONGEST_TEXT = 2**20
"""Bytes of a text that is kept, at most."""
EXIF = b"Exif\0\0"
_BESIDE = (0xFE, *range(0xE0, 0xF0))
"""Markers of comments and application data in a JPEG."""
_NEEDED = (b"IHDR", b"PLTE", b"tRNS", b"IDAT")
_BLOCK = 2**14
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples per pixel, by the colour type of a PNG."""


@dataclass(frozen=True)
class Shape:
    """Size and colour of an image, from the first chunk of a PNG or the frame header of a JPEG.

    Args:
        width, height: pixels.
        bits: bits per sample.
        colours: the colour type of a PNG, or the number of components of a JPEG.
    """

    width: int
    height: int
    bits: int
    colours: int


def walk_png(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The kind of each chunk of a PNG, and where its content begins and ends; the checksum follows.

    Raises:
        ValueError: a chunk is cut off, or the last one is missing.
    """
    if not data.startswith(SIGNATURE):
        raise ValueError("not a PNG")
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
    """The size and colour of a PNG from its first chunk; None if it is interlaced or unusual."""
    if end - start != 13 or data[start + 10 : end] != b"\0\0\0":
        return None
    width, height = int.from_bytes(data[start : start + 4], "big"), int.from_bytes(data[start + 4 : start + 8], "big")
    return Shape(width, height, data[start + 8], data[start + 9])


def keyword(data: bytes, kind: bytes, start: int, end: int) -> bytes:
    """The keyword of a PNG's chunk if it is a text, else empty bytes."""
    return data[start : min(end, start + 80)].partition(b"\0")[0] if kind in TEXTS else b""


def bare_png(data: bytes, *, most: int) -> bytes | None:
    """A PNG with only its pixels and what is needed to show them; None if these are damaged.

    Texts, colour profiles, animations and other chunks are removed. The checksum inside the compressed pixels is not
    checked, since the checksums of the chunks around them are.

    Args:
        data: the file.
        most: an image of more pixels is not decompressed.
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
        orients = (
            kind == b"eXIf" or keyword(data, kind, start, end) in ORIENTATION_KEYWORDS
        ) and end - start < LONGEST_TEXT
        if kind in _NEEDED[:3] or (orients and _is_sound(data, start, end)):
            made.append(_chunk(kind, data[start:end]))
    small = shape is not None and 0 < shape.width * shape.height <= most
    unpacked = _unpacked(pixels[0], shape) if shape is not None and small else None
    made.append(_chunk(b"IDAT", pixels[0] if unpacked is None else zlib.compress(unpacked, 0)))
    return b"".join([*made, _chunk(b"IEND", b"")])


def _is_sound(data: bytes, start: int, end: int) -> bool:
    """Returns whether the checksum of a PNG's chunk is correct."""
    return zlib.crc32(data[start - 4 : end]) == int.from_bytes(data[end : end + 4], "big")


def _unpacked(packed: bytes, shape: Shape) -> bytes | None:
    """The decompressed lines of a PNG, without what follows them; None if they are damaged or too few."""
    if len(packed) < 2 or int.from_bytes(packed[:2], "big") % 31 or packed[0] & 15 != 8 or packed[0] > 0x78:
        return None
    line = 1 + (shape.width * shape.bits * _SAMPLES.get(shape.colours, 0) + 7) // 8
    needed, lines = shape.height * line, bytearray()
    unpacker = zlib.decompressobj(-15)
    for start in range(2, len(packed), _BLOCK):
        before = unpacker.copy()
        try:
            lines += unpacker.decompress(packed[start : start + _BLOCK], needed - len(lines))
        except zlib.error:  # the damage may be after the last line
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
        ValueError: there is something else than a marker.
    """
    if data[:2] != b"\xff\xd8":
        raise ValueError("not a JPEG")
    position, marker = 2, 0
    while marker != 0xDA:
        start, end = position + 4, position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if data[position : position + 1] != b"\xff" or end < start or end > len(data):
            raise ValueError("a marker is missing")
        marker = data[position + 1]
        if marker < 0xC0 or 0xD0 <= marker <= 0xD9:
            raise ValueError("a marker is misplaced")
        yield marker, start, end
        position = end


def bare_jpeg(data: bytes) -> bytes | None:
    """A JPEG with only its pixels and what is needed to show them; None if its segments are damaged."""
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
    """Returns whether application data of a JPEG hold its kind of colours or its orientation."""
    if content.startswith(EXIF):
        with contextlib.suppress(ValueError):
            return orientation(content[len(EXIF) :]) > 0
    return content.startswith((b"JFIF\0", b"Adobe")) and len(content) >= 12


def orientation(exif: bytes) -> int:
    """The orientation in EXIF data, 1 to 8; 0 if they have none.

    Raises:
        ValueError: the data are damaged.
    """
    order: Literal["little", "big"] = "little" if exif[:2] == b"II" else "big"

    def number(start: int, length: int) -> int:
        if start + length > len(exif):
            raise ValueError("the EXIF data are cut off")
        return int.from_bytes(exif[start : start + length], order)

    if exif[:4] not in (b"II*\0", b"MM\0*"):
        raise ValueError("these are not EXIF data")
    first = number(4, 4)
    found = 0
    end = first + 2 + 12 * number(first, 2)
    number(end, 4)  # where the next directory is
    for entry in range(first + 2, end, 12):
        if number(entry, 2) == 0x0112:
            if found or number(entry + 2, 2) != 3 or number(entry + 4, 4) != 1 or not 1 <= number(entry + 8, 2) <= 8:
                raise ValueError("the orientation is invalid")
            found = number(entry + 8, 2)
    return found
