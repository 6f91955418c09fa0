"""Labelled pixels of one size: what networks are trained and tested on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from skipwise.data.splits import SPLITS


class Pixels(Protocol):
    """uint8 [N, H, W, C]: an array, a file of rows, or images that are decoded when they are asked for.

    What also has a method `prefetch(indices)` is told of the next batch before the current one is augmented.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, indices: NDArray[np.int64], /) -> NDArray[np.uint8]: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True, eq=False)
class Selected:
    """Some rows [M] of pixels [N, H, W, C], as if there were no others."""

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
        """Lets go of what pixels that are decoded on demand hold open."""
        close = getattr(self.pixels, "close", None)
        if close is not None:
            close()

    def prefetch(self, indices: NDArray[np.int64]) -> None:
        """Passed on to pixels that are decoded on demand."""
        prefetch = getattr(self.pixels, "prefetch", None)
        if prefetch is not None:
            prefetch(self.rows[indices])


@dataclass(frozen=True, eq=False)
class Images:
    """Labelled pixels. `split` [N] says "train", "val" or "test", or "" for images that are left out; `twins` [N]
    names the split, before its own, in which there is an image (nearly) the same, or is ""; `fingerprint` names all
    of it."""

    name: str
    classes: tuple[str, ...]
    ids: NDArray[np.str_]
    labels: NDArray[np.int64]
    split: NDArray[np.str_]
    twins: NDArray[np.str_]
    pixels: Pixels
    fingerprint: str

    def members(self, split: str) -> NDArray[np.int64]:
        """The indices of a split's images, ascending."""
        return np.flatnonzero(self.split == split)

    def counts(self) -> dict[str, int]:
        """How many images each split has."""
        return {split: int((self.split == split).sum()) for split in SPLITS}
