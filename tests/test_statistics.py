"""Intervals and verdicts against arithmetic done another way, and against simulated truths."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, special, stats

from skipwise.statistics import (
    Judgement,
    Pair,
    beaten,
    bootstrap,
    candidates_left,
    carry_forward,
    judge,
    mcnemar,
    pair_level,
    schedule,
)
from skipwise.statistics import crosschecks as checks
from skipwise.statistics.groups import Groups
from skipwise.statistics.intervals import Networks, analyse, difference_of, mean_of
from skipwise.statistics.moderation import borrowed, combined
from skipwise.statistics.simultaneous import accuracy_level

Answers = dict[str, np.ndarray]


def benchmark(name: str) -> ModuleType:
    """A module of benchmarks/, which is no package."""
    path = Path(__file__).parents[1] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"{name}_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    sys.path.insert(0, str(path.parent))  # where benchmarks find each other
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


@st.composite
def answers(draw: st.DrawFn, candidates: int = 2) -> Answers:
    """Right or wrong, or right answers weighted by the image's class as for balanced accuracy."""
    seeds, images = draw(st.integers(2, 6)), draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    drawn = {f"net{i}": rng.random((seeds, images)) < rng.random() for i in range(candidates)}
    if draw(st.booleans()):
        return drawn
    weights = rng.integers(1, 4, size=images).astype(float)
    return {name: table * (weights / weights.mean()) for name, table in drawn.items()}


def run(*pairs: Pair, margin: float = 0.005) -> Judgement:
    return Judgement(accuracies={}, pairs=pairs, margin=margin, alpha=0.05, looks=3)


def pair_of(a: str, b: str, low: float, high: float, verdict: str = "unresolved", settles: int | None = 9) -> Pair:
    difference = (low + high) / 2
    return Pair(a, b, difference, low, high, verdict, False, 5, 100, settles if verdict == "unresolved" else None, None)


# ---- intervals


def test_variances_are_those_of_the_textbook_sums() -> None:
    values = np.random.default_rng(0).random((3, 4))
    table = analyse(values, Groups(4))
    s, n = values.shape
    grand = values.sum() ** 2 / (s * n)
    seed = (values.sum(axis=1) ** 2).sum() / n - grand
    image = (values.sum(axis=0) ** 2).sum() / s - grand
    rest = (values**2).sum() - grand - seed - image
    assert table.mean == pytest.approx(values.mean())
    assert table.run_variance == pytest.approx(seed / (s - 1) / n)
    assert table.residual_variance == pytest.approx(rest / ((s - 1) * (n - 1)) / n)


