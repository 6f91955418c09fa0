"""Estimates the remaining time of some work from the time of its finished part. It has no clock and prints nothing.

Work has kinds (networks) and pieces (epochs), and the machine is faster at times and slower at others. The cost of a
kind is estimated from all its pieces, relative to the speed of the machine at that time. The speed of the machine is
estimated from the last pieces of any kind, relative to the cost of their kinds. So a load that begins or ends is taken
into account for all kinds as soon as it shows in one.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

WINDOW = 0.02
"""The present speed of the machine is measured over the latest work, about this share of all work."""
UNSURE = 3
"""Up to so many pieces, the cost of a kind is their mean."""
LEARNING, MOST = 0.02, 0.1
"""After that it is corrected by the share LEARNING of a difference of logarithms, which counts as at most MOST: a
larger one comes from a load that begins or ends."""
BASIS = 2.0
"""Seconds of work that an estimate is based on, at least."""


@dataclass
class _Task:
    """A task.

    Args:
        work: what is left of it.
        seen: when it was reported last; None before it has begun.
        piece: the time of its last piece, in seconds.
    """

    kind: str
    work: float
    seen: float | None = None
    piece: float = 0.0
    ended: bool = False


class Remaining:
    """Estimates the remaining time of some tasks.

    Args:
        slots: how many tasks are done at a time.
        prior: the expected cost of a unit of work of each kind, in any unit. There is no estimate while a kind is left
            that has neither been seen nor is in here.
        after: the time of what follows after all tasks, in seconds.
    """

    def __init__(self, *, slots: int = 1, prior: Mapping[str, float] | None = None, after: float = 0.0) -> None:
        self.slots, self.prior, self.after = slots, dict(prior or {}), after
        self.tasks: dict[Hashable, _Task] = {}
        self.total = 0.0
        self._costs: dict[str, float] = {}  # logarithms of seconds per unit of work
        self._pieces: dict[str, int] = {}  # that the costs were estimated from
        self._recent: deque[tuple[str, float, float]] = deque()  # kind, work and seconds of the last pieces
        self._basis = 0.0
        self._met: set[str] = set()
        # Since the first task ended: when that was, how many tasks have begun and ended since, the time of their
        # pieces, and the pieces that are not typical.
        self._since: float | None = None
        self._begun, self._ended, self._taken = 0, 0, 0.0
        self._warming_up: list[tuple[str, float, float]] = []
        self._closing: list[float] = []  # seconds between a task's last piece and its end

    def expect(self, tasks: Mapping[Hashable, tuple[str, float]]) -> None:
        """Sets the tasks that are left, in this order: the kind of each, and how much work it is.

        A unit of work costs the same in all tasks of a kind.
        """
        self.tasks = {task: _Task(kind, work) for task, (kind, work) in tasks.items()}
        self.total = sum(task.work for task in self.tasks.values())

    @property
    def work(self) -> float:
        """The part of `total` that is left."""
        return sum(task.work for task in self.tasks.values())

    def note(self, task: Hashable, left: float, seconds: float, now: float) -> None:
        """Notes that a piece of a task is done.

        The first piece of a task is not typical, since what does the work is warming up; nor is its only piece, if it
        is the first of its kind.

        Args:
            left: the work of the task that is left.
            seconds: the time of the piece.
            now: on any monotonic clock.
        """
        this = self.tasks[task]
        done, this.work = this.work - left, left
        self._begun += this.seen is None
        counts = done > 0 and (this.seen is not None or (left <= 0 and this.kind in self._met))
        this.seen, this.piece = now, seconds
        self._met.add(this.kind)
        if counts:
            self._learn(this.kind, done, max(seconds, 1e-9))
            self._taken += seconds
        else:
            self._warming_up.append((this.kind, done, seconds))

    def _learn(self, kind: str, work: float, seconds: float) -> None:
        """Estimates the cost of a kind and the speed of the machine from a piece."""
        cost = math.log(seconds / work) - self._load()
        self._pieces[kind] = self._pieces.get(kind, 0) + 1
        known, pieces = self._costs.setdefault(kind, cost), self._pieces[kind]
        apart = cost - known if pieces <= UNSURE else max(-MOST, min(cost - known, MOST))
        self._costs[kind] = known + max(1 / pieces, LEARNING) * apart
        self._basis += seconds
        self._recent.append((kind, work, seconds))
        while sum(work for _, work, _ in itertools.islice(self._recent, 1, None)) >= WINDOW * self.total:
            self._recent.popleft()

    def end(self, task: Hashable, now: float) -> None:
        """Notes that a task is done, or had been done before."""
        this = self.tasks[task]
        this.work, this.ended = 0.0, True
        if this.seen is None:
            return
        self._closing.append(now - this.seen)
        if self._since is None:
            self._since, self._begun, self._taken = now, 0, 0.0
            self._warming_up.clear()
        else:
            self._ended += 1

    def seconds(self, now: float) -> float | None:
        """The estimate; None where there is nothing yet to base it on."""
        left = [task for task in self.tasks.values() if not task.ended]
        rates = self._rates()
        if self._basis < BASIS or any(task.kind not in rates for task in left if task.work):
            return None
        closing = sum(self._closing) / max(len(self._closing), 1)
        pieces = {id(task): task.piece if task.work else closing for task in left}
        done = {id(task): min(now - task.seen, pieces[id(task)]) for task in left if task.seen is not None}
        usual = [min(seconds, rates.get(kind, math.inf) * work) for kind, work, seconds in self._warming_up]
        # Between two tasks files are written, processes start, and the next task warms up.
        longer = sum(seconds for _, _, seconds in self._warming_up) - sum(usual)
        between = closing + longer / max(len(usual), 1)
        if self._since is not None and min(self._begun, self._ended) >= self.slots:
            explained = self._taken + sum(usual) + sum(done.values())
            between = max(0.0, self.slots * (now - self._since) - explained) / self._begun
        free = [0.0] * self.slots
        for task in sorted(left, key=lambda task: task.seen is None):
            taken = task.work * rates[task.kind] if task.work else 0.0
            taken += between if task.seen is None else closing - done[id(task)]
            heapq.heapreplace(free, free[0] + max(taken, 0.0))
        return max(free) + self.after

    def _rates(self) -> dict[str, float]:
        """The time of a unit of work of each known kind, at the present speed of the machine."""
        costs = dict(self._costs)
        known = [math.log(self.prior[kind]) - cost for kind, cost in costs.items() if kind in self.prior]
        for kind in self.prior.keys() - costs.keys() if known else ():
            costs[kind] = math.log(self.prior[kind]) - sum(known) / len(known)
        load = self._load()
        return {kind: math.exp(cost + load) for kind, cost in costs.items()}

    def _load(self) -> float:
        """The logarithm of the time of the last pieces relative to the cost of their kinds."""
        if not self._recent:
            return 0.0
        usual = sum(math.exp(self._costs[kind]) * work for kind, work, _ in self._recent)
        return math.log(sum(seconds for _, _, seconds in self._recent) / usual)
