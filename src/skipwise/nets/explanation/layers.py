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
def last_convolution(network: nn.Module, x_BCHW: Tensor) -> str:
    """The name of the last convolution before the pooling, found by running the network once.

    It is the last one that gives more than one position per image, since convolutions behind the pooling, and those in
    gates, give only one.

    Args:
        network: in evaluation mode.
        x_BCHW: an image of the size that the network is for.

    Raises:
        SkipwiseError: there is none, or the network computes mostly without convolutions, as transformers do.
    """
    ran: list[tuple[str, nn.Module]] = []
    hooks = []
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):

            def note(module: nn.Module, _: object, output: Tensor, name: str = name) -> None:
                if isinstance(module, nn.Linear) or output.shape[-2:].numel() > 1:
                    ran.append((name, module))

            hooks.append(module.register_forward_hook(note))
    try:
        network(x_BCHW)
    finally:
        for hook in hooks:
            hook.remove()
    last = max((place for place, (_, module) in enumerate(ran) if isinstance(module, nn.Conv2d)), default=None)
    if last is None or len(ran) - 1 - last > MOST_LINEAR:
        raise SkipwiseError(
            "This network does not end in a convolution and pooling, so no layer for the heat maps is found; name one "
            "that gives [images, channels, height, width]: --layer NAME"
        )
    return ran[last][0]
