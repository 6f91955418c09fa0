"""A network with a temperature, as a module of torch's."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class DividedLogits(nn.Module):
    """A network whose logits are divided by a temperature, which changes no answer."""

    temperature: Tensor

    def __init__(self, network: nn.Module, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("temperature", torch.tensor(temperature))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        logits: Tensor = self.network(x_BCHW)
        return logits / self.temperature
