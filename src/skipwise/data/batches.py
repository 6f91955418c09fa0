"""Batch k of epoch e, from (seed, e, k) alone: a resumed run sees what an uninterrupted one would have seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skipwise.data import augment

_ORDER, _AUGMENT = 0, 1  # which of a run's random streams


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """What is done to training images. `shift` is a share of the image's side; 0 and False do nothing."""

    mirror: bool
    shift: float


@dataclass(frozen=True, eq=False)
class TrainingBatches:
    """The training images as batches.

    Args:
        pixels: uint8 [N, H, W, C], all images, training and others.
        labels: class numbers [N].
        members: the indices of the training images.
        batch_size: the last images of an epoch that fill no batch are left out of it; the order changes each
            epoch, so they are others each time.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    members: NDArray[np.int64]
    batch_size: int
    augmentation: Augmentation
    seed: int

    @property
    def per_epoch(self) -> int:
        """Batches in an epoch."""
        return len(self.members) // self.batch_size

    def order(self, epoch: int) -> NDArray[np.int64]:
        """The training images' indices in the order of an epoch."""
        return np.random.default_rng([self.seed, _ORDER, epoch]).permutation(self.members)

    def batch(self, epoch: int, step: int, order: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Images uint8 [B, H, W, C] and labels int64 [B]; `order` is order(epoch), which a loop makes once."""
        chosen = np.sort(order[step * self.batch_size : (step + 1) * self.batch_size])  # ascending reads are faster
        images = torch.from_numpy(self.pixels[chosen])
        generator = torch.Generator().manual_seed(stream(self.seed, _AUGMENT, epoch, step))
        if self.augmentation.mirror:
            images = augment.mirror(images, generator)
        pixels = round(self.augmentation.shift * images.shape[1])
        if pixels:
            images = augment.shift(images, pixels, generator)
        return images, torch.from_numpy(self.labels[chosen])


def stream(*numbers: int) -> int:
    """A seed for a random stream of its own, from the numbers that name it."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


def to_input(images_BHWC: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """uint8 [B, H, W, C] -> normalised float32 [B, C, H, W] in channels-last memory, with no copy for the layout."""
    images = images_BHWC.to(torch.float32)
    scale = torch.tensor([1 / (255 * s) for s in std], dtype=torch.float32, device=images.device)
    offset = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)], dtype=torch.float32, device=images.device)
    return images.mul_(scale).add_(offset).permute(0, 3, 1, 2)
