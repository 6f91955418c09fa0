"""How long the rest of some work takes, from how long what is done took. It has no clock and prints nothing.

Work comes in kinds (networks), whose pieces (epochs) cost more or less, on a machine that is quicker at times and
slower at others. What a kind costs is learned from all of its pieces, beside what the machine's speed was then; how
fast the machine is, from the last pieces, of whichever kind, beside what their kinds cost. So a load that begins or
ends is known for all kinds once it is seen in one.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

WINDOW = 0.02
"""The machine's present speed is that of the latest work, of about this share of all."""
UNSURE = 3
"""Pieces up to which a kind's cost is taken as they say."""
LEARNING, MOST = 0.02, 0.1
"""Later it is corrected by this share of a difference, and as if that were no more than this (of logarithms): a larger
one is a load that begins or ends, and not known as one yet."""
BASIS = 2.0
"""Seconds of work that an estimate rests on, at least."""


@dataclass
class _Task:
    """How much `work` is left; when it was `seen` last, None before it is begun; seconds of its last `piece`."""

    kind: str
    work: float
    seen: float | None = None
    piece: float = 0.0
    ended: bool = False


class Remaining:
    """Estimates how long the rest of some tasks takes.

    Args:
        slots: how many tasks are done at a time.
        prior: what a unit of work of each kind is expected to cost, in any unit; a kind that is left and has neither
            been seen nor is in here leaves no basis for an estimate.
        after: seconds of what follows when all tasks are done.
    """

    def __init__(self, *, slots: int = 1, prior: Mapping[str, float] | None = None, after: float = 0.0) -> None:
        self.slots, self.prior, self.after = slots, dict(prior or {}), after
        self.tasks: dict[Hashable, _Task] = {}
        self.total = 0.0
        self._costs: dict[str, float] = {}  # logarithms of seconds per unit of work
        self._pieces: dict[str, int] = {}  # that were learned from
        self._recent: deque[tuple[str, float, float]] = deque()  # kind, work and seconds of the last pieces
        self._basis = 0.0
        self._met: set[str] = set()
        # Since the first task ended: when that was, how many have begun and ended, and the seconds that pieces took;
        # and those pieces that say nothing of others.
        self._since: float | None = None
        self._begun, self._ended, self._taken = 0, 0, 0.0
        self._warming_up: list[tuple[str, float, float]] = []
        self._closing: list[float] = []  # seconds between a task's last piece and its end

    def expect(self, tasks: Mapping[Hashable, tuple[str, float]]) -> None:
        """From now on this is what there is to do, in this order: the kind of each task, and how much work it is.

        A unit of work costs the same in all tasks of a kind.
        """
        self.tasks = {task: _Task(kind, work) for task, (kind, work) in tasks.items()}
        self.total = sum(task.work for task in self.tasks.values())

    @property
    def work(self) -> float:
        """What is left of `total`."""
        return sum(task.work for task in self.tasks.values())

    def note(self, task: Hashable, left: float, seconds: float, now: float) -> None:
        """So much work of a task is left, and the piece that was just done took so many seconds.

        The first piece of a task says nothing of the others, as what does the work is warming up; nor does the only
        one, if it is the first of its kind.
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
        """What a piece says of its kind's cost and of the machine's speed."""
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
        """A task is done, or was before it was begun here."""
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
        """The estimate; None where there is nothing to base it on yet."""
        left = [task for task in self.tasks.values() if not task.ended]
        rates = self._rates()
        if self._basis < BASIS or any(task.kind not in rates for task in left if task.work):
            return None
        closing = sum(self._closing) / max(len(self._closing), 1)
        pieces = {id(task): task.piece if task.work else closing for task in left}
        done = {id(task): min(now - task.seen, pieces[id(task)]) for task in left if task.seen is not None}
        usual = [min(seconds, rates.get(kind, math.inf) * work) for kind, work, seconds in self._warming_up]
        # Between one task and the next files are written, processes start, and the next one warms up.
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
        """Seconds per unit of work of each kind that is known, at the machine's present speed."""
        costs = dict(self._costs)
        known = [math.log(self.prior[kind]) - cost for kind, cost in costs.items() if kind in self.prior]
        for kind in self.prior.keys() - costs.keys() if known else ():
            costs[kind] = math.log(self.prior[kind]) - sum(known) / len(known)
        load = self._load()
        return {kind: math.exp(cost + load) for kind, cost in costs.items()}

    def _load(self) -> float:
        """The logarithm of how much longer the last pieces took than their kinds' do."""
        if not self._recent:
            return 0.0
        usual = sum(math.exp(self._costs[kind]) * work for kind, work, _ in self._recent)
        return math.log(sum(seconds for _, _, seconds in self._recent) / usual)
