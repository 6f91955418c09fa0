"""Which sizes of images somebody else's network takes, found out by trying; ours take any from 8 pixels on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skipwise.core.errors import SkipwiseError

if TYPE_CHECKING:
    from torch import nn

SIDES = (8, 12, 16, 24, 32, 48, 64, 96, 112, 128, 160, 192, 224, 256, 299, 320, 384, 448, 512)
"""Pixels a side that are tried, to name some that work."""


def takes(network: nn.Module, channels: int, side: int) -> bool:
    """Whether a network in evaluation mode answers an image of so many pixels a side."""
    import torch

    device = next((parameter.device for parameter in network.parameters()), None)
    try:
        with torch.inference_mode():
            network(torch.zeros(1, channels, side, side, device=device))
    except Exception:
        return False
    return True


def check_size(network: nn.Module, name: str, *, channels: int, size: int) -> None:
    """Raises SkipwiseError where a network takes images, but none of this size, and names the smallest it does take.

    A network that takes none of the usual sizes has another fault than the size.
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
        raise SkipwiseError(f"{refused}, but it does take {shown}; add --img-size {works[0]}.")
    # The smallest lies between one that is too small and the first that was found.
    too_small, smallest = max((side for side in (size, *SIDES) if side < works[0]), default=size), works[0]
    while smallest - too_small > 1:
        middle = (smallest + too_small) // 2
        too_small, smallest = (too_small, middle) if takes(network, channels, middle) else (middle, smallest)
    raise SkipwiseError(f"{refused}: {smallest} x {smallest} is its smallest; add --img-size {smallest}, or more.")
