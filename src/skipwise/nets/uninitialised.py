"""Networks of ours without the weights they begin with: to be counted, or to be timed."""

from __future__ import annotations

import torch
from torch import nn

from skipwise.nets.zoo import create_model


def shape_of(name: str, *, num_classes: int, in_channels: int, stem: str, width: float) -> nn.Module:
    """A network of ours on torch's meta device: its layers have shapes and no values."""
    with torch.device("meta"):
        return create_model(name, num_classes=num_classes, in_channels=in_channels, stem=stem, width=width)


def blank(name: str, *, num_classes: int, in_channels: int, stem: str, width: float) -> nn.Module:
    """A network of ours whose weights are all ones: making initial ones takes longer than a step."""
    network = shape_of(name, num_classes=num_classes, in_channels=in_channels, stem=stem, width=width)
    network.to_empty(device="cpu")
    with torch.no_grad():
        for tensor in network.state_dict().values():
            tensor.fill_(1)
    return network
