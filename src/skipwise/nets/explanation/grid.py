"""Positions of a heat map's cells in the image. No torch is needed, so that maps can be shown without it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The pixels that the cells of a map are centred on, along height and width alike.

    Args:
        first: the position of the first cell's centre; 0 is the centre of the first pixel.
        step: the distance from one cell to the next, in pixels.

    Example:
        >>> Grid.even(32, 4)
        Grid(first=3.5, step=8.0)
    """

    first: float
    step: float

    @classmethod
    def even(cls, side: int, cells: int) -> Grid:
        """Cells of equal size that fill the image, where nothing is known of the layers before the map.

        Args:
            side: height and width of the image, in pixels.
            cells: height and width of the map, in cells.
        """
        step = side / cells
        return cls(first=(step - 1) / 2, step=step)

    def enlarge(self, maps: NDArray[np.floating], side: int) -> NDArray[np.float64]:
        """Brings maps to the size of the image: linear between the centres of cells, constant beyond the outer ones.

        Args:
            maps: [..., h, w].
            side: height and width of the image, in pixels.

        Returns:
            Maps [..., side, side].

        Example:
            >>> Grid(first=0, step=2).enlarge(np.array([[0.0, 2.0], [0.0, 2.0]]), 4)[0]
            array([0., 1., 2., 2.])
        """
        down, across = (self._weights(cells, side) for cells in maps.shape[-2:])
        enlarged: NDArray[np.float64] = down @ maps.astype(np.float64) @ across.T
        return enlarged

    def _weights(self, cells: int, side: int) -> NDArray[np.float64]:
        """The share of each cell in each pixel [side, cells]."""
        place = ((np.arange(side) - self.first) / self.step).clip(0, cells - 1)
        return (1 - np.abs(place[:, None] - np.arange(cells))).clip(min=0)
