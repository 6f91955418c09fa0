"""What is known about every image of a source: while it is inspected (`Inspected`), and in the cache (`Digests`)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skipwise.data.cache.arrays import KeptArrays
from skipwise.data.image.white_level import DEPTHS, Extent


def numbers_of(extent: Extent | None) -> tuple[int, float, float]:
    """A range of values as `choose` takes it: depth, low and high."""
    return (0, 0.0, 0.0) if extent is None else (1 + DEPTHS.index(extent.depth), extent.low, extent.high)


class Inspected:
    """The results for `count` images, some of which may be missing. Nothing is an object of its own.

    Args:
        count: the number of images.
    """

    def __init__(self, count: int) -> None:
        self.done = np.zeros(count, np.bool_)
        self.digests = np.zeros((count, 32), np.uint8)
        self.widths, self.heights = np.zeros(count, np.int32), np.zeros(count, np.int32)
        self.grey, self.depths = np.zeros(count, np.bool_), np.zeros(count, np.uint8)
        self.faults: dict[int, str] = {}
        self._extents: dict[int, tuple[float, float]] = {}  # of images of more than 8 bits
        self._kinds: dict[str, int] = {}
        self._kind = np.zeros(count, np.uint16)

    def put(
        self,
        index: int,
        *,
        digest: bytes,
        width: int,
        height: int,
        grey: bool,
        kind: str,
        fault: str,
        extent: Extent | None,
    ) -> None:
        """Notes the result for an image, as `Inspection` has it."""
        self.digests[index] = np.frombuffer(digest, np.uint8)
        self.widths[index], self.heights[index], self.grey[index] = width, height, grey
        self._kind[index] = self._kinds.setdefault(kind, len(self._kinds))
        if fault:
            self.faults[index] = fault
        if extent is not None:
            self.depths[index], low, high = numbers_of(extent)
            self._extents[index] = low, high
        self.done[index] = True

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it, as it is written into the cache."""
        lows, highs = np.zeros(len(self.done)), np.zeros(len(self.done))
        for index, (low, high) in self._extents.items():
            lows[index], highs[index] = low, high
        return {
            "faults": np.array(json.dumps(self.faults)),
            "digests": self.digests,
            "widths": self.widths,
            "heights": self.heights,
            "grey": self.grey,
            "kinds": np.array([*self._kinds] or [""])[self._kind],
            "depths": self.depths,
            "lows": lows,
            "highs": highs,
        }


class Digests:
    """The SHA-256 of each image's bytes, read from the cache when it is asked for."""

    def __init__(self, arrays: KeptArrays) -> None:
        self._arrays = arrays

    def __len__(self) -> int:
        return self._arrays.shape("digests")[0]

    def __getitem__(self, index: int) -> bytes:
        return self._arrays.row("digests", index).tobytes()

    def parts(self) -> Iterator[NDArray[np.uint8]]:
        """All of them in order, some at a time [M, 32]."""
        return self._arrays.parts("digests")

    def __iter__(self) -> Iterator[bytes]:
        for part in self.parts():
            data = part.tobytes()
            yield from (data[start : start + 32] for start in range(0, len(data), 32))
