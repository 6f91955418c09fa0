"""The optimizer: which parameters are trained by which rule, and at which learning rate."""

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
    """The recipe's optimizer, with parameters in groups that share a rule and a learning rate.

    The learning rate of a group is that of the schedule times its `share`.

    Args:
        precision: of the training. In "bf16", Muon multiplies its matrices in bfloat16, too.
    """
    norm_biases = {id(norm.bias) for norm in norms(network)}
    head = head_parameters(network)
    hidden = _filters(network) - head if recipe.optimizer == "muon" else set()
    groups: dict[tuple[Any, ...], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:  # an external network may freeze its parameters
            continue
        muon, matrix = id(parameter) in hidden, parameter.ndim > 1
        share = recipe.layer_decay ** (0 if id(parameter) in head else depth_below_head(network, name))
        if not muon and (recipe.optimizer == "muon" or not matrix):
            share *= recipe.vector_lr
        if id(parameter) in norm_biases:
            share *= recipe.norm_bias_lr
        # Muon's strong weight decay is for what Muon trains. The gates of squeeze-excite, which SGD trains, are not
        # followed by a norm that would make up for it.
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
            # Now, since torch's SGD can't have parameters join a group later, as those below a new head do.
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Sets the learning rate of every group."""
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
    """Returns the number of stages between a parameter and the head; 1 for external networks."""
    if not isinstance(network, Network):
        return 1
    part, stage, *_ = parameter.split(".")
    return len(network.stages) + 1 if part == "stem" else len(network.stages) - int(stage)


def _filters(network: nn.Module) -> set[int]:
    """The ids of the weights that Muon trains: those of convolutions that are not depthwise.

    Depthwise filters are not matrices. An update of Muon's length would open or close the gates of squeeze-excite for
    good, so that their linear layers are left to SGD (benchmarks/RESULTS.md, "Levers of a recipe").
    """
    return {id(module.weight) for module in network.modules() if isinstance(module, nn.Conv2d) and module.groups == 1}


class Muon(torch.optim.Optimizer):
    """Momentum with orthogonalised updates, so that a layer learns equally in all directions (Jordan et al. 2024).

    A convolution [out, in, k, k] counts as a matrix [out, in k k]. Updates are scaled by sqrt(rows / columns) where
    there are more rows than columns, so that outputs move equally. Groups with `muon` False are trained by SGD with
    Nesterov momentum. torch.optim.Muon takes only matrices.

    Args:
        products: the type in which matrices are multiplied. Momenta and weights stay in float32. In bfloat16 the
            cosine between an update and that of float32 is above 0.999 (benchmarks/orthogonal.py), and where bfloat16
            is fast, an update takes a third to a quarter of the time. With small batches of small images, updates are
            half of a run.
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
"""The quintic polynomial that brings singular values near 1 fastest, from below (Jordan et al. 2024)."""
ROUNDS = 3


def orthogonal(update: Tensor, products: torch.dtype = torch.float32) -> Tensor:
    """Approximately the orthogonal matrix nearest to an update, in its shape and type, by Newton-Schulz iterations.

    Each iteration multiplies the matrix by an even polynomial of it. All of them together multiply it once, by a
    polynomial of its Gram matrix. That takes half the arithmetic of iterating with the matrix itself, which for a 3x3
    convolution is nine times as large.

    Args:
        update: a matrix [out, in], or filters [out, in, k, k].
        products: the type in which matrices are multiplied.
    """
    # In the order of channels-last memory, so that nothing is copied; the order of columns does not matter.
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
