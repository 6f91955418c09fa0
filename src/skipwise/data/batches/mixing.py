"""Mixup and CutMix: each image of a batch is mixed with another of the same batch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from skipwise.data.batches.augment import paste


class Mixed(NamedTuple):
    """Mixed images.

    Args:
        images: uint8 [B, H, W, C].
        partners: the number of the image in the batch that each was mixed with, int64 [B].
        share: the share of each image that is its own [B], 0 to 1.
    """

    images: Tensor
    partners: Tensor
    share: Tensor


def mixup(images_BHWC: Tensor, alpha: float, generator: torch.Generator) -> Mixed:
    """Weighted means of two images, with weights from Beta(alpha, alpha) (Zhang et al. 2017, arXiv:1710.09412)."""
    partners, share = _draw(len(images_BHWC), alpha, generator)
    device = images_BHWC.device
    own, other = images_BHWC.float(), images_BHWC.index_select(0, partners.to(device)).float()
    mixed = torch.lerp(other, own, share.to(device)[:, None, None, None]).round_().to(torch.uint8)
    return Mixed(mixed, partners, share)


def cutmix(images_BHWC: Tensor, alpha: float, generator: torch.Generator) -> Mixed:
    """Pastes a box of one image into another (Yun et al. 2019, arXiv:1905.04899).

    The box has the image's aspect ratio. Its share of the area is from Beta(alpha, alpha), and its centre is anywhere
    in the image. The part of the box inside the image counts.
    """
    batch, height, width, _ = images_BHWC.shape
    partners, share = _draw(batch, alpha, generator)
    side = (1 - share).sqrt()
    edges = []
    for length in (height, width):
        half = side * length / 2
        centre = torch.rand(batch, generator=generator) * length
        edges.append([(centre + reach).round().clamp(0, length).long() for reach in (-half, half)])
    (top, bottom), (left, right) = edges
    others = images_BHWC.index_select(0, partners.to(images_BHWC.device))
    mixed = paste(images_BHWC, others, (top, left), (bottom, right))
    return Mixed(mixed, partners, 1 - (bottom - top) * (right - left) / (height * width))


def _draw(batch: int, alpha: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Partners, and shares from Beta(alpha, alpha), which torch cannot draw with a generator."""
    partners = torch.randperm(batch, generator=generator)
    rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator)))
    return partners, torch.from_numpy(rng.beta(alpha, alpha, batch).astype(np.float32))
