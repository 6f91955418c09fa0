"""Pictures of heat maps: the square that the network sees in grey, and over it what speaks for a class in colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skipwise.nets.explanation.grid import Grid

LEAST_SIDE = 160
"""Pixels a side: smaller squares are enlarged by a whole factor, so that a map on them can be seen."""
STRONGEST = 0.8
"""The opacity of the highest value."""
COLOURS = np.array([[102, 37, 140], [196, 50, 100], [240, 110, 50], [252, 190, 40], [255, 245, 140]], dtype=np.float64)
"""From the lowest value to the highest, ever lighter, so that the order is seen without telling colours apart."""


def enlarged(square: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A square [S, S, C] as RGB, each pixel repeated where it has few."""
    factor = enlargement(len(square))
    colours = np.broadcast_to(square, (*square.shape[:2], 3))
    return np.ascontiguousarray(colours.repeat(factor, axis=0).repeat(factor, axis=1))


def enlargement(side: int) -> int:
    """The whole factor that a square of `side` pixels is enlarged by."""
    return -(-LEAST_SIDE // side)


def overlay(square: NDArray[np.uint8], cells: NDArray[np.floating], grid: Grid, *, highest: float) -> NDArray[np.uint8]:
    """The picture of a heat map.

    Args:
        square: uint8 [S, S, C], what the network sees.
        cells: the map [h, w]; what is below zero is not shown.
        grid: where its cells lie in the square.
        highest: the value of the strongest colour; maps of one image share it, so that they can be compared.

    Returns:
        uint8 [T, T, 3]; T is S, or a multiple of it.
    """
    factor = enlargement(len(square))
    shown = enlarged(square).astype(np.float64)
    finer = Grid(first=(grid.first + 0.5) * factor - 0.5, step=grid.step * factor)
    heat = finer.enlarge(cells, len(shown)).clip(0) / highest if highest > 0 else np.zeros(shown.shape[:2])
    heat = heat.clip(0, 1)
    grey = (shown @ [0.299, 0.587, 0.114])[..., None]
    steps = np.linspace(0, 1, len(COLOURS))
    colour = np.stack([np.interp(heat, steps, COLOURS[:, channel]) for channel in range(3)], axis=-1)
    opacity = STRONGEST * heat[..., None]
    return (grey * (1 - opacity) + colour * opacity).round().astype(np.uint8)


def centre_share(cells: NDArray[np.floating], grid: Grid, side: int) -> float | None:
    """The share of what is above zero that lies in the middle square of half the side; None where nothing is.

    Example:
        >>> centre_share(np.ones((4, 4)), Grid.even(32, 4), 32)
        0.25
    """
    heat = grid.enlarge(cells, side).clip(0)
    total = heat.sum()
    start, stop = round(side / 4), round(side * 3 / 4)
    return round(float(heat[start:stop, start:stop].sum() / total), 4) if total > 0 else None
