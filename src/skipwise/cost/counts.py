"""Counts parameters, multiply-adds and activations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Counts:
    """The cost of a network for one image, from its convolutions and linear layers.

    Args:
        parameters: its trainable parameters.
        multiply_adds: the multiply-adds of a forward pass.
        activations: how many values those layers output (Radosavovic et al. 2020, arXiv:2003.13678), which predicts
            memory traffic better than multiply-adds do.
    """

    parameters: int
    multiply_adds: int
    activations: int


def count(network: nn.Module, *, channels: int, size: int) -> Counts:
    """Counts what a network costs for one image, by a forward pass.

    Args:
        network: the network, on any device, the meta device included; its mode and weights stay as they are.
        channels: the channels of the image.
        size: its side in pixels.
    """
    import torch
    from torch import nn

    from skipwise.evaluation.logits import evaluating

    multiply_adds = activations = 0

    def add(module: nn.Module, _: tuple[Any, ...], output: Tensor) -> None:
        nonlocal multiply_adds, activations
        activations += output[0].numel()
        # Every output value of a layer is a sum over one filter, or one row, of its weights.
        if isinstance(module, nn.Conv2d):
            multiply_adds += output[0].numel() * math.prod(module.weight.shape[1:])
        elif isinstance(module, nn.Linear):
            multiply_adds += output[0].numel() * module.in_features

    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    handles = [layer.register_forward_hook(add) for layer in layers]
    try:
        weight = next(network.parameters())
        with evaluating(network):
            network(torch.zeros(1, channels, size, size, device=weight.device))
    finally:
        for handle in handles:
            handle.remove()
    return Counts(
        parameters=sum(p.numel() for p in network.parameters() if p.requires_grad),
        multiply_adds=multiply_adds,
        activations=activations,
    )
