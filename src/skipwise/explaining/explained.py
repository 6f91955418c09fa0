"""What a network says of images, and the heat maps of it, as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skipwise.explaining.record import MapChecks
from skipwise.nets.explanation.grid import Grid
from skipwise.nets.explanation.records import GateRecord


@dataclass(frozen=True, kw_only=True, eq=False)
class Explained:
    """Answers to N images, and their maps.

    Args:
        method: how maps were made.
        layer: the layer whose output they are of.
        grid: where the cells of a map lie.
        logits: [N, classes].
        shown: the classes [K] whose maps each image has, the answer first.
        maps: the maps [K, h, w] of each image.
        checks: None where none were asked for.
        gates: None where there is nothing to say of gates.
    """

    method: str
    layer: str
    grid: Grid
    logits: NDArray[np.float32]
    shown: Sequence[tuple[int, ...]]
    maps: Sequence[NDArray[np.float32]]
    checks: MapChecks | None
    gates: GateRecord | None

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """[N, classes]."""
        odds = np.exp(self.logits.astype(np.float64) - self.logits.max(axis=1, keepdims=True))
        shares: NDArray[np.float64] = odds / odds.sum(axis=1, keepdims=True)
        return shares


def shown_classes(answer: int, label: int | None, extra: int | None) -> tuple[int, ...]:
    """The classes whose maps an image gets: its answer, its label and the one that was asked for, each once."""
    return tuple(dict.fromkeys(each for each in (answer, label, extra) if each is not None))
