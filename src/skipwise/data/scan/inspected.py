"""Facts about every image of a source: while it is inspected (`Inspected`), and in the cache (`Digests`)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from skipwise.data.cache.arrays import KeptArrays
from skipwise.data.image.white_level import DEPTHS, Extent


def numbers_of(extent: Extent | None) -> tuple[int, float, float]:
    """A range of values as `choose` takes it: depth, low and high."""
    return (0, 0.0, 0.0) if extent is None else (1 + DEPTHS.index(extent.depth), extent.low, extent.high)


class Found(Protocol):
    """The part of an `Inspection`, or of a journal's entry, that is known of each image."""

    @property
    def digest(self) -> bytes: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def grey(self) -> bool: ...
    @property
    def kind(self) -> str: ...
    @property
    def fault(self) -> str: ...
    @property
    def extent(self) -> Extent | None: ...


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

    def put(self, indices: Sequence[int] | NDArray[np.int64], found: Sequence[Found]) -> None:
        """Notes the results for some images."""
        places = np.asarray(indices)
        self.digests[places] = np.frombuffer(b"".join([each.digest for each in found]), np.uint8).reshape(-1, 32)
        self.widths[places] = [each.width for each in found]
        self.heights[places] = [each.height for each in found]
        self.grey[places] = [each.grey for each in found]
        self._kind[places] = [self._kinds.setdefault(each.kind, len(self._kinds)) for each in found]
        self.done[places] = True
        for index, each in zip(places.tolist(), found, strict=True):
            if each.fault:
                self.faults[index] = each.fault
            if each.extent is not None:
                self.depths[index], low, high = numbers_of(each.extent)
                self._extents[index] = low, high

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