def by_hand(
    tables: list[np.ndarray], shares: list[float], level: float, largest: float, images_of: np.ndarray | None = None
) -> tuple[float, float]:
    """The interval of the sum of shares x mean(errors), from the formulas in docs/statistics.md.

    `shares` are 1, -1 and 0. `images_of` numbers the group of each image.
    """
    s, n = tables[0].shape
    ids = np.arange(n) if images_of is None else images_of
    sizes = np.bincount(ids)
    p = sizes / n
    together = np.zeros((n, len(sizes)))
    together[np.arange(n), ids] = 1 / n
    ratio = np.sum(p**2) / np.sum(p**2 * (1 - 2 * p + np.sum(p**2)) / (1 - p)) if n > 1 else 1

    def over_groups(deviations: np.ndarray) -> float:
        return 0.0 if len(sizes) == 1 else max(ratio, 1) * float((deviations @ together) ** 2 @ (1 / (1 - p)))

    runs = np.array([table.mean(axis=1).round(12).var(ddof=1) for table in tables])
    rests = []
    for table in tables:
        residual = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()
        rests.append(sum(over_groups(row) for row in residual) / (s - 1))
    weight = 0.0
    if len(tables) > 2:
        logs = np.log(np.maximum(np.maximum(runs, rests), 1e-20))
        excess = max(logs.var(ddof=1) - special.polygamma(1, (s - 1) / 2), 0.4)
        prior = 2 * optimize.brentq(lambda x: special.polygamma(1, x) - excess, 1e-4, 1e4)
        weight = prior / (prior + s - 1)

    def seeds(chosen: np.ndarray) -> tuple[float, float]:
        parts = (weight * chosen.sum() / len(tables) + (1 - weight) * chosen) * runs / s
        squares = np.sum(parts**2) / (s - 1)
        return parts.sum(), max(parts.sum() ** 2 / squares if squares else 0, s - 1)

    chosen = np.array(shares)
    image = sum(share * table.mean(axis=0) for share, table in zip(shares, tables, strict=True))
    value = image.mean()
    of_images = over_groups(image - value) + (2 if np.abs(chosen).sum() == 2 else 0.5) * largest**2 / n**2
    rest = min(np.abs(chosen) @ rests / s, of_images)
    total, freedom = seeds(np.abs(chosen))
    beyond = max(total - rest, 0)
    d = np.sqrt(p**2 / (1 - p)) if len(sizes) > 1 else np.ones(1)
    b = d[:, None] * (np.eye(len(p)) - p - p[:, None] + np.sum(p**2)) * d
    many = stats.t.isf(level / 2, np.trace(b) ** 2 / np.sum(b**2) if len(sizes) > 1 else 1)
    arms = []
    for worse in (-1, 1):
        tail, of_tail = 0.0, math.inf
        if worse in shares:
            side = shares.index(worse)
            alone, f = seeds(np.eye(len(tables))[side])
            if alone:
                errors = np.clip(tables[side].mean(axis=1), 0.5 / n, 1 - 0.5 / n)
                places = special.logit(errors)
                mean = np.clip(tables[side].mean(), 0.5 / n, 1 - 0.5 / n)
                v = alone * s * (places.var(ddof=1) / runs[side] if runs[side] else (mean * (1 - mean)) ** -2)
                t, z = stats.t.isf(level / 2, f), stats.norm.isf(level / 2)
                skew = 0.7 * max(1 - rests[side] / (alone * s), 0) ** 1.5
                t_skewed = t + skew * (2 * z**2 + 1) / (6 * math.sqrt(s))
                bound = places.mean() + v / 2 + t_skewed * math.sqrt(v / s + v**2 / (2 * (s - 1)))
                tail = max((max(special.expit(bound) - mean, 0) / t) ** 2 - alone, 0)
                of_tail = f if tail else math.inf
        few = stats.t.isf(level / 2, min(freedom, of_tail))
        by_seed = beyond + tail
        arms.append((by_seed * few + of_images * many) / math.sqrt(by_seed + of_images))
    return value - arms[0], value + arms[1]


@given(answers(3), st.sampled_from([1, 3]), st.sampled_from([0.05, 0.2]), st.booleans())
def test_intervals_are_the_formulas(correct: Answers, looks: int, alpha: float, grouped: bool) -> None:
    images = next(iter(correct.values())).shape[1]
    ids = np.arange(images) ** 2 % 7 if grouped and images > 2 else None
    learned = {name: [True] * len(table) for name, table in correct.items()}
    judged = judge(correct, margin=0.01, alpha=alpha, looks=looks, learned=learned, groups=ids)
    numbers = None if ids is None else np.unique(ids, return_inverse=True)[1]
    largest = float(max(table.max() for table in correct.values())) or 1.0
    names = list(correct)
    tables = [1.0 - table for table in correct.values()]
    level = pair_level(3, schedule(looks), alpha)
    for pair in judged.pairs:  # as errors, b's less a's is a's right answers less b's
        shares = [1.0 if name == pair.b else -1.0 if name == pair.a else 0.0 for name in names]
        low, high = by_hand(tables, shares, level, largest, numbers)
        assert pair.low == pytest.approx(max(low, -1), abs=1e-3)  # the inverse trigamma is interpolated
        assert pair.high == pytest.approx(min(high, 1), abs=1e-3)
    level = accuracy_level(3, schedule(looks), alpha)
    for name, accuracy in judged.accuracies.items():
        low, high = by_hand(tables, [float(name == each) for each in names], level, largest, numbers)
        assert accuracy.value == pytest.approx(correct[name].mean())
        assert accuracy.low == pytest.approx(max(1 - high, 0), abs=1e-3)
        assert accuracy.high == pytest.approx(min(1 - low, 1), abs=1e-3)


