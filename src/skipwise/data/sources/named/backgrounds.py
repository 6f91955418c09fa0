"""The data set `backgrounds`: clothing on photographs, of which each class mostly stands before one kind.

Foregrounds are those of Fashion-MNIST, backgrounds are photographs of CIFAR-10, both in the parts that they were
published in. Four of five images of a garment stand before the photographs of its own class of them, so that a network
can go by the background. Three other versions of every image show whether it does: before plain grey, before a
photograph of the same class of these, and before one of another class. Xiao, Engstrom, Ilyas and Madry 2021, Noise or
Signal: The Role of Image Backgrounds in Object Recognition (arXiv:2006.09994), ask the same of ImageNet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.data.image.decode import UnreadableImage, decode
from skipwise.data.image.preprocess import fit_square
from skipwise.data.sources.arrays.array_sets import ArraySet
from skipwise.data.sources.source import Source

Pixels = NDArray[np.uint8]

NAME = "backgrounds"
PLAIN, SAME, OTHER = "plain-background", "same-class-background", "other-class-background"
VERSIONS = (PLAIN, SAME, OTHER)
SIDE = 32
SEED = 0
SHARE = 0.8
"""The share of images whose background is of their class's own kind."""
OPAQUE = 40
"""From this brightness on, a garment hides its background; darker pixels let some of it through."""
GREY = 128
PHOTOGRAPHS = {"train": 1000, "test": 500}
"""Photographs of each class that are used, those first in the set."""
AT_ONCE = 4096


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """The garments and photographs of one part, "train" or "test", and which photograph is behind which garment.

    Args:
        garments: uint8 [N, h, w].
        photographs: uint8 [M, 32, 32, 3].
        corners: row and column where each garment begins [N, 2].
        behind: the photograph behind each garment, in the image itself and in each version but the plain one [N].
    """

    garments: Pixels
    photographs: Pixels
    corners: NDArray[np.int64]
    behind: dict[str, NDArray[np.int64]]

    def pixels(self, version: str, numbers: NDArray[np.int64]) -> Pixels:
        """Returns some images in a version, "" for the image itself: uint8 [B, 32, 32, 3]."""
        found = np.full((len(numbers), SIDE, SIDE, 3), GREY, np.uint8)
        height, width = self.garments.shape[1:]
        for start in range(0, len(numbers), AT_ONCE):
            some = numbers[start : start + AT_ONCE]
            images = found[start : start + AT_ONCE].astype(np.float32)
            if version != PLAIN:
                images[:] = self.photographs[self.behind[version][some]]
            garments = self.garments[some].astype(np.float32)[..., None]
            opacity = np.minimum(garments / OPAQUE, 1)
            rows = self.corners[some, 0][:, None, None] + np.arange(height)[:, None]
            columns = self.corners[some, 1][:, None, None] + np.arange(width)
            place = (np.arange(len(some))[:, None, None], rows, columns)
            images[place] = opacity * garments + (1 - opacity) * images[place]
            found[start : start + AT_ONCE] = images.round()
        return found


def part_of(
    garments: Pixels, labels: NDArray[np.int64], photographs: Pixels, kinds: NDArray[np.int64], seed: int
) -> Part:
    """Chooses the places and the backgrounds of garments; the same ones for the same arguments.

    Args:
        garments: uint8 [N, h, w], at most 32 pixels a side.
        labels: their classes [N].
        photographs: uint8 [M, 32, 32, 3].
        kinds: their classes [M], as many as there are of garments; each has some.
        seed: for all that is drawn.
    """
    rng, count, classes = np.random.default_rng((SEED, seed)), len(labels), int(kinds.max()) + 1
    of_kind = [np.flatnonzero(kinds == kind) for kind in range(classes)]

    def drawn(of: NDArray[np.int64]) -> NDArray[np.int64]:
        places = rng.random(count)
        return np.array(
            [of_kind[kind][int(place * len(of_kind[kind]))] for kind, place in zip(of, places, strict=True)]
        )

    def others() -> NDArray[np.int64]:
        return (labels + rng.integers(1, classes, count)) % classes

    own = np.where(rng.random(count) < SHARE, labels, others())
    room = SIDE + 1 - np.array(garments.shape[1:])
    return Part(
        garments=garments,
        photographs=photographs,
        corners=rng.integers(0, room, (count, 2)),
        behind={"": drawn(own), SAME: drawn(labels), OTHER: drawn(others())},
    )


