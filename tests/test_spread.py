"""Spreads over seeds: against other ways to compute them, and what they say of networks whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from skipwise.statistics import FEWEST_RUNS, spreads
from skipwise.statistics.runs.spread import ratio_interval


def answers(
    rng: np.random.Generator, runs: int, images: int, right: float, effect: float, luck: float = 1.0
) -> NDArray[np.bool_]:
    """Right or wrong [runs, images]; `effect` moves the share of a run, `luck` decides single images."""
    hard = rng.standard_normal(images)
    shifts = effect * rng.standard_normal((runs, 1))
    level = stats.norm.ppf(right) * math.sqrt(1 + luck**2)
    return np.asarray(hard + luck * rng.standard_normal((runs, images)) + shifts < level)


def test_the_spread_is_that_of_the_runs_and_its_part_due_to_images_is_taken_off() -> None:
    rng = np.random.default_rng(0)
    none, real = answers(rng, 400, 500, 0.8, 0.0), answers(rng, 400, 500, 0.8, 0.3)
    found = spreads({"none": none, "real": real}).networks
    assert found["none"].deviation == pytest.approx(none.mean(axis=1).std(ddof=1))
    assert found["none"].seeds == 400
    # Without effects of the seed all of it is due to the images, and with them much is left.
    assert found["none"].beyond < 0.4 * found["none"].deviation
    many = answers(rng, 400, 5_000, 0.8, 0.3).mean(axis=1).std(ddof=1)
    assert found["real"].beyond == pytest.approx(many, rel=0.1)
    # Groups of images that stand or fall together leave less of it.
    twice = np.repeat(none, 2, axis=1)
    by_itself, grouped = (
        spreads({"a": twice}, groups=groups).networks["a"].beyond for groups in (None, np.arange(1000) // 2)
    )
    assert grouped == pytest.approx(found["none"].beyond, rel=1e-6)
    assert by_itself > grouped


def test_the_interval_is_bonetts_with_students_quantile() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.standard_t(4, 9) * 2, rng.standard_t(4, 7)
    fourth = ((a - np.median(a)) ** 4).sum() + ((b - np.median(b)) ** 4).sum()
    kurtosis = 16 * fourth / (8 * a.var(ddof=1) + 6 * b.var(ddof=1)) ** 2
    assert kurtosis > 3
    error = math.sqrt((kurtosis - 6 / 9) / 8 + (kurtosis - 4 / 7) / 6)
    middle, quantile = math.log(a.var(ddof=1) / b.var(ddof=1)), stats.t.isf(0.005, 14)
    expected = [math.exp((middle + sign * quantile * error) / 2) for sign in (-1, 1)]
    assert ratio_interval(a, b, 0.01) == pytest.approx(expected)


@settings(max_examples=25, deadline=None)
@given(
    scale=st.floats(0.01, 100),
    shift=st.floats(-5, 5),
    seed=st.integers(0, 1000),
    counts=st.tuples(*[st.integers(5, 9)] * 2),
)
def test_the_interval_follows_scale_and_order(scale: float, shift: float, seed: int, counts: tuple[int, int]) -> None:
    rng = np.random.default_rng(seed)
    a, b = (rng.standard_normal(count) for count in counts)
    low, high = ratio_interval(a, b, 0.05)
    turned = ratio_interval(b, a, 0.05)
    assert (1 / turned[1], 1 / turned[0]) == pytest.approx((low, high))
    moved = ratio_interval(a + shift, b, 0.05)
    assert moved == pytest.approx((low, high))
    both = ratio_interval(a * scale, b * scale, 0.05)
    assert both == pytest.approx((low, high))
    assert low <= a.std(ddof=1) / b.std(ddof=1) <= high


@pytest.mark.parametrize("runs", [5, 12])
def test_the_interval_holds_where_the_f_test_does_not(runs: int) -> None:
    rng, trials = np.random.default_rng(2), 500
    missed = f_missed = 0
    for _ in range(trials):
        a, b = (rng.gamma(2, size=runs) for _ in range(2))
        low, high = ratio_interval(a, b, 0.05)
        missed += not low <= 1 <= high
        f = a.var(ddof=1) / b.var(ddof=1)
        f_missed += min(stats.f.sf(f, runs - 1, runs - 1), stats.f.cdf(f, runs - 1, runs - 1)) < 0.025
    assert missed / trials < 0.05 < 0.07 < f_missed / trials


def test_verdicts_need_more_than_borderline_images() -> None:
    rng = np.random.default_rng(3)
    # Neither varies with the seed beyond these images; the second has many more borderline ones.
    sure, unsure = (answers(rng, 40, 2000, right, 0.0) for right in (0.995, 0.6))
    pair = spreads({"sure": sure, "unsure": unsure}).pairs[0]
    assert pair.high is not None
    assert pair.high < 1
    assert pair.verdict == "unresolved"
    varying = answers(rng, 40, 2000, 0.995, 1.0)
    pair = spreads({"varying": varying, "sure": sure}).pairs[0]
    assert pair.verdict == "larger"
    assert pair.low is not None
    assert pair.low > 1
    pair = spreads({"sure": sure, "varying": varying}).pairs[0]
    assert pair.verdict == "smaller"


def test_intervals_of_several_pairs_are_wider_and_few_seeds_have_none() -> None:
    rng = np.random.default_rng(4)
    tables = {name: answers(rng, 6, 300, 0.8, 0.2) for name in "abc"}
    alone = spreads({name: tables[name] for name in "ab"}).pairs[0]
    among = spreads(tables).pairs
    assert [(pair.a, pair.b) for pair in among] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert alone.low is not None
    assert among[0].low is not None
    assert among[0].low < alone.low
    assert among[0].ratio == alone.ratio
    few = spreads({**tables, "b": tables["b"][: FEWEST_RUNS - 1], "c": tables["c"][:1]})
    assert list(few.networks) == ["a", "b"]
    assert (few.pairs[0].low, few.pairs[0].high, few.pairs[0].verdict) == (None, None, "too few seeds")
    assert few.pairs[0].ratio is not None


def test_runs_that_all_agree_have_no_ratio() -> None:
    rng = np.random.default_rng(5)
    same = np.tile(rng.random(50) < 0.9, (5, 1))
    found = spreads({"same": same, "other": answers(rng, 5, 50, 0.8, 0.2)})
    assert found.networks["same"].deviation == 0
    assert (found.pairs[0].ratio, found.pairs[0].low, found.pairs[0].verdict) == (0.0, None, "unresolved")
    turned = spreads({"other": answers(rng, 5, 50, 0.8, 0.2), "same": same}).pairs[0]
    assert (turned.ratio, turned.high, turned.verdict) == (None, None, "unresolved")


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(ValueError, match="alpha"):
        spreads({"a": np.zeros((2, 3))}, alpha=0)
    with pytest.raises(ValueError, match="same images"):
        spreads({"a": np.zeros((2, 3)), "b": np.zeros((2, 4))})
    assert spreads({"a": np.zeros((1, 3))}).networks == {}