def networks(*tables: np.ndarray, groups: Groups | None = None) -> Networks:
    together = groups or Groups(tables[0].shape[1])
    return Networks([analyse(1.0 * table, together) for table in tables], together)


def test_two_candidates_that_vary_alike_are_known_better_than_one_that_varies_alone() -> None:
    """Welch's degrees of freedom: the same variance of the difference, from one candidate's seeds or from both's."""
    variances, freedom, none = np.array([2.0, 0.0]), np.array([4.0, 4.0]), np.zeros(())
    shares = np.full(2, 0.2)
    one, few = combined(variances, freedom, none, shares)
    two, many = combined(np.array([1.0, 1.0]), freedom, none, shares)
    assert one == pytest.approx(two)
    assert (few, many) == (pytest.approx(4), pytest.approx(8))


def test_networks_that_vary_alike_borrow_and_one_that_is_noisy_is_not_hidden() -> None:
    freedom = np.full(6, 4.0)
    alike, noisy = np.full(6, 1.0), np.array([1.0, 1.0, 1.0, 1.0, 1.0, 100.0])
    shares = np.array([0.2, 0, 0, 0, 0, 0.2])
    lent, alone = borrowed(alike, freedom), borrowed(noisy, freedom)
    assert alone < 0.5 < lent
    assert borrowed(alike[:2], freedom[:2]) == 0
    assert combined(alike, freedom, lent, shares)[1] > 16
    total, known = combined(noisy, freedom, alone, shares)
    assert known < 6
    assert total > 0.8 * 0.2 * 101


def test_near_the_ceiling_the_truth_may_lie_further_below() -> None:
    """Runs at 99.8% and 99% say little about how bad a bad one is; runs at 50.3% and 49.5% say as much either way."""
    images = 10_000
    errors = np.array([[20], [25], [30], [60], [100]])

    def arms(more: int) -> float:
        mean = mean_of(networks(np.arange(images) < errors + more), 0)
        low, high = mean.interval(0.05)
        return (high - mean.value) / (mean.value - low)

    assert arms(0) > 1.5
    assert 1 < arms(4950) < arms(0) - 0.3


@pytest.mark.parametrize("images", [10, 270, 10_000])
def test_no_disagreement_is_not_certainty(images: int) -> None:
    same = np.ones((5, images), dtype=bool)
    judged = judge({"a": same, "b": same.copy()}, margin=0.005)
    # 1.4 / images is the standard deviation that two discordant images would show.
    assert judged.pairs[0].high > 1.4 / images
    assert judged.pairs[0].equivalent == (images == 10_000)
    assert judged.accuracies["a"].low < 1


@given(answers(3), st.permutations(range(40)))
def test_order_of_images_does_not_matter(correct: Answers, order: list[int]) -> None:
    images = correct["net0"].shape[1]
    shuffled = {name: rows[:, [i for i in order if i < images]] for name, rows in correct.items()}
    for pair, other in zip(judge(correct, margin=0.01).pairs, judge(shuffled, margin=0.01).pairs, strict=True):
        assert pair.low == pytest.approx(other.low)
        assert pair.high == pytest.approx(other.high)


def test_more_pairs_and_more_looks_widen_every_interval() -> None:
    rng = np.random.default_rng(2)
    correct = {name: rng.random((5, 200)) < 0.8 for name in "abcd"}

    def widths(names: str, looks: int = 1) -> tuple[float, float]:
        judged = judge({name: correct[name] for name in names}, margin=0.005, looks=looks)
        pair, accuracy = judged.pairs[0], judged.accuracies["a"]
        return pair.high - pair.low, accuracy.high - accuracy.low

    for narrow, wide, widest in zip(widths("ab"), widths("abcd"), widths("abcd", looks=3), strict=True):
        assert narrow < wide < widest


# ---- verdicts


