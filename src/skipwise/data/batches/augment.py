"""Augmentations of a whole batch: they take uint8 images [B, H, W, C] and a generator, and return new uint8 images.

All random numbers are drawn from the generator, for the whole batch at once, so that they do not depend on how the
images are processed. They stay on the CPU; the images are processed on their own device. The given images are not
changed.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

_GREY = (0.299, 0.587, 0.114)  # luma of ITU-R BT.601, the weights of Pillow's and torchvision's grey
_ASPECT = (3 / 4, 4 / 3)


def mirrored(count: int, generator: torch.Generator) -> Tensor:
    """Chooses which of `count` images to flip, bool [count]: each with a probability of 1/2."""
    return torch.rand(count, generator=generator) < 0.5


def mirrored_in_turn(indices: NDArray[np.int64], epoch: int, seed: int) -> Tensor:
    """Chooses images to flip, bool [B]: each in every other epoch; a hash of (seed, index) decides in which first.

    Any two successive epochs show every image in both ways, which random flips do only half of the time
    (Jordan 2024, arXiv:2404.00498).

    Args:
        indices: the images' indices in the data set, int64 [B].
        epoch: the number of the epoch, from 0.
        seed: the seed of the run.
    """
    # The final steps of splitmix64 (Steele et al. 2014), so that neighbouring indices and seeds give unrelated bits.
    mixed = indices.astype(np.uint64) + np.random.SeedSequence(seed).generate_state(1, np.uint64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    first = (mixed >> np.uint64(63)).astype(np.int64)
    return torch.from_numpy((first + epoch) % 2 == 1)


def flip(images_BHWC: Tensor, chosen_B: Tensor) -> Tensor:
    """Flips the chosen images (bool [B]) left to right."""
    which = chosen_B.nonzero()[:, 0]
    device = images_BHWC.device
    both = torch.cat([images_BHWC, images_BHWC.index_select(0, which.to(device)).flip(2)])
    source = torch.where(chosen_B, len(images_BHWC) - 1 + chosen_B.cumsum(0), torch.arange(len(images_BHWC)))
    return both.index_select(0, source.to(device))


def shift(images_BHWC: Tensor, pixels: int, generator: torch.Generator, *, flips: Tensor | None = None) -> Tensor:
    """Shifts each image by up to `pixels` in both directions. The uncovered border mirrors the image.

    This is a random crop of the image padded by reflection.

    Args:
        images_BHWC: the images.
        pixels: the largest shift, less than the image's sides.
        generator: the source of random numbers.
        flips: which images to flip left to right before, bool [B]. It is faster here than as a separate step.
    """
    batch, height, width, channels = images_BHWC.shape
    offsets = torch.randint(-pixels, pixels + 1, (2, batch, 1), generator=generator)
    rows_BH = _reflected(torch.arange(height) + offsets[0], height)
    # Each row is laid out beside its reflections, so that a row of the result is one run of bytes, even if flipped. The
    # view of all such runs overlaps itself and needs no memory. Copying whole rows is several times as fast as
    # indexing pixels.
    reflected = images_BHWC.flip(2)
    pieces = [reflected[:, :, width - 1 - pixels : width - 1], images_BHWC, reflected[:, :, 1 : pixels + 1]]
    if flips is not None:
        pieces[2:] = [reflected[:, :, 1:], images_BHWC[:, :, 1 : pixels + 1]]
    strips = torch.cat(pieces, dim=2)
    wide, run = strips.shape[2], width * channels
    runs = strips.as_strided((batch * height * wide - width + 1, run), (channels, 1))
    starts_BH = (torch.arange(batch)[:, None] * height + rows_BH) * wide + pixels + offsets[1]
    if flips is not None:
        starts_BH = starts_BH + flips[:, None] * (width - 1)
    starts = starts_BH.flatten().to(images_BHWC.device)
    return runs.index_select(0, starts).view(batch, height, width, channels)


def resized_crop(images_BHWC: Tensor, size: int, area: tuple[float, float], generator: torch.Generator) -> Tensor:
    """Crops a random part of each image, resized to size x size pixels (Szegedy et al. 2015, arXiv:1409.4842).

    Resizing is bilinear and antialiased. The crop's share of the area is uniform in `area`, and the logarithm of its
    aspect ratio is uniform between those of 3/4 and 4/3. A side is limited to that of the image, where torchvision
    draws again.

    Images are resized one by one, since torch's kernel for uint8 takes one scale per call. That is still several times
    as fast as one call of grid_sample for all images, which cannot antialias (benchmarks/data_feed.py).

    Args:
        images_BHWC: the images, on the CPU.
        size: height and width of the result in pixels; at most the sides of the images.
        area: the smallest and the largest share of the image's area, 0 to 1.
        generator: the source of random numbers.
    """
    batch, height, width, channels = images_BHWC.shape
    drawn = torch.rand((4, batch), generator=generator, dtype=torch.float64)
    pixels = (area[0] + (area[1] - area[0]) * drawn[0]) * height * width
    low, high = (math.log(ratio) for ratio in _ASPECT)
    aspect = torch.exp(low + (high - low) * drawn[1])
    heights = (pixels / aspect).sqrt().round().clamp(1, height)
    widths = (pixels * aspect).sqrt().round().clamp(1, width)
    tops, lefts = (drawn[2] * (height - heights + 1)).floor(), (drawn[3] * (width - widths + 1)).floor()
    boxes = torch.stack([tops, lefts, heights, widths], dim=1).long().tolist()
    images, crops = images_BHWC.numpy(), np.empty((batch, size, size, channels), dtype=np.uint8)
    # numpy copies on one thread. For so few bytes, waking torch's other threads would take longer than the copy.
    for index, (top, left, tall, broad) in enumerate(boxes):
        part = np.ascontiguousarray(images[index, top : top + tall, left : left + broad])
        part_1CHW = torch.from_numpy(part)[None].permute(0, 3, 1, 2)
        resized = F.interpolate(part_1CHW, (size, size), mode="bilinear", antialias=True, align_corners=False)
        crops[index] = resized[0].permute(1, 2, 0).numpy()
    return torch.from_numpy(crops)


def resize(images_BHWC: Tensor, side: int) -> Tensor:
    """Resizes images to side x side pixels, bilinear and antialiased; images of that size are returned as they are."""
    if images_BHWC.shape[1:3] == (side, side):
        return images_BHWC
    images_BCHW = images_BHWC.permute(0, 3, 1, 2)
    if images_BCHW.device.type != "cpu":  # torch resizes bytes only on CPUs
        images_BCHW = images_BCHW.float()
    resized = F.interpolate(images_BCHW, (side, side), mode="bilinear", antialias=True, align_corners=False)
    resized_BHWC = resized.permute(0, 2, 3, 1)
    return (resized_BHWC if resized.dtype == torch.uint8 else _to_bytes(resized_BHWC)).contiguous()


def affine(
    images_BHWC: Tensor, degrees: float, pixels: float, generator: torch.Generator, *, fill: str = "reflect"
) -> Tensor:
    """Rotates each image about its centre and shifts it, with bilinear interpolation.

    Args:
        images_BHWC: the images.
        degrees: the largest rotation, either way.
        pixels: the largest shift in each direction, either way.
        generator: the source of random numbers.
        fill: how the border is filled: "reflect" mirrors the image at its edge pixels, "edge" repeats these.
    """
    batch, height, width, _ = images_BHWC.shape
    turn, down, right = 2 * torch.rand((3, batch), generator=generator) - 1
    angle = turn * math.radians(degrees)
    # The position that each output pixel comes from; on grid_sample's scale, -1 and 1 are the centres of edge pixels.
    tall, broad = max(height - 1, 1), max(width - 1, 1)
    cos, sin = angle.cos(), angle.sin()
    across = torch.stack([cos, -sin * tall / broad, right * pixels * 2 / broad], dim=1)
    along = torch.stack([sin * broad / tall, cos, down * pixels * 2 / tall], dim=1)
    maps = torch.stack([across, along], dim=1).to(images_BHWC.device)
    grid = F.affine_grid(maps, [batch, 1, height, width], align_corners=True)
    padding = {"reflect": "reflection", "edge": "border"}[fill]
    moved = F.grid_sample(images_BHWC.permute(0, 3, 1, 2).float(), grid, padding_mode=padding, align_corners=True)
    return _to_bytes(moved.permute(0, 2, 3, 1)).contiguous()


def cutout(images_BHWC: Tensor, side: int, generator: torch.Generator, *, value: int = 128) -> Tensor:
    """Covers a square of each image, centred anywhere in it (DeVries and Taylor 2017, arXiv:1708.04552).

    A square that reaches over the edge covers less.

    Args:
        images_BHWC: the images.
        side: side of the square in pixels.
        generator: the source of random numbers.
        value: value of its pixels; mid-grey is near the mean of photographs.
    """
    batch, height, width, _ = images_BHWC.shape
    top = torch.randint(height, (batch,), generator=generator) - side // 2
    left = torch.randint(width, (batch,), generator=generator) - side // 2
    return paste(images_BHWC, value, (top, left), (top + side, left + side))


def paste(images_BHWC: Tensor, other: Tensor | int, start: tuple[Tensor, Tensor], end: tuple[Tensor, Tensor]) -> Tensor:
    """Pastes a box of other images, or of one value, into each image.

    Args:
        images_BHWC: the images.
        other: images of the same shape, or one value.
        start, end: rows [B] and columns [B] where the boxes begin and end (exclusive); they may be outside.
    """
    _, height, width, channels = images_BHWC.shape
    row, column = torch.arange(height), torch.arange(width).repeat_interleave(channels)
    rows_BH = (row >= start[0][:, None]) & (row < end[0][:, None])
    columns_BN = (column >= start[1][:, None]) & (column < end[1][:, None])
    # Bitwise operations on bytes use whole registers; torch.where with bool masks works byte by byte.
    rows_BH1, columns_B1N = (
        (255 * inside.to(torch.uint8)).to(images_BHWC.device) for inside in (rows_BH[:, :, None], columns_BN[:, None])
    )
    own_BHN = images_BHWC.flatten(2)
    difference = own_BHN ^ (other.flatten(2) if isinstance(other, Tensor) else other)
    return difference.bitwise_and_(rows_BH1).bitwise_and_(columns_B1N).bitwise_xor_(own_BHN).view(images_BHWC.shape)


def colour(
    images_BHWC: Tensor, brightness: float, contrast: float, saturation: float, generator: torch.Generator
) -> Tensor:
    """Scales brightness, contrast and saturation of each image by factors from 1 - x to 1 + x.

    Brightness is scaled from black, contrast from the image's mean grey, and saturation from each pixel's grey, so that
    it does not change an image of one channel. All three are one linear map of the channels, so values are clipped to
    0 and 255 once, at the end; torchvision's ColorJitter clips after each.

    Args:
        images_BHWC: the images.
        brightness, contrast, saturation: the largest change x, 0 to 1.
        generator: the source of random numbers.
    """
    batch, height, width, channels = images_BHWC.shape
    factors = 1 + (2 * torch.rand((3, batch, 1, 1), generator=generator) - 1) * torch.tensor(
        [brightness, contrast, saturation]
    ).view(3, 1, 1, 1)
    device = images_BHWC.device
    lighter, harder, richer = factors.to(device)
    grey = torch.tensor(_GREY if channels == 3 else [1 / channels] * channels, device=device)
    pixels_BNC = images_BHWC.reshape(batch, height * width, channels).float()
    towards_grey = grey[:, None].expand(channels, channels)
    mix = lighter * harder * (richer * torch.eye(channels, device=device) + (1 - richer) * towards_grey)
    mean_grey = (pixels_BNC.mean(dim=1, keepdim=True) * grey).sum(dim=2, keepdim=True)
    mixed = torch.baddbmm((1 - harder) * lighter * mean_grey, pixels_BNC, mix)
    return _to_bytes(mixed).view(images_BHWC.shape)


def rand_augment(images_BHWC: Tensor, operations: int, magnitude: int, generator: torch.Generator) -> Tensor:
    """torchvision's RandAugment (Cubuk et al. 2019, arXiv:1909.13719), image by image.

    It draws from torch's default generator, whose state is restored afterwards.

    Args:
        images_BHWC: the images, on the CPU.
        operations: number of operations that are applied to each image.
        magnitude: their strength, 0 to 30.
        generator: the source of random numbers.
    """
    from torchvision.transforms import v2

    transform = v2.RandAugment(operations, magnitude, interpolation=v2.InterpolationMode.BILINEAR)
    before = torch.get_rng_state()
    torch.default_generator.manual_seed(int(torch.randint(2**62, (1,), generator=generator)))
    try:
        changed = torch.stack([transform(image) for image in images_BHWC.permute(0, 3, 1, 2)])
    finally:
        torch.set_rng_state(before)
    return changed.permute(0, 2, 3, 1).contiguous()


def _reflected(position: Tensor, length: int) -> Tensor:
    """Mirrors positions outside 0 ... length - 1 at the edge pixels, which are not repeated."""
    last = length - 1
    return last - (last - position.abs()).abs()


def _to_bytes(values: Tensor) -> Tensor:
    return values.round_().clamp_(0, 255).to(torch.uint8)
