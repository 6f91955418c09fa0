"""Whole-batch transforms: uint8 images [B, H, W, C] and a generator in, new images of the same shape out."""

from __future__ import annotations

import torch
from torch import Tensor


def mirror(images_BHWC: Tensor, generator: torch.Generator) -> Tensor:
    """Flips half of the images left to right, each with probability 1/2."""
    chosen = torch.rand(len(images_BHWC), generator=generator) < 0.5
    return torch.where(chosen[:, None, None, None], images_BHWC.flip(2), images_BHWC)


def shift(images_BHWC: Tensor, pixels: int, generator: torch.Generator) -> Tensor:
    """Moves each image by up to `pixels` in both directions; what comes into view mirrors the edge."""
    batch, height, width, channels = images_BHWC.shape
    offsets = torch.randint(-pixels, pixels + 1, (2, batch, 1), generator=generator)
    rows_BH = _reflected(torch.arange(height) + offsets[0], height)
    columns_BW = _reflected(torch.arange(width) + offsets[1], width)
    flat_BN = rows_BH[:, :, None] * width + columns_BW[:, None, :]
    index = flat_BN.reshape(batch, height * width, 1).expand(-1, -1, channels)
    return images_BHWC.reshape(batch, height * width, channels).gather(1, index).reshape(images_BHWC.shape)


def _reflected(position: Tensor, length: int) -> Tensor:
    """Positions outside 0 ... length - 1, mirrored at the edge pixels (which are not repeated)."""
    last = length - 1
    return last - (last - position.abs()).abs()
