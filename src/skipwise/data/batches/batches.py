"""Training batches: batch k of epoch e depends only on (seed, e, k), so that a resumed run sees the same batches."""

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

_ORDER, _AUGMENT = 0, 1  # numbers of a run's random streams


@dataclass(frozen=True, eq=False)
class Batch:
    """A batch of training images.

    Args:
        images: uint8 [B, H, W, C].
        labels: class numbers, int64 [B].
        partners: for mixed images, the class numbers of the images that were mixed in [B]; else None.
        share: for mixed images, the share of each image's own class [B], 0 to 1; else None.
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
        pixels: all images of the data set, or the training images on a device; then batches are made there.
        labels: class numbers [N].
        members: the indices of the training images.
        batch_size: images per batch. An epoch leaves out the last images that do not fill a batch; these are different
            in each epoch.
        augmentation: what is done to the images.
        seed: the seed of the run.
        size: height and width of the batches' images in pixels; None for those of `pixels`. Another size needs a
            resized crop.

    Raises:
        ValueError: `pixels` have another size than `size`, and there is no resized crop.
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
        """Number of batches in an epoch."""
        return len(self.members) // self.batch_size

    def order(self, epoch: int, *, balanced: bool = False) -> NDArray[np.int64]:
        """The training images' indices in the order of an epoch.

        Args:
            epoch: the number of the epoch, from 0.
            balanced: whether every class is equally frequent, up to one image. Large classes are sampled, and images of
                small classes are repeated. The total stays the same, and no image is used two times more often than
                another of its class.
        """
        rng = np.random.default_rng([self.seed, _ORDER, epoch])
        if not balanced:
            return rng.permutation(self.members)
        labels = self.labels[self.members]
        classes = rng.permutation(np.unique(labels))  # so that other classes get the remaining images in each epoch
        quota, left_over = divmod(len(self.members), len(classes))
        chosen = []
        for place, label in enumerate(classes):
            images, count = self.members[labels == label], quota + (place < left_over)
            passes = [rng.permutation(images) for _ in range(-(-count // len(images)))]
            chosen.append(np.concatenate(passes)[:count])
        return rng.permutation(np.concatenate(chosen))

    def class_weights(self) -> Tensor:
        """A weight for each class, inversely proportional to its number of training images; the images' mean is 1."""
        counts = torch.from_numpy(np.bincount(self.labels[self.members], minlength=int(self.labels.max()) + 1))
        return torch.where(counts > 0, len(self.members) / ((counts > 0).sum() * counts.clamp(min=1)), 0.0)

    def batch(self, epoch: int, step: int, order: NDArray[np.int64]) -> Batch:
        """A batch of an epoch; `order` is order(epoch), which a loop computes once."""
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
        """The indices of a batch, ascending, since these are read faster."""
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
        choices = [(mix, alpha) for mix, alpha in ((mixup, wanted.mixup), (cutmix, wanted.cutmix)) if alpha]
        if not choices:
            return None
        mix, alpha = choices[int(torch.randint(len(choices), (1,), generator=generator))]
        return mix(images, alpha, generator)


def stream(*numbers: int) -> int:
    """The seed of a random stream, from the numbers that identify it."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


def to_input(
    images_BHWC: Tensor, mean: tuple[float, ...], std: tuple[float, ...], *, out: Tensor | None = None
) -> Tensor:
    """Normalises images uint8 [B, H, W, C] to float32 [B, C, H, W] in channels-last memory.

    Args:
        images_BHWC: the images.
        mean, std: for each channel, on the scale from 0 to 1.
        out: the result of an earlier call that is no longer needed. If the shapes match, its memory is used again. For
            photographs, allocating new memory takes longer than all the arithmetic.
    """
    batch, height, width, channels = images_BHWC.shape
    if out is None or out.shape != (batch, channels, height, width):
        out = torch.empty(images_BHWC.shape, dtype=torch.float32, device=images_BHWC.device).permute(0, 3, 1, 2)
    # A row of pixels at a time, since scaling C values at a time takes several times as long.
    rows = out.permute(0, 2, 3, 1).view(batch * height, width * channels)
    rows.copy_(images_BHWC.reshape(rows.shape))
    scale = torch.tensor([1 / (255 * s) for s in std], dtype=torch.float32, device=rows.device)
    offset = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)], dtype=torch.float32, device=rows.device)
    rows.mul_(scale.repeat(width)).add_(offset.repeat(width))
    return out
