"""Times several tasks in turn, so that all of them see the same changes of the machine's speed; without torch.

A machine's speed changes from second to second with its temperature and other programs. Tasks that are compared are
therefore timed round by round, each once per round, and compared by their medians.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

PAUSE = 0.05
"""Seconds after which no inference engine's threads still spin to wait for more work."""


@dataclass(frozen=True)
class Timing:
    """The seconds that a task takes: median, lower and upper quartile (`low`, `high`) of `rounds` measurements."""

    median: float
    low: float
    high: float
    rounds: int


def interleaved_times(
    tasks: Mapping[str, Callable[[], object]], *, seconds: float, least_rounds: int = 5, warm_up: bool = False
) -> dict[str, list[float]]:
    """Times each task once per round.

    Args:
        tasks: the tasks by name. Each runs twice before the first round.
        seconds: after which no round begins.
        least_rounds: the least number of rounds, however long they take.
        warm_up: whether each task runs once, untimed and after a pause, right before it is timed. Inference engines
            leave the caches full of their weights, and threads that spin on the cores the next task needs.

    Returns:
        The seconds that each task took in each round.
    """
    if not tasks:
        return {}
    for _ in range(2):
        for task in tasks.values():
            task()
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    end = time.perf_counter() + seconds
    while len(next(iter(taken.values()))) < least_rounds or time.perf_counter() < end:
        for name, task in tasks.items():
            if warm_up:
                time.sleep(PAUSE)
                task()
            start = time.perf_counter()
            task()
            taken[name].append(time.perf_counter() - start)
    return taken


def interleaved(
    tasks: Mapping[str, Callable[[], object]], *, seconds: float, least_rounds: int = 5, warm_up: bool = False
) -> dict[str, Timing]:
    """The medians and quartiles of `interleaved_times`, whose arguments it takes."""
    taken = interleaved_times(tasks, seconds=seconds, least_rounds=least_rounds, warm_up=warm_up)
    return {
        name: Timing(
            median=float(np.median(times)),
            low=float(np.quantile(times, 0.25)),
            high=float(np.quantile(times, 0.75)),
            rounds=len(times),
        )
        for name, times in taken.items()
    }