@given(answers())
def test_turning_a_pair_round_turns_its_verdict(correct: Answers) -> None:
    (pair,) = judge(correct, margin=0.01).pairs
    (turned,) = judge(dict(reversed(correct.items())), margin=0.01).pairs
    for other in (turned, pair.turned()):
        assert (other.a, other.b) == (pair.b, pair.a)
        assert other.difference == pytest.approx(-pair.difference)
        assert other.low == pytest.approx(-pair.high)
        assert other.high == pytest.approx(-pair.low)
        assert other.verdict == {"better": "worse", "worse": "better"}.get(pair.verdict, pair.verdict)
        assert other.equivalent == pair.equivalent


@given(answers(3), st.sampled_from([0.001, 0.01, 0.2]))
def test_verdicts_say_what_the_interval_says(correct: Answers, margin: float) -> None:
    for pair in judge(correct, margin=margin).pairs:
        assert -1 <= pair.low <= pair.difference <= pair.high <= 1
        assert (pair.verdict == "better") == (pair.low > 0)
        assert (pair.verdict == "worse") == (pair.high < 0)
        assert pair.equivalent == (-margin < pair.low and pair.high < margin)
        assert (pair.verdict == "equivalent") == (pair.equivalent and pair.low <= 0 <= pair.high)
        settles = (pair.seeds_needed, pair.images_needed)
        assert pair.verdict == "unresolved" or settles == (None, None)


def test_pairs_use_the_seeds_both_have() -> None:
    rng = np.random.default_rng(3)
    full = {name: rng.random((4, 100)) < 0.8 for name in "ab"}
    some = {"a": full["a"], "b": full["b"][[0, 2, 3]]}
    judged = judge(some, margin=0.005, seeds={"a": [0, 1, 2, 3], "b": [0, 2, 3]})
    (wanted,) = judge({"a": full["a"][[0, 2, 3]], "b": some["b"]}, margin=0.005).pairs
    assert judged.pairs == (wanted,)
    assert wanted.seeds == 3
    assert judged.accuracies["a"].value == full["a"].mean()  # of all its seeds


def test_a_candidate_with_one_run_is_in_no_pair() -> None:
    rng = np.random.default_rng(4)
    correct = {"a": rng.random((3, 50)) < 0.8, "b": rng.random((3, 50)) < 0.8, "c": rng.random((1, 50)) < 0.8}
    judged = judge(correct, margin=0.005)
    assert set(judged.accuracies) == {"a", "b"}
    assert [(pair.a, pair.b) for pair in judged.pairs] == [("a", "b")]


def test_numbers_that_would_settle_a_pair_are_about_the_least_that_do() -> None:
    rng = np.random.default_rng(5)
    noise = np.array([[-0.004], [-0.002], [0], [0.002], [0.004]])
    few = {"a": rng.random((5, 20_000)) < 0.904 + noise, "b": rng.random((5, 20_000)) < 0.9}
    image = np.arange(1000)
    tied = {"a": np.stack([image >= 20] * 5), "b": np.stack([(image < 20) | (image >= 40)] * 5)}
    for correct, what in ((few, "seeds"), (tied, "images")):
        (pair,) = judge(correct, margin=0.005).pairs
        assert pair.verdict == "unresolved"
        count = getattr(pair, f"{what}_needed")
        assert count > getattr(pair, what)
        mean = difference_of(networks(1 - correct["a"], 1 - correct["b"]), 1, 0)
        # Given to a few percent where it is large.
        for number, settled in ((count, True), (min(count - 1, int(0.94 * count)), False)):
            low, high = mean.interval(pair_level(2, (5,), 0.05), **{what: number})
            assert settled == (low > 0 or high < 0 or (low > -0.005 and high < 0.005))


def test_what_cannot_settle_a_pair_is_not_named() -> None:
    rng = np.random.default_rng(5)
    noise = rng.normal(0, 0.01, size=(5, 1))
    noisy = {"a": rng.random((5, 20_000)) < 0.902 + noise, "b": rng.random((5, 20_000)) < 0.9}
    (pair,) = judge(noisy, margin=0.005).pairs
    assert pair.images_needed is None  # no number of images makes up for five noisy seeds
    assert pair.seeds_needed is not None
    right = rng.random(300) < 0.9
    steady = {"a": np.stack([right] * 5), "b": np.stack([rng.permutation(right)] * 5)}
    (pair,) = judge(steady, margin=0.005).pairs
    assert pair.seeds_needed is None  # seeds that all agree have said what they can
    assert pair.images_needed is not None


