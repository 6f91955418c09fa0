"""Layers of external networks by name: those that a user names, and the one that maps are made of by default."""

from __future__ import annotations

import difflib

import torch
from torch import Tensor, nn

from skipwise.core.errors import SkipwiseError

MOST_LINEAR = 3
"""Linear layers that may follow the last convolution of a network that ends in pooling or, as VGG, in three of them."""
SHOWN = 3


def find_layer(network: nn.Module, name: str) -> nn.Module:
    """The layer of a name.

    Raises:
        SkipwiseError: there is none; similar names are suggested, or else some of those that there are.
    """
    layers = dict(network.named_modules())
    if name and name in layers:
        return layers[name]
    names = [each for each in layers if each]
    nearest = difflib.get_close_matches(name, names, n=SHOWN, cutoff=0.5)
    if nearest:
        raise SkipwiseError(f"The network has no layer {name!r}; did you mean {' or '.join(map(repr, nearest))}?")
    top = [each for each in names if "." not in each]
    raise SkipwiseError(f"The network has no layer {name!r}; it has {', '.join(top)}, and layers inside these.")


@torch.no_grad()
def pooled_layer(network: nn.Module, x_BCHW: Tensor) -> str:
    """The name of the layer whose output is pooled, found by running the network once.

    It holds the last convolution that gives more than one position per image (those behind the pooling, and in gates,
    give one). That is the convolution itself, or the outermost block or stage around it with as many positions, so that
    what a skip adds to the convolution's output is part of the map.

    Args:
        network: in evaluation mode.
        x_BCHW: an image of the size that the network is for.

    Raises:
        SkipwiseError: there is none, or the network computes mostly without convolutions, as transformers do.
    """
    shapes: dict[str, torch.Size] = {}
    ran: list[str | None] = []  # convolutions by name, and linear layers as None
    hooks = []
    for name, module in network.named_modules():

        def note(module: nn.Module, _: object, output: object, name: str = name) -> None:
            if isinstance(module, nn.Linear):
                ran.append(None)
            if not isinstance(output, Tensor) or output.ndim != 4 or output.shape[-2:].numel() == 1:
                return
            shapes[name] = output.shape[-2:]
            if isinstance(module, nn.Conv2d):
                ran.append(name)

        hooks.append(module.register_forward_hook(note))
    try:
        network(x_BCHW)
    finally:
        for hook in hooks:
            hook.remove()
    last = next((name for name in reversed(ran) if name is not None), None)
    if last is None or ran[::-1].index(last) > MOST_LINEAR:
        raise SkipwiseError(
            "This network does not end in a convolution and pooling, so no layer for the heat maps is found; name one "
            "that gives [images, channels, height, width]: --layer NAME"
        )
    parts = last.split(".")
    around = (".".join(parts[:depth]) for depth in range(1, len(parts) + 1))
    return next(name for name in around if shapes.get(name) == shapes[last])
