"""A test of whether heat maps depend on what the network has learned (Adebayo et al. 2018, arXiv:1810.03292).

The layers' weights are replaced by random ones, from the last layer to the first. A map that shows what was learned
becomes another one; one that merely shows edges in the image stays as it is.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor, nn

from skipwise.nets.explanation.method import MapMethod
from skipwise.nets.explanation.records import RandomisationStep

MOST_STEPS = 8
"""Steps at which maps are compared; layers in between are made random, too."""
DRAWS = 3


def randomisation_check(
    network: nn.Module, method: MapMethod, x_BCHW: Tensor, classes_B: Tensor, *, seed: int = 0
) -> tuple[RandomisationStep, ...]:
    """Makes the weights of a copy random layer by layer, and compares its maps with the network's own.

    The weights of a convolution or a linear layer become normal, with the mean and the standard deviation that the
    layer's own have; norms and biases are kept. The first step has the last layer alone, the last step has all.

    Args:
        network: in evaluation mode.
        x_BCHW: normalised images.
        classes_B: the class of each image that the maps are of.
        seed: of the random weights.

    Returns:
        The steps, from the last layer to the first.
    """
    _, own_BKhw = method.maps(network, x_BCHW, classes_B[:, None])
    names = [name for name, module in network.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)][::-1]
    stops = np.unique(np.linspace(1, len(names), min(MOST_STEPS, len(names))).round().astype(int)).tolist()
    found = np.zeros((DRAWS, len(stops)))
    for draw in range(DRAWS):
        generator = torch.Generator().manual_seed(seed + draw)
        other, done = copy.deepcopy(network), 0
        for place, stop in enumerate(stops):
            for name in names[done:stop]:
                _randomise(other.get_submodule(name), generator)
            done = stop
            _, maps_BKhw = method.maps(other, x_BCHW, classes_B[:, None])
            found[draw, place] = _rank_correlation(own_BKhw.numpy(), maps_BKhw.numpy())
    return tuple(
        RandomisationStep(layer=names[stop - 1], layers=stop, correlation=round(float(mean), 4))
        for stop, mean in zip(stops, found.mean(axis=0), strict=True)
    )


@torch.no_grad()
def _randomise(module: nn.Module, generator: torch.Generator) -> None:
    weight = module.weight
    assert isinstance(weight, Tensor)
    spread = float(weight.std()) if weight.numel() > 1 else 0.0
    weight.copy_(torch.randn(weight.shape, generator=generator) * spread + weight.mean())


def _rank_correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Spearman's, of each map, averaged; 0 where a map is constant."""
    ranks = [rankdata(maps.reshape(len(maps), -1), axis=1) for maps in (one, other)]
    centred = [rank - rank.mean(axis=1, keepdims=True) for rank in ranks]
    sizes = [np.sqrt((each**2).sum(axis=1)) for each in centred]
    product = sizes[0] * sizes[1]
    return float(np.mean((centred[0] * centred[1]).sum(axis=1) / np.where(product > 0, product, 1)))
