"""Images of two classes in one: each image of a batch is mixed with another of the same batch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from skipwise.data.batches.augment import paste


class Mixed(NamedTuple):
    """`partners` int64 [B] says which image of the batch each was mixed with, `share` [B] how much is its own."""

    images: Tensor
    partners: Tensor
    share: Tensor


def mixup(images_BHWC: Tensor, alpha: float, generator: torch.Generator) -> Mixed:
    """A weighted mean of two images, the weight from Beta(alpha, alpha) (Zhang et al. 2017, arXiv:1710.09412)."""
    partners, share = _draw(len(images_BHWC), alpha, generator)
    device = images_BHWC.device
    own, other = images_BHWC.float(), images_BHWC.index_select(0, partners.to(device)).float()
    mixed = torch.lerp(other, own, share.to(device)[:, None, None, None]).round_().to(torch.uint8)
    return Mixed(mixed, partners, share)


def cutmix(images_BHWC: Tensor, alpha: float, generator: torch.Generator) -> Mixed:
    """A box of one image in another (Yun et al. 2019, arXiv:1905.04899).

    The box has the image's aspect, its share of the image is from Beta(alpha, alpha) and its centre anywhere; what
    of it is within the image counts.
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
    """Partners, and shares from Beta(alpha, alpha), which torch has no public way to draw with a generator."""
    partners = torch.randperm(batch, generator=generator)
    rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator)))
    return partners, torch.from_numpy(rng.beta(alpha, alpha, batch).astype(np.float32))
