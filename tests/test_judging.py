"""What is judged besides right and wrong answers to single images: groups, losses, and runs that did not learn."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skipwise.statistics import SCHEDULE, judge, pair_level, schedule, share
from skipwise.statistics.groups import groups_of
from tests.test_statistics import benchmark

RNG = np.random.default_rng(0)
RIGHT = {name: RNG.random((5, 400)) < 0.8 for name in "ab"}


# ---- groups


def test_images_of_a_group_are_not_taken_for_independent() -> None:
    simulation = benchmark("coverage_groups")
    world = simulation.World(name="30 x 30", sizes=(30,) * 30)
    found = simulation.false_claims(world, trials=150, seed=3)
    assert found["images singly"] > 0.2
    assert found["over groups"] < 0.11  # 5% is promised; of 150 comparisons so many would be one case in a thousand


def test_a_group_for_each_image_is_no_group() -> None:
    alone = judge(RIGHT, margin=0.005)
    together = judge(RIGHT, margin=0.005, groups=[f"patient {number}" for number in range(400)])
    assert (alone.groups, together.groups) == (None, 400)
    for one, other in zip(alone.pairs, together.pairs, strict=True):
        assert (other.low, other.high) == (pytest.approx(one.low), pytest.approx(one.high))
    assert together.accuracies["a"].low == pytest.approx(alone.accuracies["a"].low)


def test_what_would_settle_a_pair_is_counted_in_groups() -> None:
    rng = np.random.default_rng(1)
    patients = np.arange(600) // 20
    takes = rng.normal(0, 0.15, (2, 30))[:, patients]
    scores = {name: rng.random((5, 600)) < 0.75 + takes[turn] for turn, name in enumerate("ab")}
    (pair,) = judge(scores, margin=0.05, groups=patients).pairs
    assert (pair.verdict, pair.groups, pair.images, pair.images_needed) == ("unresolved", 30, 600, None)
    assert pair.groups_needed is not None
    assert pair.groups_needed > 30


@given(st.lists(st.integers(1, 9), min_size=2, max_size=12))
def test_the_variance_over_groups_is_unbiased_for_equal_group_means(sizes: list[int]) -> None:
    """By arithmetic: the expectation over groups whose means have variance one, and its degrees of freedom."""
    groups = groups_of(np.repeat(np.arange(len(sizes)), sizes))
    p = np.array(sizes) / sum(sizes)
    centred = np.diag(p) @ (np.eye(len(p)) - p)  # group sums of deviations, of group means
    expected = sum(groups.variance(column) for column in centred.T)
    assert expected >= np.sum(p**2) * (1 - 1e-9)
    assert 0 < groups.freedom <= len(sizes) - 1 + 1e-9


@pytest.mark.parametrize(
    ("ids", "complaint"),
    [
        (["a"] * 400, "one group"),
        ([0, 1], "2 groups' ids and 400 images"),
        ([None, *range(399)], "some have none"),
        ([np.nan, *range(399)], "some have none"),
        (np.zeros((400, 2)), "one id for each image"),
    ],
)
def test_groups_that_are_none_are_refused(ids: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        judge(RIGHT, margin=0.005, groups=ids)  # type: ignore[arg-type]


# ---- runs that did not learn


def test_runs_that_did_not_learn_are_counted_and_left_out() -> None:
    classes = np.arange(400) % 10
    tables = {name: table.copy() for name, table in RIGHT.items()}
    tables["b"][3] = classes == 4
    judged = judge(tables, margin=0.005)
    assert judged.accuracies["b"].value == RIGHT["b"][[0, 1, 2, 4]].mean()
    assert (judged.not_learned["a"].count, judged.not_learned["b"].count) == (0, 1)
    assert judged.not_learned["a"].high == pytest.approx(1 - 0.025 ** (1 / 5))  # 0 of 5; up to 52% may
    told = judge(tables, margin=0.005, learned={"a": [True] * 5, "b": [True] * 5})
    assert told.accuracies["b"].value == tables["b"].mean()


def test_a_network_that_never_learned_is_left_out() -> None:
    judged = judge(RIGHT, margin=0.005, learned={"a": [True] * 5, "b": [False] * 5})
    assert set(judged.accuracies) == {"a"}
    assert judged.pairs == ()
    assert judged.not_learned["b"].low == pytest.approx(0.025 ** (1 / 5))


def test_no_interval_has_zero_width() -> None:
    """Runs that give one class each: the means agree to the last image, and the images tell nothing of it."""
    classes = np.arange(300) % 10
    one_class = np.stack([classes == 1, classes == 2])
    judged = judge({"a": one_class, "b": np.ones((2, 300), bool)}, margin=0.005)
    for low, high in [(p.low, p.high) for p in judged.pairs] + [(e.low, e.high) for e in judged.accuracies.values()]:
        assert high - low > 1 / 300


def test_a_share_covers_what_it_should() -> None:
    for truth in (0.05, 0.3, 0.9):
        draws = np.random.default_rng(2).binomial(8, truth, 2000)
        found = [share(int(count), 8) for count in range(9)]
        missed = np.mean([not found[count].low <= truth <= found[count].high for count in draws])
        assert missed <= 0.05 + 0.015
    with pytest.raises(ValueError, match="no share"):
        share(3, 2)


# ---- other scores


@pytest.mark.parametrize("shift", [0.0, -3.0])
def test_of_losses_the_smaller_is_better(shift: float) -> None:
    rng = np.random.default_rng(3)
    losses = {name: rng.gamma(1, scale, (5, 2000)) + shift for name, scale in (("a", 0.5), ("b", 0.9))}
    judged = judge(losses, margin=0.01, higher_is_better=False)
    (pair,) = judged.pairs
    assert pair.verdict == "better"
    assert pair.high < 0
    assert pair.difference == pytest.approx(losses["a"].mean() - losses["b"].mean())
    assert judged.accuracies["b"].low < losses["b"].mean() < judged.accuracies["b"].high
    assert pair.turned().verdict == "worse"


@pytest.mark.parametrize("unit", [1.0, 1000.0])
def test_a_loss_has_no_unit_of_its_own(unit: float) -> None:
    rng = np.random.default_rng(4)
    losses = {name: rng.gamma(1, 0.5, (5, 500)) for name in "abc"}
    plain = judge(losses, margin=0.01, higher_is_better=False)
    scaled = judge({n: unit * x for n, x in losses.items()}, margin=0.01 * unit, higher_is_better=False)
    for one, other in zip(plain.pairs, scaled.pairs, strict=True):
        assert other.low == pytest.approx(unit * one.low)
        assert other.high == pytest.approx(unit * one.high)
    assert scaled.accuracies["a"].high == pytest.approx(unit * plain.accuracies["a"].high)


def test_losses_that_are_no_numbers_or_taken_for_scores_are_refused() -> None:
    losses = {"a": np.full((2, 5), 2.0), "b": np.full((2, 5), np.inf)}
    with pytest.raises(ValueError, match="b must be finite"):
        judge(losses, margin=0.01, higher_is_better=False)
    with pytest.raises(ValueError, match="higher_is_better=False"):
        judge({"a": losses["a"], "b": losses["a"]}, margin=0.01)


# ---- levels


def test_a_number_of_looks_means_the_default_ones() -> None:
    assert schedule(3) == SCHEDULE == (5, 8, 12)
    assert judge(RIGHT, margin=0.005, looks=3) == judge(RIGHT, margin=0.005, looks=[5, 8, 12])
    for nonsense in (0, [], [1, 5], [5, 5], [8, 5]):
        with pytest.raises(ValueError, match="looks"):
            schedule(nonsense)


@pytest.mark.parametrize("candidates", [2, 4, 6, 9])
@pytest.mark.parametrize("looks", [(5,), (5, 8, 12), (3, 40)])
def test_levels_lie_between_bonferroni_and_one_test(candidates: int, looks: tuple[int, ...]) -> None:
    for alpha in (0.05, 0.2, 1e-9):
        level = pair_level(candidates, looks, alpha)
        tests = candidates * (candidates - 1) / 2 * len(looks)
        assert 0.85 * alpha / tests <= level <= alpha
    assert pair_level(candidates + 1, looks, 0.05) < pair_level(candidates, looks, 0.05)


def test_judging_is_quick_enough_to_be_simulated() -> None:
    six = {f"net{number}": np.random.default_rng(number).random((5, 2000)) < 0.8 for number in range(6)}
    judge(six, margin=0.005, looks=3)
    seconds = []
    for _ in range(5):
        began = time.process_time()
        judge(six, margin=0.005, looks=3)
        seconds.append(time.process_time() - began)
    assert min(seconds) < 0.05
