"""How much time is left, by made-up machines and clocks."""

from __future__ import annotations

import heapq
import itertools
import math
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skipwise.core.remaining import Remaining


@dataclass(frozen=True)
class Machine:
    """Runs of networks on a machine that is `slower` by a factor between two moments.

    Args:
        costs: seconds of an epoch of each network, where nothing else runs.
        seeds, epochs, slots: how many of each; a run of each network for each seed, in this order.
        warm_up: seconds that each run's first epoch takes longer.
        between: seconds between two runs.
        busy: when another program begins and ends.
    """

    costs: tuple[float, ...]
    seeds: int
    epochs: int
    slots: int = 1
    warm_up: float = 0.0
    between: float = 0.0
    busy: tuple[float, float] = (math.inf, math.inf)
    slower: float = 1.0

    def after(self, begun: float, work: float) -> float:
        """When so many seconds of work are done that were begun at this moment."""
        now = begun
        for until, factor in ((self.busy[0], 1.0), (self.busy[1], self.slower), (math.inf, 1.0)):
            if now < until:
                if now + work * factor <= until:
                    return now + work * factor
                work -= (until - now) / factor
                now = until
        return now

    def events(self, until: float = math.inf) -> list[tuple[float, str, int, float]]:
        """When each epoch of each run ended, which it was and how long it took. The run's own end is one more."""
        runs = [f"{network}-{seed}" for seed in range(self.seeds) for network in range(len(self.costs))]
        free, found = [0.0] * self.slots, []
        for run in runs:
            now = heapq.heappop(free)
            cost = self.costs[int(run.partition("-")[0])]
            for epoch in range(1, self.epochs + 1):
                begun, now = now, self.after(now, cost + self.warm_up * (epoch == 1))
                found.append((now, run, epoch, now - begun))
            now = self.after(now, self.between)
            found.append((now, run, self.epochs + 1, 0.0))
            heapq.heappush(free, now)
        return sorted(event for event in found if event[0] <= until)

    def expected(self) -> Remaining:
        remaining = Remaining(slots=self.slots)
        runs = [(seed, network) for seed in range(self.seeds) for network in range(len(self.costs))]
        remaining.expect({f"{n}-{seed}": (str(n), float(self.epochs)) for seed, n in runs})
        return remaining

    def still(self, now: float) -> Machine:
        """The same machine, if nothing changed any more after this moment."""
        begin, end = self.busy
        return Machine(
            costs=self.costs,
            seeds=self.seeds,
            epochs=self.epochs,
            slots=self.slots,
            warm_up=self.warm_up,
            between=self.between,
            busy=(begin if begin <= now else math.inf, end if end <= now else math.inf),
            slower=self.slower,
        )


def forecasts(machine: Machine) -> list[tuple[float, float | None, float]]:
    """At each epoch's end: when that is, what is estimated to be left, and what would be left if the load stayed."""
    remaining = machine.expected()
    found = []
    ends: dict[tuple[float, float], float] = {}
    for now, run, epoch, seconds in machine.events():
        if epoch <= machine.epochs:
            remaining.note(run, machine.epochs - epoch, seconds, now)
        else:
            remaining.end(run, now)
        still = machine.still(now)
        if still.busy not in ends:
            ends[still.busy] = still.events()[-1][0]
        found.append((now, remaining.seconds(now), ends[still.busy] - now))
    return found


