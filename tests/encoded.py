"""Image files made by hand, where no library would write them: PNG by chunks, TIFF by tags, damaged ones."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

TURNED = b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"
"""EXIF data that say "a quarter to the left" and nothing else."""


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    """Pillow's encoding of an image."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, content: bytes, *, sound: bool = True) -> bytes:
    """A chunk of a PNG, its checksum right or wrong."""
    checksum = zlib.crc32(kind + content) ^ (not sound)
    return len(content).to_bytes(4, "big") + kind + content + checksum.to_bytes(4, "big")


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a PNG, kind and content."""
    found, position = [], 8
    while position < len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        found.append((data[position + 4 : position + 8], data[position + 8 : position + 8 + length]))
        position += 12 + length
    return found


def png_with(data: bytes, *extra: tuple[bytes, bytes], sound: bool = True) -> bytes:
    """A PNG with more chunks behind its header."""
    return data[:33] + b"".join(chunk(*each, sound=sound) for each in extra) + data[33:]


def jpeg_with(data: bytes, *extra: tuple[int, bytes]) -> bytes:
    """A JPEG with more segments at its beginning."""
    between = b"".join(bytes((0xFF, marker)) + struct.pack(">H", len(held) + 2) + held for marker, held in extra)
    return data[:2] + between + data[2:]


def tiff(
    values: NDArray[np.generic],
    *,
    photometric: int | None = None,
    order: str = "<",
    packed: bytes | None = None,
    bits: int | None = None,
    planar: bool = False,
    extra: Sequence[int] = (),
    more: Sequence[tuple[int, int]] = (),
) -> bytes:
    """An uncompressed TIFF of [H, W] or [H, W, C], in whatever type of numbers.

    Args:
        photometric: 0 where 0 is white, 1 where it is black, 2 for colours.
        order: of bytes, "<" or ">".
        packed: the pixels as they are written, where that is not as they lie in memory, `bits` each.
        planar: each channel by itself.
        extra: what the channels behind red, green and blue are: 0 nobody knows, 2 transparency.
        more: further tags, whose values are short numbers.
    """
    height, width = values.shape[:2]
    channels = values.shape[2] if values.ndim == 3 else 1
    sample = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    bits = bits or 8 * values.dtype.itemsize
    stored = values.astype(values.dtype.newbyteorder(order))
    planes = [np.ascontiguousarray(stored[..., each]) for each in range(channels)] if planar else [stored]
    strips = [plane.tobytes() for plane in planes] if packed is None else [packed]
    photometric = (2 if channels > 2 else 1) if photometric is None else photometric
    entries: dict[int, tuple[str, Sequence[int]]] = {
        256: ("I", [width]),
        257: ("I", [height]),
        258: ("H", [bits] * channels),
        259: ("H", [1]),
        262: ("H", [photometric]),
        273: ("I", [0] * len(strips)),
        277: ("H", [channels]),
        278: ("I", [height]),
        279: ("I", [len(strip) for strip in strips]),
        284: ("H", [2 if planar else 1]),
        339: ("H", [sample] * channels),
        **({338: ("H", list(extra))} if extra else {}),
        **{tag: ("H", [value]) for tag, value in more},
    }
    place = 8 + 2 + 12 * len(entries) + 4
    long = sum(struct.calcsize(kind) * len(held) for kind, held in entries.values() if len(held) > 1)
    offsets = np.cumsum([place + long, *(len(strip) for strip in strips)])[:-1].tolist()
    entries[273] = ("I", offsets)
    directory, behind = struct.pack(f"{order}H", len(entries)), b""
    for tag, (kind, held) in sorted(entries.items()):
        content = struct.pack(f"{order}{len(held)}{kind}", *held)
        directory += struct.pack(f"{order}HHI", tag, {"H": 3, "I": 4}[kind], len(held))
        if len(held) > 1 and len(content) > 4:
            directory += struct.pack(f"{order}I", place + len(behind))
            behind += content
        else:
            directory += content.ljust(4, b"\0")
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    gap = b"\0" * (long - len(behind))
    return start + directory + struct.pack(f"{order}I", 0) + behind + gap + b"".join(strips)


def pack_12_bits(values: NDArray[np.integer]) -> bytes:
    """Rows of 12-bit numbers without gaps."""
    rows = []
    for row in values.astype(np.uint16):
        bits = ((row[:, None] >> np.arange(11, -1, -1)) & 1).astype(np.uint8)
        rows.append(np.packbits(bits.ravel()).tobytes())
    return b"".join(rows)


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Bytes with a few of them changed, left out, or put in."""
    changed = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        place, way = int(rng.integers(0, len(changed) + 1)), rng.integers(0, 4)
        if way == 0:
            changed[place : place + 1] = rng.bytes(1)
        elif way == 1 and place < len(changed):
            changed[place] ^= 1 << int(rng.integers(0, 8))
        elif way == 2:
            del changed[place : place + int(rng.integers(1, 8))]
        else:
            changed[place:place] = rng.bytes(int(rng.integers(1, 8)))
    return bytes(changed)