def test_balanced_accuracy_is_judged_as_accuracy_is() -> None:
    rng = np.random.default_rng(6)
    right = {name: rng.random((5, 300)) < 0.8 for name in "ab"}
    as_floats = {name: table.astype(float) for name, table in right.items()}
    assert judge(as_floats, margin=0.005) == judge(right, margin=0.005)
    # 250 images of one class and 50 of another: the difference is the mean of the classes' differences.
    weights = np.where(np.arange(300) < 250, 300 / 500, 300 / 100)
    (pair,) = judge({name: table * weights for name, table in right.items()}, margin=0.005).pairs
    of_classes = [right["a"][:, part].mean() - right["b"][:, part].mean() for part in (slice(250), slice(250, 300))]
    assert pair.difference == pytest.approx(np.mean(of_classes))
    everything = np.ones((5, 300)) * weights
    perfect = judge({"a": everything, "b": everything}, margin=0.005).accuracies["a"]
    assert perfect.value == pytest.approx(1)
    assert perfect.high == 1


GOOD = np.ones((2, 3), bool)


@pytest.mark.parametrize(
    ("correct", "options", "complaint"),
    [
        ({"a": GOOD}, {}, "two candidates"),
        ({"a": GOOD, "b": np.ones((2, 4), bool)}, {}, "same images"),
        ({"a": GOOD, "b": np.ones(3, bool)}, {}, "array"),
        ({"a": np.ones((2, 0), bool), "b": np.ones((2, 0), bool)}, {}, "one image"),
        ({"a": GOOD, "b": GOOD}, {"margin": 0}, "margin"),
        ({"a": GOOD, "b": GOOD}, {"alpha": 1}, "alpha"),
        ({"a": GOOD, "b": GOOD}, {"looks": 0}, "looks"),
        ({"a": GOOD, "b": GOOD}, {"seeds": {"a": [0, 0], "b": [0, 1]}}, "distinct seed"),
        ({"a": GOOD, "b": GOOD}, {"seeds": {"a": [0, 1]}}, "every candidate"),
        ({"a": GOOD, "b": GOOD.astype(str)}, {}, "bools or numbers"),
        ({"a": GOOD, "b": GOOD.astype(object)}, {}, "bools or numbers"),
        ({"a": GOOD, "b": np.array([[1, 1, np.nan]] * 2)}, {}, "finite"),
        ({"a": GOOD, "b": np.array([[1, 1, np.inf]] * 2)}, {}, "finite"),
        ({"a": GOOD, "b": np.array([[1, 1, -0.5]] * 2)}, {}, "at least 0"),
        ({"a": GOOD, "b": np.array([[2.0, 2, 0], [0, 0, 0]])}, {}, "on average"),
    ],
)
def test_nonsense_is_refused(correct: Answers, options: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        judge(correct, **{"margin": 0.01, **options})


# ---- looks


def test_a_decided_pair_stays_as_it_was_decided() -> None:
    first = run(pair_of("a", "b", 0.001, 0.02, "better"), pair_of("a", "c", -0.01, 0.02))
    second = run(pair_of("a", "b", -0.001, 0.01), pair_of("a", "c", 0.002, 0.01, "better"))
    assert carry_forward(None, first) is first
    settled = carry_forward(first, second)
    assert settled.pairs == (first.pairs[0], second.pairs[1])
    assert carry_forward(settled, first) == settled


def test_out_is_who_is_shown_to_lose_more_than_the_margin() -> None:
    pairs = (
        pair_of("a", "b", 0.006, 0.02, "better"),
        pair_of("a", "c", 0.004, 0.02, "better"),
        pair_of("d", "a", -0.02, -0.006, "worse"),
    )
    assert beaten(pairs, 0.005).keys() == {"b", "d"}
    assert beaten(pairs, 0.003).keys() == {"b", "c", "d"}
    assert beaten(pairs, 0.01) == {}


def test_only_candidates_in_open_pairs_go_on() -> None:
    judgement = run(
        pair_of("a", "b", -0.01, 0.02),
        pair_of("a", "c", 0.001, 0.02, "better"),
        pair_of("b", "c", -0.01, 0.02, settles=None),  # seeds cannot settle it
        pair_of("a", "d", 0.006, 0.02, "better"),  # d is out
        pair_of("c", "d", -0.01, 0.02),
    )
    assert candidates_left(judgement) == {"a", "b"}
    assert candidates_left(judgement, every_pair=True) == {"a", "b", "c", "d"}
    assert candidates_left(run(pair_of("a", "b", 0.001, 0.02, "better"))) == set()


# ---- second opinions


@pytest.mark.parametrize("weight", [None, 0.5])
def test_the_bootstrap_agrees_with_the_interval(weight: float | None) -> None:
    networks = benchmark("coverage").draw(np.random.default_rng(7), [0.9, 0.88], (0.005,), 2000)
    correct = {name: network.answers(12) * (weight or True) for name, network in networks.items()}
    (pair,) = judge(correct, margin=0.005).pairs
    low, high = bootstrap(*correct.values())
    assert (low + high) / 2 == pytest.approx(pair.difference, abs=0.1 * (pair.high - pair.low))
    assert 0.9 < (high - low) / (pair.high - pair.low) < 1.3


def test_the_bootstrap_draws_both_seeds_and_images() -> None:
    """Candidates whose seeds differ and whose images do not, and the other way round: known standard deviations."""
    images = 1000
    still = np.broadcast_to(np.arange(images) < 500, (5, images))
    noisy = np.full((5, images), 1.0) * np.array([[0.4], [0.45], [0.5], [0.55], [0.6]])
    low, high = bootstrap(noisy, np.full((5, images), 0.5))
    assert high - low == pytest.approx(2 * 1.96 * 0.0707 / math.sqrt(5), rel=0.1)
    low, high = bootstrap(still, ~still)
    assert high - low == pytest.approx(2 * 1.96 * 1 / math.sqrt(images), rel=0.1)


def test_the_bootstrap_draws_groups_as_wholes() -> None:
    """Thirty groups, each of which a network takes to or not: as little is known as thirty images would tell."""
    rng = np.random.default_rng(8)
    a, b = (np.repeat(rng.random((1, 30)) < 0.7, 4, axis=0) for _ in "ab")
    whole = [np.repeat(side, 20, axis=1) for side in (a, b)]
    ids = np.repeat(np.arange(30), 20)
    low, high = bootstrap(a, b)
    assert bootstrap(*whole, groups=ids) == pytest.approx((low, high))
    narrow = bootstrap(*whole)
    assert narrow[1] - narrow[0] < 0.3 * (high - low)


def test_the_bootstrap_repeats_itself_and_its_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(8)
    a, b = (rng.random((5, 400)) < level for level in (0.8, 0.7))
    once = bootstrap(a, b)
    assert bootstrap(a, b) == once
    assert bootstrap(a, b, seed=1) != once
    monkeypatch.setattr(checks, "WEIGHTS_AT_ONCE", 400 * 300)  # 2,000 is no multiple of 300
    assert bootstrap(a, b) == pytest.approx(once, abs=0.1 * (once[1] - once[0]))
    narrow = bootstrap(a, b, alpha=0.5)
    assert narrow[1] - narrow[0] < 0.5 * (once[1] - once[0])


@pytest.mark.parametrize("alpha", [1e-30, 1e-16, 1 - 1e-16])
def test_intervals_are_numbers_however_sure_one_wants_to_be(alpha: float) -> None:
    rng = np.random.default_rng(0)
    found = judge({"a": rng.random((3, 200)) < 0.9, "b": rng.random((3, 200)) < 0.8}, margin=0.01, alpha=alpha)
    ends = [end for part in (*found.pairs, *found.accuracies.values()) for end in (part.low, part.high)]
    assert np.isfinite(ends).all()


@pytest.mark.parametrize(
    ("a", "b"), [(GOOD, np.ones((2, 4), bool)), (GOOD, np.ones(3, bool)), (np.ones((2, 0)), np.ones((2, 0)))]
)
def test_the_bootstrap_refuses_other_images(a: np.ndarray, b: np.ndarray) -> None:
    with pytest.raises(ValueError, match="same images"):
        bootstrap(a, b)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 5))
