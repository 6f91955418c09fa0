"""Properties of a set of images: how many there are, how large, how photographic, how much alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skipwise.data.images import Pixels
from skipwise.data.prepare import Prepared

SAMPLE = 400
"""Images of which the measures are taken, at most."""


@dataclass(frozen=True, kw_only=True)
class Traits:
    """The properties of a set of images that advice depends on.

    Args:
        images: all that are used.
        train, test: how many a run is trained and tested on.
        classes: how many.
        smallest_class, largest_class: training images of these.
        groups: how many groups of images there are, where some belong together.
        least_groups: how many groups, or images that belong to none, the class has that has fewest.
        split_given: whether the images came split.
        side: median of the shorter sides, in pixels.
        one_size: whether all images have the same width and height.
        colour: whether any image has colours.
        mirrors: whether a mirrored image is known to be of its class still, as far as the data set's name says it.
        detail: see `detail`.
        alike: see `alike`.
    """

    images: int
    train: int
    test: int
    classes: int
    smallest_class: int
    largest_class: int
    groups: int | None
    least_groups: int
    split_given: bool
    side: int
    one_size: bool
    colour: bool
    mirrors: bool
    detail: float
    alike: float


def traits_of(prepared: Prepared, folds: int | None = None) -> Traits:
    """Measures the properties of the images that are used. Measures of pixels are taken on training images.

    Args:
        folds: for cross-validation, how many; every image is a training image then.
    """
    source, seen, members = prepared.source, prepared.scan, prepared.members
    labels = source.labels[members]
    train = members if folds is not None else members[prepared.split[members] == "train"]
    per_class = np.bincount(source.labels[train], minlength=len(source.classes))
    there = per_class[per_class > 0] if per_class.any() else np.zeros(1, dtype=np.int64)
    shown = np.sort(np.random.default_rng(0).permutation(train)[:SAMPLE])
    sizes = np.stack([seen.widths[members], seen.heights[members]])
    counts = prepared.counts
    return Traits(
        images=len(members),
        train=counts["train"] if folds is None else counts["test"] * (folds - 1) // folds,
        test=counts["test"],
        classes=int((per_class > 0).sum()),
        smallest_class=int(there.min()),
        largest_class=int(there.max()),
        groups=None if source.groups is None else len({source.groups[index] for index in members.tolist()}),
        least_groups=min(len(np.unique(prepared.groups[labels == label])) for label in np.unique(labels)),
        split_given=source.splits is not None,
        side=int(np.median(seen.sides[members])),
        one_size=bool((np.ptp(sizes, axis=1) == 0).all()),
        colour=not seen.grey[members].all(),
        mirrors=source.mirrors,
        detail=round(detail(thumbnails(seen.thumbnails, shown)), 3),
        alike=round(alike(thumbnails(seen.thumbnails, shown)), 3),
    )


def thumbnails(pixels: Pixels, members: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Grey thumbnails [N, side, side] of some images."""
    return np.asarray(pixels[members])


def detail(thumbnails: NDArray[np.uint8]) -> float:
    """Measures detail: high in photographs, low in drawings, text and objects on one flat colour.

    The entropy of an image's grey levels, as a share of the largest that it can have, less the share of neighbouring
    pixels that are exactly alike; the median over images. A camera's noise and shades leave few neighbours alike and
    fill all levels.

    Args:
        thumbnails: grey [N, side, side].
    """
    found = []
    for image in thumbnails:
        counts = np.bincount(image.ravel(), minlength=256)
        shares = counts[counts > 0] / image.size
        entropy = float(-(shares * np.log2(shares)).sum()) / np.log2(min(256, image.size))
        across, down = image[:, 1:] == image[:, :-1], image[1:] == image[:-1]
        found.append(entropy - (across.sum() + down.sum()) / (across.size + down.size))
    return float(np.median(found)) if found else 0.0


def alike(thumbnails: NDArray[np.uint8]) -> float:
    """Measures how much all images look like their mean: 0 where each shows something else, 1 where all show the same.

    The share of the variance of pixels about their image's mean that the mean image explains, without what it
    explains by chance in so few images. Centred digits, garments and hands before one wall have much of it; things
    anywhere in any surroundings have none.
    """
    count = len(thumbnails)
    if count < 2:
        return 0.0
    levels = thumbnails.reshape(count, -1).astype(np.float64)
    levels -= levels.mean(axis=1, keepdims=True)
    whole = np.square(levels).mean()
    if whole == 0:
        return 1.0
    share = np.square(levels.mean(axis=0)).mean() / whole
    return float(max(0.0, (share * count - 1) / (count - 1)))
