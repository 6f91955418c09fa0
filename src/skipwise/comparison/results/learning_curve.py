"""What more training images would bring: the record."""

from __future__ import annotations

from dataclasses import dataclass

from skipwise.statistics import Doubling


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """A network's outcome after training on a part of the training images.

    Args:
        share: of the training images.
        images: how many these are, on average over seeds (and folds).
        values: the outcome with each seed that counts, in the order of the curve's `seeds`.
    """

    share: float
    images: int
    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean over these seeds."""
        return sum(self.values) / len(self.values)


@dataclass(frozen=True, kw_only=True)
class LearningCurve:
    """What doublings of the training images bring one network, by the first outcome.

    Args:
        network: the one that was chosen, by what does not depend on the time that anything took.
        seeds: those with which it learned on every part of the images.
        lost: the number of seeds of the first look with which it failed, or learned nothing, on some part.
        fewest: how many images a quarter has of the class of which it has fewest.
        smallest: this class.
        points: from a quarter of the training images to all of them; () with fewer than two seeds.
        found: what the last doubling brought, and what the next one may bring; None with fewer than two seeds.
    """

    network: str
    seeds: tuple[int, ...]
    lost: int
    fewest: int
    smallest: str
    points: tuple[CurvePoint, ...]
    found: Doubling | None
