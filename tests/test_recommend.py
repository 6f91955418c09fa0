"""The recommendation rests on what was shown, in every case there is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from skipwise.comparison import wording
from skipwise.comparison.plan import Question
from skipwise.comparison.recommend import recommend
from skipwise.comparison.results import Contender, Results, RunResult
from skipwise.cost.counts import Counts
from skipwise.statistics import Estimate, judge

COSTS = {"slow": 0.003, "fast": 0.001, "middle": 0.002}


def results(
    images: int, errors: dict[str, int], *, failed: dict[str, int] | None = None, seeds: int = 5, margin: float = 0.5
) -> Results:
    """Contenders that each get their first so many images wrong, the same with every seed."""
    correct = {}
    for name, count in errors.items():
        right = np.ones((seeds, images), dtype=bool)
        right[:, :count] = False
        correct[name] = right[(failed or {}).get(name, 0) :]
    rows = {name: range(seeds - len(right), seeds) for name, right in correct.items()}
    judged = judge(correct, margin=margin / 100, seeds=rows)
    return Results(
        question=Question(contenders=tuple(errors), seeds=tuple(range(seeds)), margin=margin, alpha=0.05),
        data="made up",
        fingerprint="",
        test_images=images,
        twins=0,
        commonest=0.5,
        contenders=tuple(
            Contender(
                name=name,
                counts=Counts(parameters=10, multiply_adds=100, activations=5),
                accuracy=judged.accuracies.get(name),
                without_twins=None,
                runs=tuple(
                    RunResult(
                        seed=seed,
                        status="failed" if seed < (failed or {}).get(name, 0) else "finished",
                        reason="the loss became nan" if seed < (failed or {}).get(name, 0) else None,
                        val=None,
                        test=None,
                    )
                    for seed in range(seeds)
                ),
            )
            for name in errors
        ),
        pairs=judged.pairs,
    )


def test_of_equivalent_networks_the_fastest() -> None:
    choice = recommend(results(10_000, {"slow": 500, "fast": 501, "middle": 499}), COSTS)
    assert choice.contender == "fast"
    assert choice.shown
    assert 0 < choice.largest_loss < 0.005
    assert "fastest" in choice.sentence
    assert "3 networks shown" in choice.sentence


def test_a_network_shown_to_be_better_whatever_it_costs() -> None:
    choice = recommend(results(10_000, {"slow": 100, "fast": 900, "middle": 950}), COSTS)
    assert choice.contender == "slow"
    assert choice.shown
    assert choice.largest_loss == 0
    assert "it alone" in choice.sentence


def test_where_nothing_is_told_apart_the_most_accurate_and_what_it_may_lose() -> None:
    found = results(100, {"slow": 4, "fast": 6, "middle": 5})
    choice = recommend(found, COSTS)
    assert choice.contender == "slow"
    assert not choice.shown
    assert "cannot tell the networks apart" in choice.sentence
    assert f"up to {choice.largest_loss * 100:.1f} points behind {choice.against}" in choice.sentence
    assert choice.largest_loss == pytest.approx(max(-found.pair("slow", name).low for name in ("fast", "middle")))


def test_where_only_some_are_told_apart_the_others_are_named() -> None:
    choice = recommend(results(200, {"slow": 4, "fast": 60, "middle": 5}), COSTS)
    assert choice.contender == "slow"
    assert not choice.shown
    assert "cannot tell it from middle," in choice.sentence
    assert "fast" not in choice.sentence


def test_failed_runs_are_not_kept_quiet() -> None:
    choice = recommend(results(10_000, {"slow": 100, "fast": 900}, failed={"slow": 2}), COSTS)
    assert choice.contender == "slow"
    assert "2 of its 5 runs failed" in choice.sentence
    sentences = wording.failures(results(100, {"slow": 1, "fast": 9}, failed={"slow": 1}))
    assert sentences == ["1 of 5 runs of slow failed (seed 0: the loss became nan)."]


@pytest.mark.parametrize(
    ("failed", "who"), [({"slow": 4}, "only fast has"), ({"slow": 5, "fast": 5}, "no network has")]
)
def test_without_two_networks_to_compare_none_is_recommended(failed: dict[str, int], who: str) -> None:
    choice = recommend(results(100, {"slow": 10, "fast": 20}, failed=failed), COSTS)
    assert choice.contender is None
    assert who in choice.sentence


def test_a_network_shown_to_be_worse_is_never_chosen() -> None:
    """Even where failures leave it the best mean, over other seeds than its rivals'."""
    found = results(2000, {"slow": 200, "fast": 100, "middle": 101})
    lucky = replace(found.contenders[0], accuracy=Estimate(0.99, 0.98, 1.0))
    choice = recommend(replace(found, contenders=(lucky, *found.contenders[1:])), COSTS)
    assert choice.contender in ("fast", "middle")
    assert "slow" not in choice.sentence


def test_costs_that_could_not_be_measured_are_left_out_of_the_sentence() -> None:
    choice = recommend(results(10_000, {"slow": 500, "fast": 501}), {})
    assert choice.shown
    assert "ms" not in choice.sentence


def test_pairs_read_the_same_from_both_sides() -> None:
    found = results(10_000, {"slow": 100, "fast": 900})
    pair, turned = found.pair("slow", "fast"), found.pair("fast", "slow")
    assert wording.verdict(pair, 0.5) == "slow is better than fast"
    assert wording.verdict(turned, 0.5) == "fast is worse than slow"
    assert wording.remedy(pair) == ""
    assert found.pair("slow", "nobody") is None


def test_unresolved_pairs_say_what_would_settle_them() -> None:
    pair = results(100, {"slow": 4, "fast": 6}).pair("slow", "fast")
    assert pair.verdict == "unresolved"
    assert "test images would settle it; more seeds cannot" in wording.remedy(pair)


def test_real_and_too_small_to_matter() -> None:
    pair = results(100_000, {"slow": 1000, "fast": 1100}).pair("slow", "fast")
    assert pair.verdict == "better"
    assert pair.equivalent
    assert wording.verdict(pair, 0.5) == "slow is better than fast, though by less than 0.5 points"


def test_networks_that_may_be_guessing_are_named() -> None:
    found = results(200, {"good": 10, "poor": 95, "bad": 120})  # half of the images are of one class
    assert wording.guessing(found) == [
        "Always answering the commonest class is right on 50.0% of the test images; poor, bad are not shown to be "
        "better than that."
    ]
    assert wording.guessing(results(2000, {"good": 10, "fair": 300})) == []