networks = st.lists(st.floats(0.5, 5.0), min_size=2, max_size=4).map(tuple)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    costs=networks,
    seeds=st.integers(3, 6),
    epochs=st.integers(12, 40),
    slots=st.integers(1, 3),
    warm_up=st.floats(0.0, 3.0),
    between=st.floats(0.0, 2.0),
)
def test_on_a_steady_machine_it_is_right_from_its_first_appearance(
    costs: tuple[float, ...], seeds: int, epochs: int, slots: int, warm_up: float, between: float
) -> None:
    machine = Machine(costs=costs, seeds=seeds, epochs=epochs, slots=slots, warm_up=warm_up, between=between)
    found = forecasts(machine)
    end = found[-1][0]
    for now, estimate, truth in found:
        if estimate is not None and truth > 0.02 * end:
            # A run that has just begun is not known to have, before its first epoch is over, nor what passes between
            # two runs before the first of them.
            off = 0.15 if now > 0.2 * end else 0.35
            assert estimate == pytest.approx(truth, rel=off, abs=2 * (max(costs) + warm_up)), now / end
        assert estimate is not None or now < 0.5 * end
    assert found[-1][1] == 0.0


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    costs=networks,
    seeds=st.integers(4, 6),
    epochs=st.integers(25, 50),
    slots=st.integers(1, 3),
    begin=st.floats(0.35, 0.7),
    lasting=st.floats(0.15, 1.0),
    slower=st.floats(1.2, 3.0),
)
def test_a_load_that_begins_or_ends_is_known_a_twentieth_of_the_way_later(
    costs: tuple[float, ...], seeds: int, epochs: int, slots: int, begin: float, lasting: float, slower: float
) -> None:
    idle = Machine(costs=costs, seeds=seeds, epochs=epochs, slots=slots).events()[-1][0]
    busy = (begin * idle, (begin + lasting) * idle)
    machine = Machine(costs=costs, seeds=seeds, epochs=epochs, slots=slots, busy=busy, slower=slower)
    found = forecasts(machine)
    end = found[-1][0]
    for now, estimate, truth in found:
        # Epochs that a change comes in the middle of are known only once they are over.
        settling = any(0 <= now - change <= 0.05 * end + 2 * slower * max(costs) for change in busy)
        assert estimate is not None or now < 0.35 * end
        if estimate is not None and now > 0.2 * end and not settling and truth > 0.05 * end:
            assert estimate == pytest.approx(truth, rel=0.15, abs=slower * max(costs)), (now / end, busy[0] / end)


def test_the_first_steps_of_a_task_say_nothing() -> None:
    remaining = Remaining()
    remaining.expect({"run": ("net", 100.0)})
    assert remaining.seconds(0.0) is None
    remaining.note("run", 99.0, 20.0, 20.0)
    assert remaining.seconds(20.0) is None
    for step, now in enumerate(itertools.count(21.0), 2):
        remaining.note("run", 100.0 - step, 1.0, now)
        if step == 4:
            break
    assert remaining.seconds(23.0) == pytest.approx(96.0)
    # It counts down while a piece is under way, and no further than that takes.
    assert remaining.seconds(23.5) == pytest.approx(95.5)
    assert remaining.seconds(60.0) == pytest.approx(95.0)


def test_kinds_that_were_not_seen_are_no_basis_unless_something_was_expected_of_them() -> None:
    for prior, estimate in (({}, None), ({"a": 3.0, "b": 6.0}, 8.0 + 2 * 20.0)):
        remaining = Remaining(prior=prior, after=0.0)
        remaining.expect({1: ("a", 10.0), 2: ("b", 10.0)})
        for epoch in (1, 2):
            remaining.note(1, 10.0 - epoch, 2.0, 2.0 * epoch)
        found = remaining.seconds(4.0)
        assert found == (None if estimate is None else pytest.approx(2 * 8.0 + 4.0 * 10.0)), prior


def test_what_follows_and_what_was_done_before_count_for_what_they_are() -> None:
    remaining = Remaining(slots=2, after=5.0)
    remaining.expect(dict.fromkeys(range(3), ("a", 4.0)))
    remaining.end(0, 0.0)  # an earlier process had done it
    for epoch in (1, 2):
        remaining.note(1, 4.0 - epoch, 2.0, 2.0 * epoch)
    assert remaining.seconds(4.0) == pytest.approx(max(4.0, 8.0) + 5.0)
    # With fewer tasks left than are done at a time, some have nothing to do.
    for epoch in (3, 4):
        remaining.note(1, 4.0 - epoch, 2.0, 2.0 * epoch)
    remaining.end(1, 8.0)
    assert remaining.seconds(8.0) == pytest.approx(8.0 + 5.0)
