"""Batch k of epoch e, from (seed, e, k) alone: a resumed run sees what an uninterrupted one would have seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skipwise.data.batches import augment
from skipwise.data.batches.augmentation import Augmentation
from skipwise.data.batches.mixing import Mixed, cutmix, mixup
from skipwise.data.images import Pixels
from skipwise.data.store.on_device import Resident

_ORDER, _AUGMENT = 0, 1  # which of a run's random streams


@dataclass(frozen=True, eq=False)
class Batch:
    """Images uint8 [B, H, W, C] and labels int64 [B].

    Where images are mixed, `share` [B] of each is of its own class and the rest of the class `partners` [B].
    """

    images: Tensor
    labels: Tensor
    partners: Tensor | None = None
    share: Tensor | None = None

    def to(self, device: str) -> Batch:
        """The same batch on a device."""
        tensors = (self.images, self.labels, self.partners, self.share)
        return Batch(*(t if t is None else t.to(device) for t in tensors))  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class TrainingBatches:
    """The training images as batches.

    Args:
        pixels: all images, training and others; or the training images on a device, where batches are then made.
        labels: class numbers [N].
        members: the indices of the training images.
        batch_size: the last images of an epoch that fill no batch are left out of it; the order changes each
            epoch, so they are others each time.
        size: the side of what comes out, in pixels; None is that of `pixels`. Another takes a resized crop.

    Raises:
        ValueError: images of another size than `size`, and no resized crop.
    """

    pixels: Pixels | Resident
    labels: NDArray[np.int64]
    members: NDArray[np.int64]
    batch_size: int
    augmentation: Augmentation
    seed: int
    size: int | None = None

    def __post_init__(self) -> None:
        if self.augmentation.resized_crop is None and self.size not in (None, self.pixels.shape[1]):
            raise ValueError(f"images of {self.pixels.shape[1]} pixels a side, not {self.size}, and no resized crop")

    @property
    def per_epoch(self) -> int:
        """Batches in an epoch."""
        return len(self.members) // self.batch_size

    def order(self, epoch: int, *, balanced: bool = False) -> NDArray[np.int64]:
        """The training images' indices in the order of an epoch.

        Balanced, there are as many of each class, to one, and as many in all: of large classes a part, and images of
        small ones several times, no image twice more than another of its class.
        """
        rng = np.random.default_rng([self.seed, _ORDER, epoch])
        if not balanced:
            return rng.permutation(self.members)
        labels = self.labels[self.members]
        classes = rng.permutation(np.unique(labels))  # so that what is left over goes to other classes each epoch
        quota, left_over = divmod(len(self.members), len(classes))
        chosen = []
        for place, label in enumerate(classes):
            images, count = self.members[labels == label], quota + (place < left_over)
            passes = [rng.permutation(images) for _ in range(-(-count // len(images)))]
            chosen.append(np.concatenate(passes)[:count])
        return rng.permutation(np.concatenate(chosen))

    def class_weights(self) -> Tensor:
        """A weight per class, in inverse proportion to its training images; their mean over those images is 1."""
        counts = torch.from_numpy(np.bincount(self.labels[self.members], minlength=int(self.labels.max()) + 1))
        return torch.where(counts > 0, len(self.members) / ((counts > 0).sum() * counts.clamp(min=1)), 0.0)

    def batch(self, epoch: int, step: int, order: NDArray[np.int64]) -> Batch:
        """One batch; `order` is order(epoch), which a loop makes once."""
        chosen = self._chosen(step, order)
        images = torch.as_tensor(self.pixels[chosen])
        prefetch = getattr(self.pixels, "prefetch", None)
        if prefetch is not None and step + 1 < self.per_epoch:
            prefetch(self._chosen(step + 1, order))
        labels = torch.from_numpy(self.labels[chosen])
        generator = torch.Generator().manual_seed(stream(self.seed, _AUGMENT, epoch, step))
        images = self._augmented(images, chosen, epoch, generator)
        mixed = self._mixed(images, generator)
        if mixed is None:
            return Batch(images, labels)
        return Batch(mixed.images, labels, labels[mixed.partners], mixed.share)

    def _chosen(self, step: int, order: NDArray[np.int64]) -> NDArray[np.int64]:
        """A batch's indices, ascending, which reads faster."""
        return np.sort(order[step * self.batch_size : (step + 1) * self.batch_size])

    def _augmented(self, images: Tensor, chosen: NDArray[np.int64], epoch: int, generator: torch.Generator) -> Tensor:
        wanted = self.augmentation
        flips = None
        if wanted.mirror:
            in_turn, at_random = augment.mirrored_in_turn, augment.mirrored
            flips = in_turn(chosen, epoch, self.seed) if wanted.alternate else at_random(len(images), generator)
        if wanted.resized_crop is not None:
            images = augment.resized_crop(images, self.size or images.shape[1], wanted.resized_crop, generator)
        if wanted.rand_augment is not None:
            images = augment.rand_augment(images, *wanted.rand_augment, generator)
        side = images.shape[1]
        pixels = round(wanted.shift * side)
        if pixels and not wanted.rotate:
            images = augment.shift(images, pixels, generator, flips=flips)
        elif flips is not None:
            images = augment.flip(images, flips)
        if wanted.rotate:
            images = augment.affine(images, wanted.rotate, wanted.shift * side, generator)
        if wanted.brightness or wanted.contrast or wanted.saturation:
            images = augment.colour(images, wanted.brightness, wanted.contrast, wanted.saturation, generator)
        covered = round(wanted.cutout * side)
        return augment.cutout(images, covered, generator) if covered else images

    def _mixed(self, images: Tensor, generator: torch.Generator) -> Mixed | None:
        wanted = self.augmentation
        ways = [(way, alpha) for way, alpha in ((mixup, wanted.mixup), (cutmix, wanted.cutmix)) if alpha]
        if not ways:
            return None
        way, alpha = ways[int(torch.randint(len(ways), (1,), generator=generator))]
        return way(images, alpha, generator)


def stream(*numbers: int) -> int:
    """A seed for a random stream of its own, from the numbers that name it."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


def to_input(
    images_BHWC: Tensor, mean: tuple[float, ...], std: tuple[float, ...], *, out: Tensor | None = None
) -> Tensor:
    """uint8 [B, H, W, C] -> normalised float32 [B, C, H, W] in channels-last memory, with no copy for the layout.

    Args:
        out: what an earlier call returned and nobody needs any more. If the shapes agree its memory is used again:
            for photographs, getting as much anew from the operating system takes longer than all the arithmetic.
    """
    batch, height, width, channels = images_BHWC.shape
    if out is None or out.shape != (batch, channels, height, width):
        out = torch.empty(images_BHWC.shape, dtype=torch.float32, device=images_BHWC.device).permute(0, 3, 1, 2)
    # A row of pixels at a time: scaling C values at a time takes several times as long.
    rows = out.permute(0, 2, 3, 1).view(batch * height, width * channels)
    rows.copy_(images_BHWC.reshape(rows.shape))
    scale = torch.tensor([1 / (255 * s) for s in std], dtype=torch.float32, device=rows.device)
    offset = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)], dtype=torch.float32, device=rows.device)
    rows.mul_(scale.repeat(width)).add_(offset.repeat(width))
    return out
