"""Decode once: every image of a source as uint8 pixels of one size, with labels and splits."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from skipwise.data.decode import Header, UnreadableImage
from skipwise.data.preprocess import Preprocessing, fit_square
from skipwise.data.sources import ImageSource
from skipwise.data.splits import SPLITS
from skipwise.errors import SkipwiseError
from skipwise.files import atomic, write_text
from skipwise.machine import usable_cores

AUTO_LARGEST = 128
"""The largest size chosen unasked: beyond it a comparison on a laptop takes hours. `--img-size` overrides."""
SMALLEST = 8

_T = TypeVar("_T")

Progress = Callable[[str, int, int], None]
"""Called as progress(what, done, total)."""


@dataclass(frozen=True, eq=False)
class Images:
    """Labelled pixels of one size. `split` [N] says "train", "val" or "test"; `fingerprint` names all of it."""

    name: str
    classes: tuple[str, ...]
    ids: NDArray[np.str_]
    labels: NDArray[np.int64]
    split: NDArray[np.str_]
    pixels: NDArray[np.uint8]
    fingerprint: str

    def members(self, split: str) -> NDArray[np.int64]:
        """The indices of a split's images, ascending."""
        return np.flatnonzero(self.split == split)

    def counts(self) -> dict[str, int]:
        """How many images each split has."""
        return {split: int((self.split == split).sum()) for split in SPLITS}


@dataclass(frozen=True)
class Survey:
    """What is known of a source's images before their pixels are read."""

    fingerprint: str
    channels: int
    median_side: int


def survey(source: ImageSource, progress: Progress | None = None) -> Survey:
    """Hashes every image and reads every header.

    The fingerprint covers names, labels, given splits and contents, so it changes when any of them does.

    Raises:
        SkipwiseError: images that can't be read, by name.
    """

    def look(index: int) -> tuple[str, Header]:
        return source.digest(index), source.header(index)

    try:
        seen = _each(source, look, "Looking at the images", progress)
    except SkipwiseError:
        # Some faults only show in the pixels, and a person wants one list of all of them.
        _each(source, lambda index: source.pixels(index, channels=3), "Looking for unreadable images", progress)
        raise
    described = hashlib.sha256()
    for index, (digest, _) in enumerate(seen):
        split = source.splits[index] if source.splits else ""
        row = f"{source.ids[index]}\0{source.classes[source.labels[index]]}\0{split}\0{digest}\n"
        described.update(row.encode("utf-8", "surrogateescape"))
    sides = [min(header.width, header.height) for _, header in seen]
    return Survey(
        fingerprint=described.hexdigest(),
        channels=1 if all(header.grey for _, header in seen) else 3,
        median_side=int(np.median(sides)),
    )


def auto_size(median_side: int) -> int:
    """The size images are brought to unless one is asked for, in pixels a side.

    The median shorter side, rounded down to a multiple of 8 above 16 pixels, and at most `AUTO_LARGEST`.
    """
    rounded = median_side - median_side % 8 if median_side > 16 else median_side
    return max(SMALLEST, min(rounded, AUTO_LARGEST))


def read_pixels(
    source: ImageSource, preprocessing: Preprocessing, progress: Progress | None = None
) -> NDArray[np.uint8]:
    """Every image of the source as uint8 [N, size, size, channels]; mean and deviation are not used.

    Raises:
        SkipwiseError: images that can't be read, by name.
    """
    size, channels = preprocessing.size, preprocessing.channels
    pixels = np.empty((len(source.ids), size, size, channels), dtype=np.uint8)

    def read(index: int) -> None:
        image = source.pixels(index, channels=channels)
        pixels[index] = fit_square(image, size, crop=preprocessing.crop, interpolation=preprocessing.interpolation)

    _each(source, read, "Reading the images", progress)
    return pixels


def _each(source: ImageSource, work: Callable[[int], _T], what: str, progress: Progress | None) -> list[_T]:
    """work(index) for every image, on all cores (Pillow lets go of Python's lock), in order."""
    total = len(source.ids)
    results: list[_T] = []
    unreadable: list[str] = []

    def attempt(index: int) -> _T | UnreadableImage:
        try:
            return work(index)
        except UnreadableImage as error:
            return error

    with ThreadPoolExecutor(usable_cores()) as pool:
        for index, result in enumerate(pool.map(attempt, range(total))):
            if isinstance(result, UnreadableImage):
                unreadable.append(f"{source.ids[index]} ({result})")
            else:
                results.append(result)
            if progress is not None:
                progress(what, index + 1, total)
    if unreadable:
        raise SkipwiseError(_unreadable(source.name, unreadable))
    return results


def _unreadable(name: str, files: list[str]) -> str:
    shown = "; ".join(files[:10])
    more = f"; and {len(files) - 10} more" if len(files) > 10 else ""
    count = "1 image" if len(files) == 1 else f"{len(files)} images"
    them = "it" if len(files) == 1 else "them"
    return f"{count} of {name} can't be read: {shown}{more}. Repair or remove {them}."


def save_pixels(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Writes the pixels so that several processes can map them at once with `load_pixels`."""
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.save(file, pixels)


def load_pixels(path: Path) -> NDArray[np.uint8]:
    """The pixels in `path`, mapped, not read: uint8 [N, size, size, channels]."""
    pixels: NDArray[np.uint8] = np.load(path, mmap_mode="r", allow_pickle=False)
    return pixels


def save_split(path: Path, images: Images) -> None:
    """Writes which image went where: a CSV table of path, label and split."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["path", "label", "split"])
    for name, label, split in zip(images.ids, images.labels, images.split, strict=True):
        writer.writerow([name, images.classes[label], split])
    write_text(path, table.getvalue())
