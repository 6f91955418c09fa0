"""How much of the processor a program gets, and what that makes of times: on a made-up clock, and beside real load."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skipwise.core.machine.system import usable_cores
from skipwise.cost import load
from skipwise.cost.load import IDLE, LEAST_ROUNDS, measure, slowdown, slowdown_side_by_side

ALIKE = load.ALIKE


@pytest.fixture(autouse=True)
def _until_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is outside of the tests."""
    monkeypatch.setattr(load, "ALIKE", ALIKE)


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Callable[[], None]]:
    """Makes work whose rounds take as long as they are told to, and get a share of the processor."""
    clock = SimpleNamespace(now=0.0, used=0.0)
    patched = SimpleNamespace(perf_counter=lambda: clock.now, process_time=lambda: clock.used)
    monkeypatch.setattr(load, "time", patched)

    def work(seconds: Iterator[float], share: float = 1.0) -> Callable[[], None]:
        def one() -> None:
            took = next(seconds)
            clock.now += took
            clock.used += share * took

        return one

    return work


def test_the_first_round_is_not_counted(rounds: Callable[..., Callable[[], None]]) -> None:
    assert measure(rounds(iter([20.0, 1.0, 1.0, 1.0])), threads=1, seconds=60.0) == load.Measured(
        seconds=1.0, share=1.0
    )


def test_it_goes_on_until_rounds_are_alike(rounds: Callable[..., Callable[[], None]]) -> None:
    slow_at_first = iter([20.0, 18.0, 9.0, 5.0, 2.0, 1.0, 1.0, 1.0, 7.0])
    assert measure(rounds(slow_at_first), threads=1, seconds=60.0).seconds == 1.0
    assert next(slow_at_first) == 7.0


def test_it_ends_in_time_also_where_they_are_not(rounds: Callable[..., Callable[[], None]]) -> None:
    restless = iter([1.0, 2.0] * 50)
    measure(rounds(restless), threads=1, seconds=6.0)
    assert len(list(restless)) == 100 - 5
    few = iter([9.0] * 9)
    measure(rounds(few), threads=1, seconds=0.0)
    assert len(list(few)) == 9 - 1 - LEAST_ROUNDS
    least = iter([9.0] * 9)
    measure(rounds(least), threads=1, seconds=0.0, least=1)
    assert len(list(least)) == 9 - 1 - 1


def test_the_share_is_of_all_threads_time(rounds: Callable[..., Callable[[], None]]) -> None:
    assert measure(rounds(iter([1.0] * 9), share=0.5), threads=1, seconds=1.0).share == pytest.approx(0.5)
    assert measure(rounds(iter([1.0] * 9), share=0.5), threads=2, seconds=1.0).share == pytest.approx(0.25)
    assert measure(rounds(iter([1.0] * 9), share=3.0), threads=2, seconds=1.0).share == 1.0
    assert measure(rounds(iter([0.0] * 9)), threads=1, seconds=0.0).share == 1.0


@given(share=st.floats(0.01, 1.0))
def test_who_gets_less_is_slower(share: float) -> None:
    assert slowdown(share) == (1.0 if share >= IDLE else pytest.approx(1 / share))


sizes = {"threads": st.integers(1, 8), "processes": st.integers(1, 8), "cores": st.integers(1, 16)}


@given(share=st.floats(0.05, 1.0), more=st.integers(0, 4), **sizes)
def test_processes_side_by_side_take_no_less_than_one_and_more_of_them_no_less(
    share: float, more: int, threads: int, processes: int, cores: int
) -> None:
    few = slowdown_side_by_side(share, threads=threads, processes=processes, cores=cores)
    assert 1.0 <= few <= slowdown_side_by_side(share, threads=threads, processes=processes + more, cores=cores)


@given(others=st.integers(0, 8), **sizes)
def test_it_is_what_follows_from_cores_that_are_shared_out_evenly(
    others: int, threads: int, processes: int, cores: int
) -> None:
    """A process beside threads of others gets its part of all cores; several like it get theirs."""
    share = min(1.0, cores / (threads + others))
    together = min(1.0, cores / (threads * processes + others))
    expected = share / together
    if IDLE <= share < 1:  # too little to tell others from threads that wait for each other
        return
    assert slowdown_side_by_side(share, threads=threads, processes=processes, cores=cores) == pytest.approx(
        expected if share < IDLE else max(1.0, processes * threads / cores)
    )


def _spin(until: float) -> None:
    while time.monotonic() < until:
        pass


@pytest.mark.slow
def test_beside_a_busy_process_on_every_core_it_gets_less() -> None:
    def work() -> None:
        sum(range(300_000))

    alone = measure(work, threads=1, seconds=1.0, least=300)
    context = multiprocessing.get_context("fork")
    others = [context.Process(target=_spin, args=(time.monotonic() + 20,)) for _ in range(3 * usable_cores())]
    for process in others:
        process.start()
    try:
        beside = measure(work, threads=1, seconds=2.0, least=900)
    finally:
        for process in others:
            process.kill()
            process.join()
    # Whatever else goes on here.
    assert beside.share < alone.share
    assert beside.share < IDLE
