"""Labelled images of one size: what networks are trained and tested on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from skipwise.data.columns.names import Names
from skipwise.data.splits import SPLITS


class Pixels(Protocol):
    """uint8 [N, H, W, C]: an array, a file of rows, or images that are decoded on demand.

    If there is a method `prefetch(indices)`, it is called with the next batch before the current one is augmented.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, indices: NDArray[np.int64], /) -> NDArray[np.uint8]: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True, eq=False)
class Selected:
    """A selection [M] of the images in pixels [N, H, W, C]."""

    pixels: Pixels
    rows: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, ...]:
        """[M, H, W, C]."""
        return (len(self.rows), *self.pixels.shape[1:])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, indices: NDArray[np.int64], /) -> NDArray[np.uint8]:
        return self.pixels[self.rows[indices]]

    def close(self) -> None:
        """Closes what pixels that are decoded on demand hold open."""
        close = getattr(self.pixels, "close", None)
        if close is not None:
            close()

    def prefetch(self, indices: NDArray[np.int64]) -> None:
        """Starts decoding the next batch, if pixels are decoded on demand."""
        prefetch = getattr(self.pixels, "prefetch", None)
        if prefetch is not None:
            prefetch(self.rows[indices])


@dataclass(frozen=True, eq=False)
class Images:
    """Labelled images of one size, decoded or to be decoded on demand.

    Args:
        name: the name of the data set.
        classes: the class names.
        ids: the images' names for people [N].
        labels: class numbers [N].
        split: "train", "val" or "test" for each image [N], or "" for an image that is left out.
        duplicated_in: for each image [N] the split, before its own, that has a (near-)duplicate of it, or "".
        pixels: uint8 [N, H, W, C].
        fingerprint: a hash of all of this.
    """

    name: str
    classes: tuple[str, ...]
    ids: Names
    labels: NDArray[np.int64]
    split: NDArray[np.str_]
    duplicated_in: NDArray[np.str_]
    pixels: Pixels
    fingerprint: str

    def members(self, split: str) -> NDArray[np.int64]:
        """The indices of a split's images, ascending."""
        return np.flatnonzero(self.split == split)

    def counts(self) -> dict[str, int]:
        """The number of images in each split."""
        return {split: int((self.split == split).sum()) for split in SPLITS}


def without_test(images: Images) -> Images:
    """The images, of which those for testing are left out."""
    return replace(images, split=np.where(images.split == "test", "", images.split))
