"""Training images in the memory of a GPU, so that batches are made there, without the bus and the CPU."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skipwise.data.images import Pixels

SHARE = 0.25
"""The share of free memory that images may take. The rest is for the network, activations and batches."""
CHUNK = 64 * 2**20
"""Bytes that are copied at a time."""


def fits(size: int, free: int) -> bool:
    """Returns whether images of `size` bytes may be stored on a device with `free` bytes of memory."""
    return size <= SHARE * free


@dataclass(frozen=True, eq=False)
class Resident:
    """Some of a data set's images on a device, indexed by their numbers in the data set.

    Args:
        images: uint8 [M, H, W, C], on a device.
        members: their indices in the data set [M], ascending.
    """

    images: Tensor
    members: NDArray[np.int64]

    @classmethod
    def copied(cls, pixels: Pixels, members: NDArray[np.int64], device: str) -> Resident:
        """Copies the images of `members` (ascending) to a device."""
        images = torch.empty((len(members), *pixels.shape[1:]), dtype=torch.uint8, device=device)
        count = max(1, CHUNK // math.prod(pixels.shape[1:]))
        for start in range(0, len(members), count):
            images[start : start + count] = torch.from_numpy(pixels[members[start : start + count]])
        return cls(images, members)

    @property
    def shape(self) -> tuple[int, ...]:
        """[M, H, W, C]."""
        return tuple(self.images.shape)

    def __getitem__(self, indices: NDArray[np.int64]) -> Tensor:
        """The images with these indices, all of which must be members, on the device."""
        rows = torch.from_numpy(np.searchsorted(self.members, indices))
        return self.images.index_select(0, rows.to(self.images.device))
