"""The root mean square of activations and gradients at the end of each block of a network."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor, nn

from skipwise.training.loop.optimizer import norms

Sizes = dict[str, tuple[float | None, float | None]]
"""For each block by its name, the root mean square of its activations and of their gradients."""


def sizes_by_depth(network: nn.Module, inputs: Tensor, labels: Tensor, *, statistics_of_batch: bool = True) -> Sizes:
    """Sizes at the end of each block, in the order in which the blocks are run. The network is changed: give a copy.

    Gradients are those of the sum of the images' losses, so that they don't depend on how many images there are.
    Dropout and dropped paths are off, so that nothing is drawn.

    Args:
        network: is set to evaluation mode, but for its batch norms.
        inputs: normalised images [B, C, H, W].
        labels: [B].
        statistics_of_batch: whether batch norms use the statistics of these images, as in training, or the kept ones.
    """
    network.eval()
    network.requires_grad_(True)
    for norm in norms(network):
        norm.train(statistics_of_batch)
    activations: dict[str, float | None] = {}
    gradients: dict[str, float | None] = {}
    hooks = []
    for name, module in blocks(network):

        def note(module: nn.Module, _: object, output: object, name: str = name) -> None:  # noqa: ARG001 - torch's
            # A layer that gives a number per class, and what has no gradient, is no block.
            if not isinstance(output, Tensor) or output.ndim < 3 or not output.requires_grad:
                return
            activations[name] = _size(output)
            # On the tensor and not on the module: what follows may change the output in place.
            output.register_hook(  # type: ignore[no-untyped-call]
                lambda gradient: gradients.update({name: _size(gradient)})
            )

        hooks.append(module.register_forward_hook(note))
    try:
        F.cross_entropy(network(inputs).float(), labels, reduction="sum").backward()  # type: ignore[no-untyped-call]
    finally:
        for hook in hooks:
            hook.remove()
    return {name: (size, gradients.get(name)) for name, size in activations.items()}


def blocks(network: nn.Module, within: str = "") -> Iterator[tuple[str, nn.Module]]:
    """The parts that a network's sequences consist of, by name: in ours the stem, every residual or plain block and the
    head; in an external network whatever its sequences hold."""
    for name, module in network.named_children():
        name = f"{within}{name}"
        if type(module) in (nn.Sequential, nn.ModuleList):  # a class made from one is a block by itself
            yield from blocks(module, f"{name}.")
        else:
            yield name, module


def _size(tensor: Tensor) -> float | None:
    size = float(tensor.detach().float().square().mean().sqrt())
    return size if math.isfinite(size) else None
