"""Whether accuracy was still rising at the end of training, against simulated truths."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from skipwise.statistics.runs.climbing import Climb, climb

accuracies = st.floats(0, 1)
tables = st.integers(2, 30).flatmap(
    lambda epochs: st.lists(st.lists(accuracies, min_size=epochs, max_size=epochs), min_size=1, max_size=6)
)


@pytest.mark.parametrize(("count", "epochs"), [(2, 1), (3, 2), (5, 2), (10, 2), (13, 3), (15, 3), (40, 8), (100, 20)])
def test_the_last_fifth_counts_and_two_epochs_at_least(count: int, epochs: int) -> None:
    history = [0.01 * min(epoch, 90) for epoch in range(count)]
    found = climb([history, history], images=100)
    assert found.epochs == epochs
    assert found.gain == pytest.approx(history[-1] - history[-1 - epochs])


@given(tables, st.integers(1, 10_000))
def test_the_interval_is_around_the_gain_and_never_of_zero_width(table: list[list[float]], images: int) -> None:
    found = climb(table, images=images)
    assert found.low < found.gain < found.high
    assert found.gain == pytest.approx(np.mean([row[-1] - row[-1 - found.epochs] for row in table]))
    wider = climb(table, images=images, alpha=0.01)
    assert wider.low < found.low
    assert found.high < wider.high


@given(tables, st.integers(1, 10_000))
def test_a_smaller_margin_is_climbed_sooner(table: list[list[float]], images: int) -> None:
    found = climb(table, images=images)
    told = [found.is_climbing(margin) for margin in (-1, 0, 0.005, 0.1, 1)]
    assert all(a >= b for a, b in pairwise(told))
    assert not found.is_climbing(found.gain)


def test_the_interval_over_seeds_is_students() -> None:
    gains = [0.02, 0.05, 0.03, 0.06]
    found = climb([[0.5, 0.6, 0.6 + gain] for gain in gains], images=1000, share=0.1, alpha=0.1)
    expected = stats.t.interval(0.9, 3, np.mean([0.1 + gain for gain in gains]), stats.sem(gains))
    assert (found.low, found.high) == pytest.approx(expected)


def test_seeds_that_agree_by_chance_prove_little() -> None:
    """Two seeds with ten validation images, both with one image more."""
    assert not climb([[0.5, 0.5, 0.6]] * 2, images=10).is_climbing(0.005)
    assert climb([[0.5, 0.5, 0.6]] * 2, images=10_000).is_climbing(0.005)


@pytest.mark.parametrize("truth", [(0.6, 0.6), (0.2, 0.5), (0.97, 0.99)])
def test_of_one_seed_the_interval_misses_no_more_often_than_it_says(truth: tuple[float, float]) -> None:
    rng = np.random.default_rng(0)
    drawn = rng.binomial(200, truth, (2000, 2)) / 200
    found = [climb([list(pair)], images=200) for pair in drawn]
    missed = [not each.low <= truth[1] - truth[0] <= each.high for each in found]
    assert np.mean(missed) < 0.07


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_a_network_that_has_arrived_is_seldom_taken_for_one_that_climbs(seeds: int) -> None:
    rng = np.random.default_rng(1)
    drawn = rng.binomial(300, 0.9, (2000, seeds, 6)) / 300
    climbing_ones = [climb(table.tolist(), images=300).is_climbing(0.005) for table in drawn]
    assert np.mean(climbing_ones) < 0.035  # of 2.5% on this side
    rising = drawn * np.array([0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    assert np.mean([climb(table.tolist(), images=300).is_climbing(0.005) for table in rising]) > 0.6


@pytest.mark.parametrize(
    ("histories", "images"), [([], 10), ([[0.5]], 10), ([[0.5, 0.6], [0.5]], 10), ([[0.5, 0.6]], 0)]
)
def test_what_can_not_be_told_is_refused(histories: list[list[float]], images: int) -> None:
    with pytest.raises(ValueError, match="at least two"):
        climb(histories, images=images)


def test_falling_is_not_climbing() -> None:
    assert not Climb(-0.1, -0.2, -0.05, 2).is_climbing(-0.5)
