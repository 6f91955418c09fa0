"""Parameter groups, and the learning rate as a pure function of the step."""

from __future__ import annotations

import math

import torch
from torch import nn

from skipwise.training.recipe import Recipe

START = 1 / 25
"""The first step's rate, as a share of the peak."""


def learning_rate(step: int, steps: int, recipe: Recipe) -> float:
    """The rate of step 0 ... steps - 1: linear up to the peak, then down to zero along a cosine."""
    rising = recipe.warmup * steps
    if step < rising:
        return recipe.lr * (START + (1 - START) * step / rising)
    return recipe.lr * 0.5 * (1 + math.cos(math.pi * (step - rising) / (steps - rising)))


def make_optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    """SGD with Nesterov momentum and no decay on norms and biases, which are the parameters of one dimension."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    return torch.optim.SGD(
        [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ],
        lr=recipe.lr,
        momentum=recipe.momentum,
        nesterov=True,
        fused=True,
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """The same rate for every group."""
    for group in optimizer.param_groups:
        group["lr"] = rate
