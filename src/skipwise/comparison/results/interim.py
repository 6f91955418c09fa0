"""`interim.json`: what the last look at an unfinished comparison has shown. It is removed when that is finished.

It has no clock, and nothing in it decides anything: it is for whoever looks on. It imports little, so that they need
not wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.json_records import read_json, write_json

INTERIM = "interim.json"


@dataclass(frozen=True, kw_only=True)
class InterimNetwork:
    """A network at the last look.

    Args:
        name: the network.
        seeds: how many of its runs the look was at.
        value, low, high: the mean outcome and its interval, as scores; None with fewer than two runs that learned.
        text: the same as a person reads it.
        goes_on: whether it gets more seeds.
    """

    name: str
    seeds: int
    value: float | None
    low: float | None
    high: float | None
    text: str
    goes_on: bool


@dataclass(frozen=True, kw_only=True)
class InterimPair:
    """A pair of networks at the last look.

    Args:
        a, b: the networks.
        verdict: from the side of a, as the look gave it, which holds whatever follows; "unresolved" is still open.
        text: the difference of a and b with its interval, as a person reads it.
    """

    a: str
    b: str
    verdict: str
    text: str


@dataclass(frozen=True, kw_only=True)
class NextLook:
    """The look that comes next.

    Args:
        seeds: of each network that goes on.
        runs: how many runs of each network it takes.
        chance: the probability that it leaves nothing open, by the looks so far.
        least, most: the same if the networks are as much alike, or as different, as is plausible; None in files of
            earlier versions.
    """

    seeds: int
    runs: dict[str, int]
    chance: float
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, kw_only=True)
class Interim:
    """The last look.

    Args:
        looks: the number of seeds at each look that was taken.
        planned: the number of seeds at each look of the plan.
        measure: what is counted, such as "test accuracy".
        sure: the confidence level, such as "95%".
        heading: the unit of differences, such as "points".
        networks: those that were trained.
        pairs: those that could be judged.
        next_look: None where there is none, or nothing is open.
    """

    looks: tuple[int, ...]
    planned: tuple[int, ...]
    measure: str
    sure: str
    heading: str
    networks: tuple[InterimNetwork, ...]
    pairs: tuple[InterimPair, ...]
    next_look: NextLook | None = None


def write_interim(folder: Path, interim: Interim) -> None:
    """Writes the record.

    Raises:
        SkipwiseError: the disk is full, read-only, ...
    """
    write_json(folder / INTERIM, interim)


def read_interim(folder: Path) -> Interim | None:
    """The last look; None where none was taken, or where it can't be read just now."""
    try:
        return read_json(folder / INTERIM, Interim)
    except SkipwiseError:
        return None