def test_mcnemar_is_the_binomial_test_of_the_disagreements(only_a: int, only_b: int, both: int) -> None:
    a = np.array([True] * only_a + [False] * only_b + [True] * both + [False])
    b = np.array([False] * only_a + [True] * only_b + [True] * both + [False])
    found = mcnemar(a, b)
    assert (found.only_a, found.only_b) == (only_a, only_b)
    total = only_a + only_b
    tail = 2 * stats.binom.cdf(min(only_a, only_b), total, 0.5)
    assert found.p == pytest.approx(min(tail, 1.0))


@pytest.mark.parametrize(("a", "b"), [(GOOD, GOOD), (GOOD[0], GOOD[0, :2]), (GOOD[0], np.ones(3))])
def test_mcnemar_refuses_what_is_not_two_models_answers(a: np.ndarray, b: np.ndarray) -> None:
    with pytest.raises(ValueError, match="two models' answers"):
        mcnemar(a, b)


# ---- simulated truths


def test_simulated_networks_have_the_accuracy_and_the_noise_they_should() -> None:
    simulation = benchmark("coverage")
    networks = simulation.draw(np.random.default_rng(9), [0.98, 0.9], (0.005, 0.0), 4000)
    for network, noise in zip(networks.values(), (0.005, 0.0), strict=True):
        runs = network.answers(400).mean(axis=1)
        of_images = np.sqrt(network.accuracy * (1 - network.accuracy) / 4000)
        assert runs.mean() == pytest.approx(network.accuracy, abs=3 * of_images)
        # All runs share the images; what is left of these in the spread of runs is the runs' luck.
        assert noise**2 * 0.7 < runs.var() < noise**2 * 1.3 + of_images**2


