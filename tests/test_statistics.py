"""Intervals and verdicts against arithmetic done another way, and against simulated truths."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from skipwise.statistics import TwoWay, _to_settle, judge, two_way

Answers = dict[str, np.ndarray]


def simulation():
    """benchmarks/coverage.py, which is no package."""
    path = Path(__file__).parents[1] / "benchmarks" / "coverage.py"
    spec = importlib.util.spec_from_file_location("coverage_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@st.composite
def answers(draw: st.DrawFn, contenders: int = 2) -> Answers:
    seeds, images = draw(st.integers(2, 6)), draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return {f"net{i}": rng.random((seeds, images)) < rng.random() for i in range(contenders)}


def test_mean_squares_are_those_of_the_textbook_sums() -> None:
    values = np.random.default_rng(0).normal(size=(3, 4))
    analysis = two_way(values, guard=(-1.0, 1.0))
    table = np.concatenate([values, [[-1, 1]] * 3], axis=1)
    s, n = table.shape
    grand = table.sum() ** 2 / (s * n)
    seed = (table.sum(axis=1) ** 2).sum() / n - grand
    image = (table.sum(axis=0) ** 2).sum() / s - grand
    rest = (table**2).sum() - grand - seed - image
    assert analysis.ms_seed == pytest.approx(seed / (s - 1))
    assert analysis.ms_image == pytest.approx(image / (n - 1))
    assert analysis.ms_rest == pytest.approx(rest / ((s - 1) * (n - 1)))
    assert analysis.mean == pytest.approx(values.mean())


def test_interval_averages_students_quantiles_by_their_parts_of_the_variance() -> None:
    rng = np.random.default_rng(1)
    correct = {"a": rng.random((5, 400)) < 0.9, "b": rng.random((5, 400)) < 0.7}
    (pair,) = judge(correct, margin=0.005).pairs
    analysis = two_way(correct["a"].astype(float) - correct["b"], guard=(-1.0, 1.0))
    by_seed = analysis.ms_seed / (5 * 402)
    by_image = (analysis.ms_image - analysis.ms_rest) / (5 * 402)
    quantile = (by_seed * stats.t.ppf(0.975, 4) + by_image * stats.t.ppf(0.975, 401)) / (by_seed + by_image)
    half = quantile * math.sqrt(by_seed + by_image)
    assert pair.low == pytest.approx(pair.difference - half)
    assert pair.high == pytest.approx(pair.difference + half)
    assert pair.verdict == "better"


@given(answers())
def test_turning_a_pair_round_turns_its_verdict(correct: Answers) -> None:
    (pair,) = judge(correct, margin=0.01).pairs
    (turned,) = judge(dict(reversed(correct.items())), margin=0.01).pairs
    assert (turned.a, turned.b) == (pair.b, pair.a)
    assert turned.difference == pytest.approx(-pair.difference)
    assert turned.low == pytest.approx(-pair.high)
    assert turned.verdict == {"better": "worse", "worse": "better"}.get(pair.verdict, pair.verdict)
    assert pair.turned().verdict == turned.verdict


@given(answers(3), st.sampled_from([0.001, 0.01, 0.2]))
def test_verdicts_say_what_the_interval_says(correct: Answers, margin: float) -> None:
    for pair in judge(correct, margin=margin).pairs:
        assert pair.low <= pair.difference <= pair.high
        assert (pair.verdict == "better") == (pair.low > 0)
        assert (pair.verdict == "worse") == (pair.high < 0)
        assert pair.equivalent == (-margin < pair.low and pair.high < margin)
        if pair.verdict == "equivalent":
            assert pair.equivalent
        settles = (pair.seeds_to_settle, pair.images_to_settle)
        assert pair.verdict == "unresolved" or settles == (None, None)


@given(answers(3), st.permutations(range(40)))
def test_order_of_images_does_not_matter(correct: Answers, order: list[int]) -> None:
    images = correct["net0"].shape[1]
    shuffled = {name: rows[:, [i for i in order if i < images]] for name, rows in correct.items()}
    for pair, other in zip(judge(correct, margin=0.01).pairs, judge(shuffled, margin=0.01).pairs, strict=True):
        assert pair.low == pytest.approx(other.low)


@pytest.mark.parametrize("images", [10, 270, 10_000])
def test_no_disagreement_is_not_certainty(images: int) -> None:
    same = np.ones((5, images), dtype=bool)
    (pair,) = judge({"a": same, "b": same.copy()}, margin=0.005).pairs
    # 1.4 / images is the standard deviation that two discordant images would show.
    assert pair.high > 1.4 / images
    assert pair.equivalent == (images == 10_000)
    assert judge({"a": same, "b": same}, margin=0.005).accuracies["a"].low < 1


def test_more_pairs_and_more_looks_widen_every_interval() -> None:
    rng = np.random.default_rng(2)
    correct = {name: rng.random((5, 200)) < 0.8 for name in "abcd"}

    def width(**options: object) -> float:
        few = {name: correct[name] for name in options.pop("names", "abcd")}
        pair = judge(few, margin=0.005, **options).pairs[0]
        return pair.high - pair.low

    assert width(names="ab") < width() < width(looks=3)


def test_pairs_use_the_seeds_both_have() -> None:
    rng = np.random.default_rng(3)
    full = {name: rng.random((4, 100)) < 0.8 for name in "ab"}
    some = {"a": full["a"], "b": full["b"][[0, 2, 3]]}
    (pair,) = judge(some, margin=0.005, seeds={"a": [0, 1, 2, 3], "b": [0, 2, 3]}).pairs
    (wanted,) = judge({"a": full["a"][[0, 2, 3]], "b": some["b"]}, margin=0.005).pairs
    assert pair == wanted
    assert pair.seeds == 3


def test_a_contender_with_one_run_is_in_no_pair() -> None:
    rng = np.random.default_rng(4)
    correct = {"a": rng.random((3, 50)) < 0.8, "b": rng.random((3, 50)) < 0.8, "c": rng.random((1, 50)) < 0.8}
    judged = judge(correct, margin=0.005)
    assert set(judged.accuracies) == {"a", "b"}
    assert [(pair.a, pair.b) for pair in judged.pairs] == [("a", "b")]


def test_what_would_settle_a_pair_does_so_about_as_said() -> None:
    """With images enough to spare, the number of seeds named makes the expected interval leave out zero."""
    rng = np.random.default_rng(5)
    noise = rng.normal(0, 0.01, size=(5, 1))
    correct = {"a": rng.random((5, 20_000)) < 0.902 + noise, "b": rng.random((5, 20_000)) < 0.9}
    (pair,) = judge(correct, margin=0.005).pairs
    assert pair.verdict == "unresolved"
    assert pair.images_to_settle is None  # no number of images makes up for five noisy seeds
    assert pair.seeds_to_settle is not None
    assert pair.seeds_to_settle > 5


@pytest.mark.parametrize(
    ("correct", "options"),
    [
        ({"a": np.ones((2, 3), bool)}, {"margin": 0.01}),
        ({"a": np.ones((2, 3), bool), "b": np.ones((2, 4), bool)}, {"margin": 0.01}),
        ({"a": np.ones((2, 3), bool), "b": np.ones((2, 3), bool)}, {"margin": 0}),
        ({"a": np.ones((2, 3), bool), "b": np.ones((2, 3), bool)}, {"margin": 0.1, "alpha": 1}),
        (
            {"a": np.ones((2, 3), bool), "b": np.ones((2, 3), bool)},
            {"margin": 0.1, "seeds": {"a": [0, 0], "b": [0, 1]}},
        ),
    ],
)
def test_nonsense_is_refused(correct: Answers, options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"[a-z]"):
        judge(correct, **options)


def test_half_width_by_hand() -> None:
    # Seeds: 6 / (3 * 20) = 0.1; images: (4 - 1) / (3 * 20) = 0.05; Student's 97.5% quantiles 4.303 and 2.093.
    analysis = TwoWay(mean=0.0, seeds=3, images=20, ms_seed=6.0, ms_image=4.0, ms_rest=1.0)
    assert analysis.half_width(0.05) == pytest.approx(
        (0.1 * 4.30265 + 0.05 * 2.09302) / 0.15 * math.sqrt(0.15), rel=1e-4
    )
    # Twice the seeds: effects of seeds (6 - 1) / 20 / 6 and rest 1 / 120, with 5 degrees of freedom; images as before.
    by_seed, by_image = 0.25 / 6 + 1 / 120, 0.05
    wanted = (by_seed * 2.57058 + by_image * 2.09302) / math.sqrt(by_seed + by_image)
    assert analysis.expected_half_width(0.05, seeds=6, images=20) == pytest.approx(wanted, rel=1e-4)


def test_numbers_that_would_settle_a_pair_are_the_least_that_do() -> None:
    analysis = TwoWay(mean=0.012, seeds=5, images=2000, ms_seed=0.5, ms_image=0.2, ms_rest=0.08)
    seeds, images = _to_settle(analysis, 0.005, 0.05)
    assert images is None
    assert analysis.expected_half_width(0.05, seeds=seeds, images=2000) < 0.012
    assert analysis.expected_half_width(0.05, seeds=seeds - 1, images=2000) >= 0.012
    # Inside the margin counts too: with no difference observed, half a margin band is what there is.
    quiet = TwoWay(mean=0.0, seeds=5, images=2000, ms_seed=0.05, ms_image=0.1, ms_rest=0.05)
    _, images = _to_settle(quiet, 0.005, 0.05)
    assert quiet.expected_half_width(0.05, seeds=5, images=images + 2) < 0.005
    assert quiet.expected_half_width(0.05, seeds=5, images=images + 1) >= 0.005


def test_accuracies_are_simultaneous_over_the_contenders() -> None:
    rng = np.random.default_rng(6)
    correct = {name: rng.random((5, 300)) < 0.8 for name in "abc"}
    few, many = judge({n: correct[n] for n in "ab"}, margin=0.005), judge(correct, margin=0.005)
    assert many.accuracies["a"].value == few.accuracies["a"].value == correct["a"].mean()
    assert many.accuracies["a"].high - many.accuracies["a"].low > few.accuracies["a"].high - few.accuracies["a"].low


@pytest.mark.parametrize(("seeds", "noise"), [(5, 0.0), (5, 0.005), (3, 0.01), (2, 0.01)])
def test_error_rates_in_simulation(seeds: int, noise: float) -> None:
    """A quick look; benchmarks/coverage.py takes the long one. 400 trials at 5% stay below 9% but one time in 2,000."""
    shares = simulation().cell([0.9, 0.895, 0.9], seeds=seeds, images=1000, seed_noise=noise, trials=400, seed=7)
    assert max(shares[name] for name in ("missed", "false claim", "false equivalence")) < 0.09
    assert shares["missed"] > 0  # an interval that never misses is no 95% interval


@pytest.mark.slow
@pytest.mark.parametrize("images", [300, 2000])
@pytest.mark.parametrize("accuracy", [0.7, 0.98])
def test_error_rates_in_long_simulation(images: int, accuracy: float) -> None:
    accuracies = [accuracy, accuracy - 0.005, accuracy, accuracy - 0.005]
    shares = simulation().cell(accuracies, seeds=5, images=images, seed_noise=0.005, trials=2000, seed=8)
    # At 5%, the 99% interval of 2,000 trials ends at 6.3%.
    assert max(shares[name] for name in ("missed", "false claim", "false equivalence")) < 0.063
