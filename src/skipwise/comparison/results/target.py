"""The epochs that networks need to reach an accuracy on the validation images: the record."""

from __future__ import annotations

from dataclasses import dataclass

from skipwise.statistics import Reachings


@dataclass(frozen=True, kw_only=True)
class TargetEpochs:
    """The epochs that networks need to reach an accuracy.

    Args:
        accuracy: on the validation images, in percent.
        epochs: for how many epochs networks were trained; the accuracy is looked at after each of them.
        diverged: how many runs of each network failed because the loss diverged, which count as never reaching it;
            without networks that have none.
        found: the networks and pairs.
    """

    accuracy: float
    epochs: int
    diverged: dict[str, int]
    found: Reachings
