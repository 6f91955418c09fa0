"""Tiny real images, and folders of them. A picture is a function of its file name and class alone."""

from __future__ import annotations

import functools
import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FORMATS = {
    "jpg": "JPEG",
    "jpeg": "JPEG",
    "png": "PNG",
    "tif": "TIFF",
    "tiff": "TIFF",
    "ppm": "PPM",
    "bmp": "BMP",
    "webp": "WEBP",
    "gif": "GIF",
}


def pixels(label: str, name: str, side: tuple[int, int] = (12, 12)) -> NDArray[np.uint8]:
    """Noise around a colour of the class: uint8 [H, W, 3]."""
    rng = np.random.default_rng(zlib.crc32(f"{label}/{name}".encode("utf-8", "surrogateescape")))
    colour = np.frombuffer(zlib.crc32(label.encode()).to_bytes(4, "big"), np.uint8)[:3] // 2 + 64
    return (rng.normal(colour, 40, (*side, 3))).clip(0, 255).astype(np.uint8)


def encoded(array: NDArray[np.uint8], suffix: str) -> bytes:
    """The bytes of an image file."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, FORMATS[suffix.lower()])
    return buffer.getvalue()


@functools.lru_cache(maxsize=20_000)
def picture(label: str, name: str, of: str = "") -> bytes:
    """An image file of a class, in the format of its name; a name without one is a JPEG. 8 to 24 pixels a side.

    The same label, name and `of` (a split, a place) are the same picture.
    """
    seed = zlib.crc32(name.encode("utf-8", "surrogateescape"))
    suffix = name.rpartition(".")[2].lower() if "." in name else ""
    suffix = suffix if suffix in FORMATS else "jpg"
    return encoded(pixels(label, f"{of}/{name}", (8 + seed % 17, 8 + seed // 17 % 17)), suffix)


def put(file: Path, data: bytes | str = b"") -> Path:
    """Writes a file and the folders it lies in."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(data, str):
        data = data.encode()
    file.write_bytes(data)
    return file


def images(
    folder: Path, count: int, label: str, pattern: str = "{number:03}.jpg", *, first: int = 1, of: str = ""
) -> list[str]:
    """Writes `count` images of a class into a folder and returns their names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [pattern.format(label=label, number=number) for number in range(first, first + count)]
    for name in names:
        (folder / name).write_bytes(picture(label, name, of))
    return names


def classes(
    folder: Path,
    counts: Mapping[str, int],
    pattern: str = "{number:03}.jpg",
    *,
    inside: str = "",
    first: int = 1,
    of: str = "",
) -> Path:
    """Writes a folder for each class, with its images in it (or in its sub-folder `inside`)."""
    for label, count in counts.items():
        images(folder / label / inside, count, label, pattern, first=first, of=of)
    return folder


def splits(
    folder: Path, counts: Mapping[str, Mapping[str, int]], pattern: str = "{split}_{number:03}.jpg", *, inside: str = ""
) -> Path:
    """Writes a folder for each split, with class folders in it."""
    for split, of_classes in counts.items():
        named = pattern.replace("{split}", Path(split).name)
        classes(folder / split, of_classes, named, inside=inside, of=split)
    return folder


def total(*counts: Mapping[str, int]) -> dict[str, int]:
    """Images by class over several splits."""
    labels = sorted({label for some in counts for label in some})
    return {label: sum(some.get(label, 0) for some in counts) for label in labels}


def zipped(folder: Path, file: Path) -> Path:
    """A zip of a folder's files, stored, in order."""
    with zipfile.ZipFile(file, "w") as archive:
        for found in sorted(folder.rglob("*")):
            archive.write(found, found.relative_to(folder).as_posix())
    return file
