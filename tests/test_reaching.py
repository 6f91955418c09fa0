"""Epochs to a target: against statsmodels and brute force, and what is said where runs don't reach it."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.duration.survfunc import SurvfuncRight

from skipwise.statistics import Attempt, first_reached, reachings
from skipwise.statistics.runs.reaching import restricted_mean, survival

ATTEMPTS = st.lists(st.builds(Attempt, epochs=st.integers(1, 12), reached=st.booleans()), min_size=1, max_size=12)


def seeded(*epochs: int | None, watched: int = 20) -> dict[int, Attempt]:
    """A run for each number of epochs; None did not reach the target while it was watched."""
    return {
        seed: Attempt(epochs=watched if each is None else each, reached=each is not None)
        for seed, each in enumerate(epochs)
    }


@settings(max_examples=50, deadline=None)
@given(ATTEMPTS)
def test_survival_is_that_of_statsmodels(runs: list[Attempt]) -> None:
    times, shares = survival(runs)
    oracle = SurvfuncRight([run.epochs for run in runs], [int(run.reached) for run in runs])
    # It also lists the times at which runs were censored, and nothing changes there.
    expected = {t: p for t, p, d in zip(oracle.surv_times, oracle.surv_prob, oracle.n_events, strict=True) if d}
    assert times.tolist() == list(expected)
    assert shares.tolist() == pytest.approx(list(expected.values()))


@settings(max_examples=50, deadline=None)
@given(ATTEMPTS, st.integers(1, 12))
def test_the_restricted_mean_is_the_area_below_the_curve(runs: list[Attempt], horizon: int) -> None:
    times, shares = survival(runs)
    area = 0.0
    for epoch in range(horizon):  # the share that has not reached it after so many epochs
        before = [share for time, share in zip(times, shares, strict=True) if time <= epoch]
        area += before[-1] if before else 1.0
    assert restricted_mean(runs, horizon) == pytest.approx(area)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(1, 20)), min_size=5, max_size=9))
def test_where_all_are_watched_to_the_end_it_is_a_plain_mean(epochs: list[int | None]) -> None:
    runs = seeded(*epochs)
    found = reachings({"a": runs}, epochs=20).networks["a"]
    counted = [20 if each is None else each for each in epochs]
    assert found.mean == pytest.approx(float(np.mean(counted)))
    assert found.reached == sum(each is not None for each in epochs)
    # Half of the runs have reached it at the lower median.
    half = sorted(math.inf if each is None else each for each in epochs)[(len(epochs) - 1) // 2]
    assert found.median == (None if half == math.inf else half)


def test_the_interval_of_a_median_holds_as_often_as_it_says() -> None:
    for count in (5, 6, 8, 12):
        found = reachings({"a": seeded(*range(1, count + 1))}, epochs=20).networks["a"]
        assert found.low is not None
        assert found.high is not None
        # Every way in which runs may fall on either side of the true median, which lies between two epochs.
        inside = sum(
            math.comb(count, below) for below in range(count + 1) if found.low <= below and below + 1 <= found.high
        )
        assert found.sure == pytest.approx(inside / 2**count)
        assert found.sure >= (0.93 if count == 5 else 0.95)
    assert reachings({"a": seeded(3, 4, 5, 6)}, epochs=20).networks["a"].sure is None


def test_a_median_may_have_no_upper_end_or_not_be_reached() -> None:
    found = reachings({"a": seeded(3, 4, 5, 6, 7, None), "b": seeded(3, 4, None, None, None)}, epochs=20).networks
    assert (found["a"].median, found["a"].low, found["a"].high) == (5, 3, None)
    assert (found["b"].median, found["b"].low, found["b"].high, found["b"].reached) == (None, 3, None, 2)


def test_a_difference_is_paired_by_seed() -> None:
    # Seeds vary much, and alike in both networks, so that the difference is known well.
    quick, slow = seeded(4, 8, 12, 6, 10, 5), seeded(9, 13, 17, 12, 15, 10)
    (pair,) = reachings({"slow": slow, "quick": quick}, epochs=20).pairs
    assert pair.low is not None
    assert pair.high is not None
    assert pair.difference == pytest.approx(31 / 6)
    assert pair.seeds == 6
    assert pair.verdict == "more"
    unpaired = {seed: slow[5 - seed] for seed in range(6)}
    (mixed,) = reachings({"slow": unpaired, "quick": quick}, epochs=20).pairs
    assert mixed.low is not None
    assert mixed.difference == pytest.approx(pair.difference)
    assert mixed.low < pair.low
    # The interval is Student's, and wider.
    differences = [slow[s].epochs - quick[s].epochs for s in range(6)]
    low, high = stats.t.interval(0.95, 5, np.mean(differences), math.sqrt(max(np.var(differences, ddof=1), 1 / 6) / 6))
    assert pair.low < low
    assert pair.high > high
    assert pair.high < 19
    (turned,) = reachings({"quick": quick, "slow": slow}, epochs=20).pairs
    assert (turned.low, turned.high, turned.verdict) == (pytest.approx(-pair.high), pytest.approx(-pair.low), "fewer")


def test_censored_runs_count_and_early_ones_are_weighed() -> None:
    all_reach, some = seeded(3, 3, 3, 4, 4, 4), seeded(3, None, None, 4, None, None)
    (pair,) = reachings({"some": some, "all": all_reach}, epochs=20).pairs
    assert pair.difference == pytest.approx((4 * 20 + 3 + 4 - 21) / 6)
    assert pair.verdict == "more"
    # A run that was watched for 2 epochs only says less than one that was watched for 20.
    brief = {**some, 1: Attempt(epochs=2, reached=False)}
    assert reachings({"a": brief}, epochs=20).networks["a"].mean < reachings({"a": some}, epochs=20).networks["a"].mean
    # Where no run of one network was watched to the end, nothing is known of its end.
    short = {seed: Attempt(epochs=9, reached=False) for seed in range(6)}
    found = reachings({"short": short, "all": all_reach}, epochs=20)
    assert {each.horizon for each in found.networks.values()} == {9}


def test_nothing_is_claimed_where_neither_reaches_it_or_seeds_are_few() -> None:
    never = seeded(*[None] * 6)
    (pair,) = reachings({"a": never, "b": never}, epochs=20).pairs
    assert (pair.difference, pair.low, pair.high, pair.verdict) == (0.0, None, None, "unresolved")
    (pair,) = reachings({"a": seeded(3, 3, 3, 3), "b": never}, epochs=20).pairs
    assert (pair.seeds, pair.low, pair.verdict) == (4, None, "too few seeds")
    apart = {seed + 10: run for seed, run in never.items()}
    assert reachings({"a": never, "b": apart}, epochs=20).pairs == ()
    assert reachings({"a": never, "b": {}}, epochs=20).pairs == ()
    with pytest.raises(ValueError, match="alpha"):
        reachings({}, epochs=0)


def test_more_pairs_have_wider_intervals() -> None:
    rng = np.random.default_rng(0)
    runs = {name: seeded(*rng.integers(4, 12, 6).tolist()) for name in "abc"}
    for pair in reachings(runs, epochs=20).pairs:
        (alone,) = reachings({name: runs[name] for name in (pair.a, pair.b)}, epochs=20).pairs
        assert pair.low is not None
        assert alone.low is not None
        assert pair.low < alone.low
    assert len(reachings(runs, epochs=20).pairs) == len(list(combinations("abc", 2)))


def test_the_first_epoch_counts() -> None:
    assert first_reached([0.2, 0.8, 0.5, 0.9], 0.8) == Attempt(epochs=2, reached=True)
    with pytest.raises(ValueError, match="without an epoch"):
        first_reached([], 0.8)
