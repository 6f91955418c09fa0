"""Finds out by trying which image sizes an external network takes.

Networks of Skipwise take images of any size from 8 pixels a side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from skipwise.core.errors import SkipwiseError

if TYPE_CHECKING:
    from torch import nn

SIDES = (8, 12, 16, 24, 32, 48, 64, 96, 112, 128, 160, 192, 224, 256, 299, 320, 384, 448, 512)
"""The sides, in pixels, that are tried to suggest one that works."""


def takes(network: nn.Module, channels: int, side: int) -> bool:
    """Returns whether a network in evaluation mode takes an image of `side` pixels a side."""
    import torch

    device = next((parameter.device for parameter in network.parameters()), None)
    try:
        with torch.inference_mode():
            network(torch.zeros(1, channels, side, side, device=device))
    except Exception:
        return False
    return True


def check_size(network: nn.Module, name: str, *, channels: int, size: int) -> None:
    """Checks that a network takes images of a size.

    A network that takes none of the usual sizes passes: it has another fault than the size.

    Args:
        network: the network; it is put into evaluation mode.
        name: its name, for the message.
        channels: the channels of the images.
        size: their side in pixels.

    Raises:
        SkipwiseError: it takes other sizes and not this one; the message names the smallest that it takes.
    """
    network = network.eval()
    if takes(network, channels, size):
        return
    works = [side for side in SIDES if takes(network, channels, side)]
    if not works:
        return
    refused = f"{name} does not take images of {size} x {size} pixels"
    if min(works) < size or len(works) == 1:
        shown = " or ".join(f"{side} x {side}" for side in works[:3])
        raise SkipwiseError(f"{refused}, but it takes {shown}; add --img-size {works[0]}.")
    # The smallest size lies between one that is too small and the first that works: bisect.
    too_small, smallest = max((side for side in (size, *SIDES) if side < works[0]), default=size), works[0]
    while smallest - too_small > 1:
        middle = (smallest + too_small) // 2
        too_small, smallest = (too_small, middle) if takes(network, channels, middle) else (middle, smallest)
    raise SkipwiseError(
        f"{refused}: {smallest} x {smallest} is the smallest it takes; add --img-size {smallest} or larger."
    )