def picture(mode: str, width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """Noise, or something smooth."""
    if rng.random() < 0.5:
        return Image.frombytes(mode, (width, height), rng.bytes(width * height * len(mode)))
    return Image.frombytes(mode, (4, 3), rng.bytes(12 * len(mode))).resize((width, height), Image.Resampling.BICUBIC)


BESIDE = (
    (b"tEXt", b"a\0b"),
    (b"zTXt", b"long\0\0" + zlib.compress(b"x" * 3_000_000)),
    (b"zTXt", b"broken\0\0junk"),
    (b"iTXt", b"broken\0\1\0\0\0junk"),
    (b"pHYs", b"short"),
    (b"gAMA", b""),
    (b"gAMA", struct.pack(">I", 45455)),
    (b"cHRM", b"short"),
    (b"sRGB", b""),
    (b"iCCP", b"x\0\1junk"),
    (b"iCCP", b"x\0\0" + zlib.compress(b"profile")),
    (b"sBIT", b"\5\5\5"),
    (b"bKGD", b""),
    (b"tIME", b"short"),
    (b"tEXt", b"Comment\0no"),
)
"""Chunks of a PNG that are long, broken, or of no matter, and say nothing of its pixels."""
HEEDED = (
    (b"tRNS", b"\0\5\0\6\0\7"),
    (b"tRNS", b"\0\5"),
    (b"PLTE", bytes(9)),
    (b"eXIf", TURNED),
    (b"eXIf", b"junk"),
    (b"acTL", bytes(8)),
    (b"ABCD", b"x"),
    (b"abCd", b"x"),
    (b"tEXt", b"exif\0junk"),
    (b"tEXt", b"interlace\x001"),
    (b"tEXt", b"transparency\x000"),
    (b"iTXt", b'XML:com.adobe.xmp\0\0\0\0\0tiff:Orientation="6"'),
    (b"IDAT", b""),
)
"""Chunks that say something of the pixels, or that some program takes for that."""


def hostile_png(rng: np.random.Generator) -> bytes:
    """A PNG with right checksums, or nearly, around pixels that are perhaps damaged, among all kinds of chunks."""
    mode = ("L", "RGB", "RGBA")[rng.integers(3)]
    width, height = rng.integers(1, 24, 2).tolist()
    data = encode(picture(mode, width, height, rng), "PNG", compress_level=int(rng.integers(0, 10)))
    (_, header), *rest = chunks(data)
    pixels, way = b"".join(content for kind, content in rest if kind == b"IDAT"), rng.random()
    if way < 0.3:
        pixels = mutated(pixels, rng)
    elif way < 0.4:
        pixels = zlib.compress(mutated(zlib.decompress(pixels), rng), int(rng.integers(0, 10)))
    elif way < 0.5:
        pixels = pixels[:-4] + rng.bytes(4)
    elif way < 0.6:
        pixels = pixels[: rng.integers(0, len(pixels) + 1)] + rng.bytes(int(rng.integers(0, 4)))
    elif way < 0.65:
        header = mutated(header, rng)
    elif way < 0.75:
        packer = zlib.compressobj(9, zlib.DEFLATED, int(rng.integers(9, 16)), strategy=int(rng.integers(0, 5)))
        pixels = packer.compress(zlib.decompress(pixels)) + packer.flush()
    cut = sorted(rng.integers(0, len(pixels) + 1, rng.integers(0, 3)).tolist())
    parts = [pixels[start:end] for start, end in zip([0, *cut], [*cut, len(pixels)], strict=True)]
    made = [(b"IHDR", header), *((b"IDAT", part) for part in parts), (b"IEND", b"")]
    known = BESIDE if rng.random() < 0.7 else HEEDED
    for _ in range(rng.integers(0, 3)):
        made.insert(int(rng.integers(1, len(made))) if rng.random() < 0.2 else 1, known[rng.integers(len(known))])
    sound = rng.random(len(made)) > 0.01
    end = b"".join(chunk(*each, sound=bool(right)) for each, right in zip(made, sound, strict=True))
    return data[:8] + end + (b"more" if rng.random() < 0.05 else b"")


SEGMENTS = (
    (0xE0, b"JFIF\0"),
    (0xE0, b"JFIF\0\1\1\1\0H\0H\0\0"),
    (0xE1, b"Exif\0\0" + TURNED),
    (0xE1, b"Exif\0\0" + TURNED.replace(b"\6", b"\1")),
    (0xE1, b"Exif\0\0junk"),
    (0xE1, b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="6"/>'),
    (0xE2, b"ICC_PROFILE\0\1\1" + b"x" * 100),
    (0xE2, b"MPF\0II*\0\x08\0\0\0\0\0"),
    (0xED, b"Photoshop 3.0\x008BIM\3\xed\0\0\0\0\0\x10\0H\0\0\0\1\0\1\0H\0\0\0\1\0\1"),
    (0xEE, b"Adobe"),
    (0xEE, b"Adobe\0d\0\0\0\0\0"),
    (0xEE, b"Adobe\0d\0\0\0\0\1"),
    (0xFE, b"a comment"),
)
"""What applications add to a JPEG, some of it broken."""


def hostile_jpeg(rng: np.random.Generator) -> bytes:
    """A JPEG, perhaps damaged, with all kinds of segments."""
    mode = ("L", "RGB", "RGB", "CMYK")[rng.integers(4)]
    width, height = rng.integers(1, 40, 2).tolist()
    options: dict[str, object] = {"quality": int(rng.integers(1, 101)), "progressive": bool(rng.random() < 0.4)}
    options |= {"keep_rgb": True} if mode == "RGB" and rng.random() < 0.1 else {}
    options |= {"subsampling": int(rng.integers(0, 3))} if mode != "L" and "keep_rgb" not in options else {}
    data = encode(picture(mode, width, height, rng), "JPEG", **options)
    for _ in range(rng.integers(0, 3)):
        marker, held = SEGMENTS[rng.integers(len(SEGMENTS))]
        data = jpeg_with(data, (marker, mutated(held, rng) if rng.random() < 0.3 else held))
    way, pixels = rng.random(), min(data.rindex(b"\xff\xda") + 14, len(data) - 1)
    if way < 0.3:
        return data[:pixels] + mutated(data[pixels:], rng)
    if way < 0.4:
        return mutated(data[:pixels], rng) + data[pixels:]
    if way < 0.5:
        return data[: rng.integers(0, len(data))]
    return data[: rng.integers(pixels, len(data))] + b"\xff\xd9" if way < 0.6 else data
