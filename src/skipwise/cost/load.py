"""The share of the processor that a program gets while others run, and how much longer its work therefore takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

IDLE = 0.85
"""From this share on, no other program is running: threads always lose a little by waiting for each other."""
LEAST_ROUNDS, ALIKE = 3, 0.1
"""Work is timed until this many last rounds differ from their median by at most this fraction of it."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The duration of some work.

    Args:
        seconds: the wall-clock seconds of one round.
        share: the processor time that its threads got, as a fraction of what they could have had; 1 on an idle machine.
    """

    seconds: float
    share: float


def measure(work: Callable[[], object], *, threads: int, seconds: float, least: int = LEAST_ROUNDS) -> Measured:
    """Times some work under the present load.

    The first rounds allocate memory and choose kernels; where other programs use the cores, they take up to 20 times
    as long as later ones. So the first round is not counted, rounds are repeated until they take about the same time,
    and the later half of them is the result.

    Args:
        work: the work of one round.
        threads: how many threads the work keeps busy.
        seconds: after which no round begins, even if the last ones differ.
        least: the least number of rounds, however long they take.

    Example:
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
    return len(last) >= LEAST_ROUNDS and all(abs(wall - middle) <= ALIKE * middle for wall in last)


def slowdown(share: float) -> float:
    """Returns how many times slower work is than on an idle machine, by the share of processor time that it gets.

    Example:
        >>> slowdown(0.5), slowdown(0.9)
        (2.0, 1.0)
    """
    return 1 / share if share < IDLE else 1.0


def slowdown_side_by_side(share: float, *, threads: int, processes: int, cores: int) -> float:
    """Returns how many times slower a process is when several equal ones run at once, compared with one alone.

    The kernel divides the cores evenly among threads. The share that one process got tells how many threads of other
    programs compete with it; they will compete with all of the processes.

    Args:
        share: the share of processor time that one process got alone; see `Measured`.
        threads: the threads of each process.
        processes: how many processes run at once.
        cores: the machine's cores.

    Example:
        >>> slowdown_side_by_side(1.0, threads=1, processes=2, cores=2)
        1.0

        With two threads of other programs, each process gets 1/2 of a core instead of 2/3:

        >>> round(slowdown_side_by_side(2 / 3, threads=1, processes=2, cores=2), 2)
        1.33
    """
    if share >= IDLE:
        return max(1.0, processes * threads / cores)
    others = max(0.0, cores / share - threads)
    return max(1.0, share * (processes * threads + others) / cores)
