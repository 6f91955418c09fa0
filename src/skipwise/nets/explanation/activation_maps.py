"""Class activation maps of the networks of Skipwise, which end in global average pooling and a linear layer.

The logit of a class is a weighted sum of averages over the image. Taking the weighted sum first and the average last
gives the same number, and the weighted sum is a map that shows where the logit comes from (Zhou et al. 2016,
arXiv:1512.04150). Nothing is approximated.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from skipwise.nets.explanation.grid import Grid
from skipwise.nets.network import Network

LAYER = "stages"
"""The part of the network whose output the maps are of."""


@torch.no_grad()
def class_activation_maps(network: Network, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
    """The logits of images, and a map for each class whose mean is the logit (Zhou et al. 2016, arXiv:1512.04150).

    The bias of a class is spread evenly over its map.

    Args:
        network: in evaluation mode.
        x_BCHW: normalised images.

    Returns:
        Logits [B, classes] and maps [B, classes, h, w].

    Example:
        >>> from skipwise import create_model
        >>> network = create_model("resnet20", num_classes=10, width=0.5, seed=0).eval()
        >>> logits, maps = class_activation_maps(network, torch.ones(1, 3, 32, 32))
        >>> maps.shape, torch.allclose(maps.mean(dim=(2, 3)), logits, atol=1e-5)
        (torch.Size([1, 10, 8, 8]), True)
    """
    features_BCHW = network.features(x_BCHW)
    logits_BK = network.classifier(features_BCHW.mean(dim=(2, 3)))
    weight_KC11 = network.classifier.weight[:, :, None, None]
    return logits_BK, F.conv2d(features_BCHW, weight_KC11, network.classifier.bias)


def receptive_grid(network: Network) -> Grid:
    """Returns the positions of the maps' cells: the centres of their receptive fields (Araujo et al. 2019, "Computing
    receptive fields of convolutional neural networks").

    A convolution of stride 2 with padding centres its first output on the first pixel and not between the first two,
    so the cells do not fill the image evenly: each lies about half a cell further up and left.
    """
    first, step = 0.0, 1
    for name, module in network.named_modules():
        # Shortcuts have the strides of the branch beside them.
        if not isinstance(module, nn.Conv2d | nn.MaxPool2d) or ".skip." in name:
            continue
        kernel, stride, padding = (_side(value) for value in (module.kernel_size, module.stride, module.padding))
        first += ((kernel - 1) / 2 - padding) * step
        step *= stride
    return Grid(first=first, step=step)


def _side(value: object) -> int:
    """The part of a layer's setting that is about height; that about width is the same in all our networks."""
    number = value[0] if isinstance(value, tuple) else value
    assert isinstance(number, int)
    return number
