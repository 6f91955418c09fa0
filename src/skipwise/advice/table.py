"""The results of experiments: `table.json`, which benchmarks/advice.py writes, and its rows for images like these.

A row is a data set, a number of training images and a way to train: the accuracies of its seeds, on images that were
held out of the set's training images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

from skipwise.advice.traits import Traits

FILE = Path(__file__).with_name("table.json")
SCRATCH = "scratch"
TWO_SIDED = 1.96
"""Standard errors to either side, for 95%."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """Accuracies in percent, one for each seed; each seed drew other training images of the set.

    Args:
        variant: the way to train, a name in `Table.variants`.
        size: pixels a side.
        judged_on: how many images the accuracies are of.
        cpu_seconds: of training, the mean.
    """

    data: str
    images: int
    variant: str
    size: int
    accuracies: tuple[float, ...]
    judged_on: int
    cpu_seconds: float

    @property
    def mean(self) -> float:
        return sum(self.accuracies) / len(self.accuracies)

    @property
    def variance(self) -> float:
        """The variance of the mean accuracy: what seeds with their training images add, and what the images that the
        networks are judged on add."""
        share, seeds = self.mean / 100, len(self.accuracies)
        of_images = 1e4 * share * (1 - share) / self.judged_on
        of_seeds = sum((each - self.mean) ** 2 for each in self.accuracies) / (seeds - 1) / seeds if seeds > 1 else 0.0
        return max(of_images, of_seeds) if seeds == 1 else of_images + of_seeds


@dataclass(frozen=True, kw_only=True)
class Gain:
    """Points of accuracy that one way to train brings over another, with an interval of about 95%.

    Args:
        images: training images.
        seeds: of the variant that has fewer.
    """

    images: int
    value: float
    low: float
    high: float
    seeds: int

    @property
    def sign(self) -> int:
        """1 where it helps, -1 where it harms, 0 where the interval does not say."""
        return (self.low > 0) - (self.high < 0)

    @property
    def said(self) -> str:
        """ "+1.2 points (0.5 to 1.9)"."""
        return f"{self.value:+.1f} points ({self.low:.1f} to {self.high:.1f})"


@dataclass(frozen=True, kw_only=True)
class Table:
    """All of it.

    Args:
        command: how it was made, and `machine` where.
        network: the one that starts from published weights.
        variants: each way to train, in words.
        photographic: from this `detail` on, images are photographs: half-way between the photographs that were
            measured and the drawings.
        measured: the `detail` of each set that this rests on.
        sets: what the data sets are like that were trained on, and `titles` what they are called.
    """

    command: str
    machine: str
    network: str
    variants: dict[str, str]
    photographic: float
    measured: dict[str, float]
    titles: dict[str, str]
    sets: dict[str, Traits]
    rows: tuple[Row, ...]

    def row(self, data: str, images: int, variant: str) -> Row | None:
        """A row, if that was tried."""
        found = (row for row in self.rows if (row.data, row.images, row.variant) == (data, images, variant))
        return next(found, None)

    def gains(self, data: str, variant: str, over: str = SCRATCH) -> list[Gain]:
        """Returns the gains of one variant over another on a data set, by the number of training images, ascending."""
        gains = []
        for images in sorted({row.images for row in self.rows if row.data == data}):
            one, other = self.row(data, images, variant), self.row(data, images, over)
            if one is not None and other is not None:
                value, error = one.mean - other.mean, TWO_SIDED * math.sqrt(one.variance + other.variance)
                seeds = min(len(one.accuracies), len(other.accuracies))
                gains.append(Gain(images=images, value=value, low=value - error, high=value + error, seeds=seeds))
        return gains

    def most_like(self, traits: Traits, variant: str = SCRATCH) -> str:
        """The data set of the table that images are most like: by how photographic they are, how much alike, and
        whether they have colours.

        Args:
            variant: one that was tried on it; where it was tried on none, all sets count.
        """
        tried = {row.data for row in self.rows if row.variant == variant}
        return min(tried or self.sets, key=lambda name: _distance(traits, self.sets[name]))


def _distance(one: Traits, other: Traits) -> float:
    return math.dist((one.detail, one.alike, one.colour), (other.detail, other.alike, other.colour))


def nearest(gains: list[Gain], images: int) -> Gain:
    """The gain at the number of training images that is nearest, by its ratio."""
    return min(gains, key=lambda gain: abs(math.log(gain.images / max(images, 1))))


@cache
def read_table() -> Table:
    """The table that comes with this version."""
    return msgspec.json.decode(FILE.read_bytes(), type=Table)
