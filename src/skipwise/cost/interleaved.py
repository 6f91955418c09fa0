"""Times of several things, measured in turn; without torch.

Machines drift: their speed changes from second to second with heat and neighbours. So whatever is compared is
measured in turn, round by round, and the medians are what counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

SETTLING = 0.05
"""Seconds after which no engine's threads wait for more work by spinning."""


@dataclass(frozen=True)
class Timing:
    """Seconds: the median of `rounds` measurements, and the quartiles on either side."""

    median: float
    low: float
    high: float
    rounds: int


def in_turn(
    arms: Mapping[str, Callable[[], object]], *, seconds: float, least_rounds: int = 5, settled: bool = False
) -> dict[str, list[float]]:
    """Seconds that each arm took, once per round, until about `seconds` have gone by; two rounds first are not counted.

    Args:
        settled: wait a moment and run each arm once, untimed, right before it is timed. Engines leave caches full of
            their weights behind, and threads that go on spinning on the cores the next one needs.
    """
    if not arms:
        return {}
    for _ in range(2):
        for arm in arms.values():
            arm()
    taken: dict[str, list[float]] = {name: [] for name in arms}
    end = time.perf_counter() + seconds
    while len(next(iter(taken.values()))) < least_rounds or time.perf_counter() < end:
        for name, arm in arms.items():
            if settled:
                time.sleep(SETTLING)
                arm()
            start = time.perf_counter()
            arm()
            taken[name].append(time.perf_counter() - start)
    return taken


def interleaved(
    arms: Mapping[str, Callable[[], object]], *, seconds: float, least_rounds: int = 5, settled: bool = False
) -> dict[str, Timing]:
    """What `in_turn` gives, in short."""
    taken = in_turn(arms, seconds=seconds, least_rounds=least_rounds, settled=settled)
    return {
        name: Timing(
            median=float(np.median(times)),
            low=float(np.quantile(times, 0.25)),
            high=float(np.quantile(times, 0.75)),
            rounds=len(times),
        )
        for name, times in taken.items()
    }
