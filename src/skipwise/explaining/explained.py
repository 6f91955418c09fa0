"""A network's answers to images with their heat maps, as numbers; and the protocol of what gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from skipwise.core.reporting import Progress
from skipwise.data.image.preprocess import Preprocessing
from skipwise.explaining.images import SeenImages
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
        probabilities: [N, classes].
        logits: [N, classes]; None where only the answers' are known.
        shown: the classes [K] whose maps each image has, the answer first.
        maps: the maps [K, h, w] of each image.
        checks: None where none were asked for.
        gates: None where there is nothing to say of gates.
    """

    method: str
    layer: str
    grid: Grid
    probabilities: NDArray[np.float32]
    logits: NDArray[np.float32] | None
    shown: Sequence[tuple[int, ...]]
    maps: Sequence[NDArray[np.float32]]
    checks: MapChecks | None = None
    gates: GateRecord | None = None


class Explainer(Protocol):
    """A network that gives heat maps: that of a run, or an exported one.

    `identity` is a hash of it.
    """

    model: str
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    identity: str

    def explain(self, seen: SeenImages, extra: int | None, *, check: bool, progress: Progress) -> Explained:
        """The answers and the maps of images.

        Args:
            extra: a class that every image gets a map of; None for none.
            check: whether the maps are checked.
        """
        ...


def shown_classes(answer: int, label: int | None, extra: int | None) -> tuple[int, ...]:
    """The classes whose maps an image gets: its answer, its label and the one that was asked for, each once."""
    return tuple(dict.fromkeys(each for each in (answer, label, extra) if each is not None))
