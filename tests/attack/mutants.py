"""Damaged images and archives, read as Skipwise reads them: no crash, no waiting, little memory, one answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np

from tests import encoded, fuzzing

MODES = ("L", "RGB", "RGBA", "1", "P", "I;16", "LA", "CMYK")
FORMATS: dict[str, tuple[str, ...]] = {
    "PNG": ("L", "RGB", "RGBA", "1", "P", "I;16", "LA"),
    "JPEG": ("L", "RGB", "CMYK"),
    "GIF": ("L", "RGB", "P"),
    "BMP": ("L", "RGB", "1", "P"),
    "WEBP": ("RGB", "RGBA"),
    "TIFF": ("L", "RGB", "RGBA", "1", "P", "I;16", "CMYK"),
    "PPM": ("L", "RGB", "1"),
    "TGA": ("L", "RGB", "RGBA"),
    "ICO": ("RGBA",),
    "JPEG2000": ("L", "RGB"),
    "AVIF": ("RGB",),
}
"""Formats of Pillow and the modes that they take."""


class Images:
    """Images of any format, by themselves."""

    def __init__(self, _: Path) -> None:
        fuzzing.limit_memory()

    def attack(self, rng: Random) -> tuple[str, str]:
        """Reads an image twice: how it was made, and what does not hold."""
        from skipwise.data.scan.inspection import PixelFormat, inspect_image

        name, data = image(np.random.default_rng(rng.getrandbits(64)))
        square = PixelFormat(size=16, channels=3)
        began, before = time.process_time(), fuzzing.memory_peak(reset=True)
        first, second = inspect_image(data, square), inspect_image(data, square)
        seconds, taken = time.process_time() - began, fuzzing.memory_peak() - before
        if first != second:
            return name, "Two readings differ."
        if first.fault:
            try:
                fuzzing.check_sentence(f"The image can't be read: {first.fault}.")
            except AssertionError as error:
                return name, f"Its fault is none for people: {error}."
        if seconds > fuzzing.MOST_SECONDS:
            return name, f"It takes {seconds:.0f} s of a core."
        return name, f"It takes {taken >> 20} MiB." if taken > 2**30 else ""


def image(rng: np.random.Generator) -> tuple[str, bytes]:
    """An image that is perhaps damaged, and its format."""
    makers: tuple[tuple[str, Callable[[np.random.Generator], bytes]], ...] = (
        ("PNG by chunks", encoded.hostile_png),
        ("JPEG by segments", encoded.hostile_jpeg),
        ("TIFF by tags", _tiff),
    )
    place = int(rng.integers(len(makers) + len(FORMATS)))
    if place < len(makers):
        return makers[place][0], makers[place][1](rng)
    kind = list(FORMATS)[place - len(makers)]
    mode = FORMATS[kind][rng.integers(len(FORMATS[kind]))]
    width, height = rng.integers(1, 40, 2).tolist()
    picture = encoded.picture("RGBA", width, height, rng)
    picture = picture.convert("I").convert("I;16") if mode == "I;16" else picture.convert(mode)
    frames = (
        {"save_all": True, "append_images": [picture] * 3} if kind in ("GIF", "WEBP") and rng.random() < 0.3 else {}
    )
    try:
        data = encoded.encode(picture, kind, **frames)
    except (OSError, KeyError):  # this Pillow does not write the format
        data = encoded.encode(picture.convert("RGB"), "BMP")
    for _ in range(int(rng.integers(0, 4))):
        data = encoded.mutated(data, rng)
    if rng.random() < 0.1:
        data = data[: rng.integers(0, len(data) + 1)]
    return f"{kind} of mode {mode}", data


def _tiff(rng: np.random.Generator) -> bytes:
    kinds = (np.uint8, np.uint16, np.int16, np.uint32, np.float32, np.float64)
    height, width, channels = rng.integers(1, 24), rng.integers(1, 24), rng.integers(1, 5)
    kind = kinds[rng.integers(len(kinds))]
    values = (rng.random((height, width, channels)) * 255).astype(kind)
    values = values[..., 0] if channels == 1 else values
    data = encoded.tiff(values, order="<>"[rng.integers(2)], planar=bool(channels > 1 and rng.random() < 0.3))
    return encoded.mutated(data, rng) if rng.random() < 0.8 else data


class Archives:
    """Data sets in archives, arrays, tables and folders, by `tests/fuzzing.py`."""

    def __init__(self, _: Path) -> None:
        fuzzing.limit_memory()

    def attack(self, rng: Random) -> tuple[str, str]:
        """Opens and reads an input twice: how it was made, and what does not hold."""
        found = fuzzing.attempt(str(rng.getrandbits(32)), 0, whole=False, times=2)
        if found.fault:
            return found.made, found.fault[-1500:]
        return found.made, f"It takes {found.mebibytes:.0f} MiB." if found.mebibytes > 1024 else ""
