"""The weights that a network of Skipwise starts with."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from skipwise.nets.blocks import Skip


def initialise(network: nn.Module, generator: torch.Generator | None) -> None:
    """Draws initial weights for convolutions, norms and linear layers, in place.

    Convolutions: normal, by fan out (He et al. 2015, arXiv:1502.01852), counted over all groups as in torchvision.
    Norms: the identity. Linear layers and their biases: uniform within 1 / sqrt(fan in), as in torch.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
        elif isinstance(module, nn.Linear):
            bound = 1 / math.sqrt(module.in_features)
            nn.init.uniform_(module.weight, -bound, bound, generator=generator)
            if module.bias is not None:
                nn.init.uniform_(module.bias, -bound, bound, generator=generator)


def silence_branches(network: nn.Module) -> None:
    """Sets the last norm of every residual branch to zero, so that each block starts as its skip connection alone.

    Goyal et al. 2017, arXiv:1706.02677, section 5.1.
    """
    for name, module in network.named_modules():
        if isinstance(module, Skip):
            block: Any = network.get_submodule(name.rpartition(".")[0])
            nn.init.zeros_(block.branch[-1].norm.weight)