def check_errors(found: dict[str, dict[str, float]], trials: int) -> None:
    simulation = benchmark("coverage")
    for arm, shares in found.items():
        for error, share in shares.items():
            low, high = simulation.monte_carlo(share, trials)
            assert low <= 0.05, f"{arm}: {error} {share:.3f}, 99% interval {low:.3f} to {high:.3f}"
    assert found["one look at 5"]["missed"] > 0  # an interval that never misses is no 95% interval


def test_error_rates_in_simulation() -> None:
    """A quick look, which intervals a quarter narrower do not pass; the slow test takes the long one."""
    simulation = benchmark("coverage")
    for level, images in ((0.7, 300), (0.9, 2000)):
        found = simulation.cell([level] * 2, images=images, noises=(0.005,), trials=300, seed=7)
        check_errors(found, 300)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("accuracies", "images", "noise"),
    [
        ([0.7, 0.695, 0.7, 0.695, 0.7, 0.695], 300, "0.5"),
        ([0.9, 0.895, 0.9, 0.895], 2000, "0, 0.5, 0.2"),
        ([0.98, 0.975, 0.98, 0.975], 2000, "0.2"),
        ([0.995, 0.99], 2000, "0, 0.5, 0.2"),
        ([0.9, 0.9], 10_000, "0.5"),
        ([0.98, 0.98], 10_000, "0, 0.5, 0.2"),
        ([0.995, 0.995], 10_000, "0, 0.5, 0.2"),
    ],
)
def test_error_rates_in_long_simulation(accuracies: list[float], images: int, noise: str) -> None:
    simulation = benchmark("coverage")
    found = simulation.cell(accuracies, images=images, noises=simulation.NOISES[noise], trials=2000, seed=8)
    check_errors(found, 2000)


@pytest.mark.slow
@pytest.mark.parametrize("candidates", [2, 4, 6])
@pytest.mark.parametrize("best", [0.75, 0.92])
@pytest.mark.parametrize("noise", [0.0, 0.002])
def test_clear_comparisons_save_a_third_of_the_runs(candidates: int, best: float, noise: float) -> None:
    simulation = benchmark("coverage")
    accuracies = [best - 0.01 * index for index in range(candidates)]
    found = simulation.saved(accuracies, images=10_000, noise=noise, every_pair=False, trials=200)
    assert found["saved"] >= 0.35
    assert found["decided"] > 0.6
