"""The record of a variant: which versions of an image there are, how they are made, and of which images; numpy only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # outcomes are named where nothing is read
    from skipwise.data.image.preprocess import Preprocessing
    from skipwise.data.images import Pixels
    from skipwise.data.sources.source import Versions


@dataclass(frozen=True, kw_only=True, eq=False)
class Originals:
    """The images that versions are made of.

    Args:
        pixels: uint8 [N, size, size, C], as networks take them but for scaling.
        preprocessing: how they became that.
        brought: other versions that the data set has, in its own size; {} for most.
    """

    pixels: Pixels
    preprocessing: Preprocessing
    brought: Versions = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Kinds:
    """Facts about the images that are known before anything is trained.

    Args:
        size: pixels a side, as networks take them.
        two_valued: whether there is nothing but black and white in some of them.
        brought: names of the versions that the data set has.
    """

    size: int
    two_valued: bool
    brought: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """Versions of the test images.

    Args:
        name: of the variant, and of the files with the answers to it.
        versions: the name of each version; a network answers each of them once for each test image.
        make: from the originals, a version and the numbers of some images to their pixels in it,
            uint8 [B, size, size, C]. The same numbers give the same pixels, in whatever batch.
        refuse: why it can't be made of such images, as a sentence with what to do; "" where it can.
        seconds: about what making one version of one image takes, by the images' size.
        remark: what is to be known of it with such images, as a sentence; "" where there is nothing.
    """

    name: str
    versions: tuple[str, ...]
    make: Callable[[Originals, str, NDArray[np.int64]], NDArray[np.uint8]]
    refuse: Callable[[Kinds], str]
    seconds: Callable[[int], float]
    remark: Callable[[Kinds], str] = lambda _: ""
