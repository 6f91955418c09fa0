"""Which parameters learn how fast, and by which rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm

from skipwise.nets.heads import head_names
from skipwise.nets.network import Network
from skipwise.training.loop.recipe import Recipe


def make_optimizer(network: nn.Module, recipe: Recipe, precision: str = "fp32") -> torch.optim.Optimizer:
    """The recipe's optimizer, its parameters in groups that share a rule and a rate.

    Each group has a `share`: its rate is that of the schedule times this.

    Args:
        precision: that the network is trained in; in "bf16", Muon multiplies its matrices in bfloat16, too.
    """
    norm_biases = {id(norm.bias) for norm in norms(network)}
    head = head_parameters(network)
    hidden = _filters(network) - head if recipe.optimizer == "muon" else set()
    groups: dict[tuple[Any, ...], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:  # an external network's own choice
            continue
        muon, matrix = id(parameter) in hidden, parameter.ndim > 1
        share = recipe.layer_decay ** (0 if id(parameter) in head else depth_below_head(network, name))
        if not muon and (recipe.optimizer == "muon" or not matrix):
            share *= recipe.vector_lr
        if id(parameter) in norm_biases:
            share *= recipe.norm_bias_lr
        # Decay as strong as Muon's is for what Muon trains: squeeze-excite gates, which SGD does, have no norm behind
        # them that would make up for it.
        matrix = matrix and (recipe.optimizer == "sgd" or muon or id(parameter) in head)
        groups.setdefault((muon, matrix, share), []).append(parameter)
    options = [
        {
            "params": parameters,
            "weight_decay": recipe.weight_decay if matrix else recipe.vector_weight_decay,
            "share": share,
            "muon": muon,
        }
        for (muon, matrix, share), parameters in groups.items()
    ]
    optimizer: torch.optim.Optimizer
    if recipe.optimizer == "muon":
        products = torch.bfloat16 if precision == "bf16" else torch.float32
        optimizer = Muon(options, lr=recipe.lr, momentum=recipe.momentum, products=products)
    else:
        optimizer = torch.optim.SGD(options, lr=recipe.lr, momentum=recipe.momentum, nesterov=True, fused=True)
        for parameter in (parameter for group in groups.values() for parameter in group):
            # Now: torch's SGD can't have parameters join a group later, which those under a new head do.
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Gives every group its share of the rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["share"]


def norms(network: nn.Module) -> list[BatchNorm]:
    """The network's batch norms."""
    return [module for module in network.modules() if isinstance(module, BatchNorm)]


def head_parameters(network: nn.Module) -> set[int]:
    """The ids of the last layer's parameters."""
    names = head_names(network)
    return {id(parameter) for name, parameter in network.named_parameters(remove_duplicate=False) if name in names}


def depth_below_head(network: nn.Module, parameter: str) -> int:
    """How many stages above that of a parameter under the head, the head included.

    It is one for external networks, whose stages are not known.
    """
    if not isinstance(network, Network):
        return 1
    part, stage, *_ = parameter.split(".")
    return len(network.stages) + 1 if part == "stem" else len(network.stages) - int(stage)


def _filters(network: nn.Module) -> set[int]:
    """The ids of the weights that Muon is for: of convolutions from features to features.

    Not those with one filter for each channel, which are no matrices, and not the linear layers of squeeze-excite
    gates: a step as long as a filter's opens or shuts them for good (benchmarks/RESULTS.md, "Levers of a recipe").
    """
    return {id(module.weight) for module in network.modules() if isinstance(module, nn.Conv2d) and module.groups == 1}


class Muon(torch.optim.Optimizer):
    """Momentum whose every matrix is made orthogonal: all directions of a layer learn alike (Jordan et al. 2024).

    A convolution [out, in, k, k] counts as a matrix [out, in k k]. Updates are scaled by sqrt(rows / columns) where
    there are more rows, so that outputs move alike. Groups with `muon` False are trained by SGD with Nesterov momentum.
    torch.optim.Muon takes matrices alone.

    Args:
        products: the type that matrices are multiplied in. Momenta and weights stay in float32. In bfloat16 an
            update's cosine to what float32 gives is above 0.999 (benchmarks/orthogonal.py), and where that is fast, it
            takes a third to a quarter of the time: with batches of few small images, updates are half of a run.
    """

    def __init__(
        self, params: Iterable[Any], *, lr: float, momentum: float, products: torch.dtype = torch.float32
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": 0.0, "muon": False})
        self.products = products
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step along the gradients."""
        assert closure is None
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if not parameters:
                continue
            gradients: list[Tensor] = [p.grad for p in parameters if p.grad is not None]
            if not group["muon"]:
                gradients = list(torch._foreach_add(gradients, parameters, alpha=group["weight_decay"]))
            momenta = [self.state[p]["momentum_buffer"] for p in parameters]
            torch._foreach_mul_(momenta, group["momentum"])
            torch._foreach_add_(momenta, gradients)
            updates = list(torch._foreach_add(gradients, momenta, alpha=group["momentum"]))
            if group["muon"]:
                torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
                updates = [orthogonal(update, self.products) for update in updates]
            torch._foreach_add_(parameters, updates, alpha=-group["lr"])


NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""The quintic that brings singular values near 1 fastest, from below (Jordan et al. 2024)."""
ROUNDS = 3


def orthogonal(update: Tensor, products: torch.dtype = torch.float32) -> Tensor:
    """The orthogonal matrix nearest to an update, roughly, in its shape and type: Newton-Schulz rounds.

    Each round multiplies by an even polynomial of the matrix, so all of them together multiply it once, by a polynomial
    of its Gram matrix. That is half the arithmetic of going round with the matrix itself, which for a 3x3 convolution
    is nine times as large.

    Args:
        update: a matrix [out, in], or filters [out, in, k, k].
        products: the type that matrices are multiplied in.
    """
    # Filters as they lie in channels-last memory, so that nothing is copied; the order of columns does not matter.
    matrix = (update.permute(0, 2, 3, 1).flatten(1) if update.ndim == 4 else update).to(products)
    rows, columns = matrix.shape
    gram = matrix @ matrix.mT if rows <= columns else matrix.mT @ matrix
    size = gram.diagonal().float().sum().sqrt() + 1e-7
    square, product = (gram / size**2).to(products), None
    a, b, c = NEWTON_SCHULZ
    for left in reversed(range(ROUNDS)):
        polynomial = torch.addmm(square, square, square, beta=b, alpha=c)
        polynomial.diagonal().add_(a)
        product = polynomial if product is None else polynomial @ product
        if left:
            square = polynomial @ square @ polynomial  # they commute, being polynomials of one matrix
    assert product is not None
    result = (product @ matrix if rows <= columns else matrix @ product).to(update.dtype)
    result *= max(1.0, rows / columns) ** 0.5 / size
    if update.ndim == 4:
        out, into, high, wide = update.shape
        result = result.view(out, high, wide, into).permute(0, 3, 1, 2)
    return result
