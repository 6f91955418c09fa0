"""Initial weights that a recipe may ask for."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from skipwise.nets.network import Network

PATCHES = 20_000
LEAST_VARIANCE = 1e-6
"""The least variance of a direction, as a share of the largest. Grey images in three channels have directions without
variance."""
LEAST_SPREAD = 1e-3
"""The least standard deviation of filters, as a share of their mean size."""


@torch.no_grad()
def dirac(network: nn.Module) -> None:
    """Initialises every convolution that is neither strided, grouped nor 1x1 as an identity.

    The first filters, one for each input channel, become identities; further filters keep their weights
    (Zagoruyko and Komodakis 2017, arXiv:1706.00388; as initial weights, Jordan 2024, arXiv:2404.00498).
    """
    for module in network.modules():
        if (
            isinstance(module, nn.Conv2d)
            and module.groups == 1
            and module.stride == (1, 1)
            and module.kernel_size[0] > 1
        ):
            shared = min(module.out_channels, module.in_channels)
            nn.init.dirac_(module.weight[:shared])


@torch.no_grad()
def whiten(network: nn.Module, inputs_BCHW: Tensor) -> None:
    """Sets the filters of the first convolution to the principal directions of its input patches, and their negatives.

    Directions of small variance get large filters, so that the first responses have equal variances (Page 2019, "How
    to train your ResNet", part 8). Where there are more filters than twice the directions with variance, the others
    keep their weights. External networks keep all of their weights.

    Args:
        inputs_BCHW: some training images, normalised.
    """
    if not isinstance(network, Network):
        return
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    kernel = first.kernel_size[0]
    images, _, height, width = inputs_BCHW.shape
    apart = max(1, math.isqrt(images * height * width // PATCHES))  # all patches of large images would take gigabytes
    patches = nn.functional.unfold(inputs_BCHW.contiguous(), kernel, stride=apart).transpose(1, 2).flatten(0, 1)
    patches = patches.double()
    values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
    count = min(int((values > LEAST_VARIANCE * values[-1]).sum()), first.out_channels // 2)
    if count == 0:  # all pixels are alike
        return
    filters = (vectors[:, -count:] / (values[-count:] + 5e-4).sqrt()).T.flip(0)
    filters = filters.reshape(count, *first.weight.shape[1:]).to(first.weight)
    if filters.std() < LEAST_SPREAD * filters.abs().mean():  # a single flat one, from images without contrast
        return
    # As large as the filters that they replace, for which the learning rate was chosen.
    filters *= first.weight.std() / filters.std()
    first.weight[:count], first.weight[count : 2 * count] = filters, -filters
