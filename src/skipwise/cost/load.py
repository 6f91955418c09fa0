"""How much of the processor a program gets beside others, and what that makes of the time its work takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

IDLE = 0.85
"""From this share on nobody else is at work: threads that wait for each other cost a little on an idle machine, too."""
LEAST_ROUNDS, SETTLED = 3, 0.1
"""Work is timed at least so often, where no less is asked for, until the last rounds lie within this share of their
median."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a piece of work takes.

    Args:
        seconds: of one round, on the clock.
        share: of the processor time its threads could have had, how much they got: 1 on an idle machine.
    """

    seconds: float
    share: float


def measure(work: Callable[[], object], *, threads: int, seconds: float, least: int = LEAST_ROUNDS) -> Measured:
    """Times some work under the load that is there.

    The first rounds get memory, choose kernels and, where other programs hold the cores, take up to 20 times as long
    as those that follow. So one round is not counted, the others go on until they are alike, and of these the later
    half says what a round takes.

    Args:
        threads: that the work keeps busy.
        seconds: after which no more rounds begin, alike or not.
        least: rounds, however long they take.

    >>> measure(lambda: sum(range(1000)), threads=1, seconds=0.01).seconds > 0
    True
    """
    work()
    taken: list[tuple[float, float]] = []
    while len(taken) < least or (sum(wall for wall, _ in taken) < seconds and not _alike(taken)):
        clock, processor = time.perf_counter(), time.process_time()
        work()
        taken.append((time.perf_counter() - clock, time.process_time() - processor))
    later = taken[len(taken) // 2 :]
    wall = sum(clock for clock, _ in later)
    share = sum(processor for _, processor in later) / (wall * threads) if wall else 1.0
    return Measured(seconds=median(clock for clock, _ in later), share=max(0.01, min(share, 1.0)))


def _alike(taken: list[tuple[float, float]]) -> bool:
    last = [wall for wall, _ in taken[-LEAST_ROUNDS:]]
    middle = median(last)
    return len(last) >= LEAST_ROUNDS and all(abs(wall - middle) <= SETTLED * middle for wall in last)


def busy(share: float) -> float:
    """How many times as long work takes as on an idle machine, by the share it got; 1 where nobody else is at work.

    >>> busy(0.5), busy(0.9)
    (2.0, 1.0)
    """
    return 1 / share if share < IDLE else 1.0


def side_by_side(share: float, *, threads: int, processes: int, cores: int) -> float:
    """How many times as long a process takes where several like it run at once, than it took alone.

    The kernel shares the cores out evenly. From what one process got, it follows how many threads of other programs
    compete with it; those will compete with all of them.

    Args:
        share: what one process of so many threads got; see `Measured`.

    >>> side_by_side(1.0, threads=1, processes=2, cores=2)
    1.0
    >>> round(side_by_side(2 / 3, threads=1, processes=2, cores=2), 2)  # two others: from 2/3 of a core to 1/2
    1.33
    """
    if share >= IDLE:
        return max(1.0, processes * threads / cores)
    others = max(0.0, cores / share - threads)
    return max(1.0, share * (processes * threads + others) / cores)