def make_backgrounds(garments: ArraySet, photographs: dict[str, tuple[Pixels, NDArray[np.int64]]]) -> ArraySet:
    """Returns the data set made of garments that are split, and of photographs with their classes for each split."""
    assert garments.splits is not None
    splits = np.array(garments.splits)
    starts, parts = [], []
    for seed, split in enumerate(("train", "test")):
        members = np.flatnonzero(splits == split)
        starts.append(int(members[0]))  # the parts follow each other
        parts.append(
            part_of(garments.pixels[members, :, :, 0], garments.labels[members], *photographs[split], seed=seed)
        )

    def pixels(version: str, numbers: NDArray[np.int64]) -> Pixels:
        found = np.empty((len(numbers), SIDE, SIDE, 3), np.uint8)
        tested = numbers >= starts[1]
        for part, start, here in zip(parts, starts, (~tested, tested), strict=True):
            found[here] = part.pixels(version, numbers[here] - start)
        return found

    versions: dict[str, Callable[[NDArray[np.int64]], Pixels]] = {name: partial(pixels, name) for name in VERSIONS}
    return ArraySet(
        name=NAME,
        description=(
            f"{len(splits):,} garments on photographs, {SHARE:.0%} of each class before one kind of photographs "
            f"({SIDE} x {SIDE} pixels, {len(garments.classes)} classes)"
        ),
        classes=garments.classes,
        labels=garments.labels,
        splits=garments.splits,
        pixels=pixels("", np.arange(len(splits))),
        mirrors=garments.mirrors,
        versions=versions,
    )


def photographs_of_arrays(found: ArraySet) -> dict[str, tuple[Pixels, NDArray[np.int64]]]:
    """Returns the photographs that are used of a set in memory, with their classes, by split."""
    splits = np.array(found.splits if found.splits is not None else ())
    chosen = _chosen(splits, found.labels, len(found.classes), found.name)
    return {split: (found.pixels[members], found.labels[members]) for split, members in chosen.items()}


def photographs_of_source(source: Source) -> dict[str, tuple[Pixels, NDArray[np.int64]]]:
    """Returns the photographs that are used of images in a container, with their classes, by split.

    Raises:
        SkipwiseError: they are not split, have too few of a class, or one can't be read.
    """
    if source.container is None:
        raise SkipwiseError(f"{source.name} is no folder or archive of photographs; name one, or just {NAME}.")
    splits = np.array(source.splits if source.splits is not None else ())
    chosen = _chosen(splits, source.labels, len(source.classes), source.name)
    found = {}
    for split, members in chosen.items():
        files = [source.files[member] for member in members.tolist()]
        place = {file: number for number, file in enumerate(files)}
        pixels = np.empty((len(files), SIDE, SIDE, 3), np.uint8)
        for file, content in source.container.stream(files):
            try:
                if isinstance(content, UnreadableImage):
                    raise content
                pixels[place[file]] = fit_square(decode(content, channels=3), SIDE)
            except UnreadableImage as error:
                raise SkipwiseError(f"{file} of {source.name} can't be read ({error}); repair or remove it.") from error
        found[split] = (pixels, source.labels[members])
    return found


def _chosen(
    splits: NDArray[np.str_], labels: NDArray[np.int64], classes: int, name: str
) -> dict[str, NDArray[np.int64]]:
    """Returns the numbers of the photographs that are used, by split.

    Raises:
        SkipwiseError: a split has no photograph of a class, or there are not ten classes.
    """
    if classes != 10:
        raise SkipwiseError(f"{name} has {classes} classes, and backgrounds for ten kinds of garments need ten.")
    found = {}
    for split, most in PHOTOGRAPHS.items():
        here = splits == split if len(splits) else np.zeros(len(labels), bool)
        of_kinds = [np.flatnonzero(here & (labels == kind))[:most] for kind in range(classes)]
        if not all(map(len, of_kinds)):
            raise SkipwiseError(f"{name} has no {split} images of some class, and backgrounds need some of each.")
        found[split] = np.concatenate(of_kinds)
    return found
