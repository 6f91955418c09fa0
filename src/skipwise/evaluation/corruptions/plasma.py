"""Clouds by the diamond-square algorithm (Fournier, Fussell and Carpenter 1982), many at once."""

from __future__ import annotations

import numpy as np

from skipwise.evaluation.corruptions.types import Draws, Floats


def plasma(draws: Draws, side: int, decay: float) -> Floats:
    """A square of clouds for each generator, whose edges fit each other.

    Args:
        side: its side in pixels, a power of two.
        decay: by how much the random part shrinks each time that the grid is refined; smaller ones give rougher clouds.

    Returns:
        [B, side, side], from 0 to 1.
    """
    noise = np.stack([rng.random(side * side - 1, dtype=np.float32) for rng in draws])
    noise *= 2
    noise -= 1
    heights = np.zeros((len(draws), side, side), dtype=np.float32)
    used, amplitude, step = 0, 1.0, side
    while step >= 2:
        half, cells = step // 2, side // step

        def wobble(first: int, cells: int = cells, amplitude: float = amplitude) -> Floats:
            values = noise[:, first : first + cells * cells].reshape(-1, cells, cells)
            return values * np.float32(amplitude)

        corners, centres = heights[:, ::step, ::step], heights[:, half::step, half::step]
        beside = corners + np.roll(corners, -1, axis=2)
        below = corners + np.roll(corners, -1, axis=1)
        centres[:] = (beside + np.roll(beside, -1, axis=1)) / 4 + wobble(used)
        heights[:, ::step, half::step] = (beside + centres + np.roll(centres, 1, axis=1)) / 4 + wobble(
            used + cells * cells
        )
        heights[:, half::step, ::step] = (below + centres + np.roll(centres, 1, axis=2)) / 4 + wobble(
            used + 2 * cells * cells
        )
        used, amplitude, step = used + 3 * cells * cells, amplitude / decay**2, half
    heights -= heights.min(axis=(1, 2), keepdims=True)
    heights /= heights.max(axis=(1, 2), keepdims=True)
    return heights
