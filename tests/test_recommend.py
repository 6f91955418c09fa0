"""The recommendation rests on what was shown, in every case there is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import skipwise
from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.question.question import Question
from skipwise.comparison.results.choice import Limits, choose
from skipwise.comparison.results.recommendation import Excess
from skipwise.comparison.results.records import Candidate, Costs, Results, RunResult
from skipwise.comparison.wording import notes, pairs
from skipwise.comparison.wording.answer import answer, excess
from skipwise.core.files.checksums import write_sealed
from skipwise.core.files.json_records import read_json, write_json
from skipwise.cost.counts import Counts
from skipwise.cost.interleaved import Timing
from skipwise.cost.profile import NetworkProfile, ProfileReport
from skipwise.statistics import Estimate, judge
from tests.conftest import Run
from tests.fabricated import fabricate

NO_LIMITS = Limits()
COSTS = {"slow": 0.003, "fast": 0.001, "middle": 0.002}


def results(
    images: int, errors: dict[str, int], *, failed: dict[str, int] | None = None, seeds: int = 5, margin: float = 0.5
) -> Results:
    """Candidates that each get their first so many images wrong, the same with every seed."""
    correct = {}
    for name, count in errors.items():
        right = np.ones((seeds, images), dtype=bool)
        right[:, :count] = False
        correct[name] = right[(failed or {}).get(name, 0) :]
    rows = {name: range(seeds - len(right), seeds) for name, right in correct.items()}
    judged = judge(correct, margin=margin / 100, seeds=rows)
    return Results(
        plan="",
        question=Question(candidates=tuple(errors), looks=(seeds,), margin=margin, alpha=0.05),
        data="made up",
        fingerprint="",
        test_images=images,
        near_duplicates=0,
        guess=0.5,
        classes=("a", "b"),
        class_images=(images // 2, images - images // 2),
        exploratory=False,
        folds=None,
        candidates=tuple(
            Candidate(
                name=name,
                counts=Counts(parameters=parameters, multiply_adds=100 * parameters, activations=5),
                lr=0.1,
                outcome=judged.accuracies.get(name),
                accuracy=None,
                without_near_duplicates=None,
                per_class=(),
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
                repeated=(),
            )
            for name, parameters in zip(errors, (30_000, 10_000, 20_000), strict=False)
        ),
        pairs=judged.pairs,
        looks=(),
        bootstraps=(),
        disagreements=(),
        tried=(),
    )


def said(found: Results, latencies: dict[str, float] = COSTS, limits: Limits = NO_LIMITS) -> str:
    """The answer in words."""
    return " ".join(answer(found, choose(found, latencies, limits)).sentences)


def broken(found: Results, latencies: dict[str, float], limits: Limits) -> dict[str, tuple[str, ...]]:
    """The limits that each network breaks, in words."""
    unfit = choose(found, latencies, limits).unfit
    return {name: tuple(excess(each, found) for each in several) for name, several in unfit.items()}


def test_of_equivalent_networks_the_fastest() -> None:
    found = results(10_000, {"slow": 500, "fast": 501, "middle": 499})
    choice = choose(found, COSTS)
    assert choice.candidate == "fast"
    assert choice.shown
    assert 0 < choice.largest_loss < 0.005
    assert set(choice.as_good) == {"slow", "fast", "middle"}
    assert answer(found, choice).sentences == (
        "Use fast: of the 3 networks shown to be as good as any other, to within 0.5 points, it is the fastest on this "
        "machine's processor (1.00 ms per image).",
        "How sure: 95%. Of 100 comparisons like this one, at most 5 say anything that is wrong.",
        "What it costs: 1.00 ms per image on this machine's processor and 0.0 MB of weights. Finding this out took "
        "15 runs.",
        "What may change it: images of another kind, another split of these, another recipe or more tuning. The "
        "intervals cover none of these.",
    )


def test_a_network_shown_to_be_better_whatever_it_costs() -> None:
    found = results(10_000, {"slow": 100, "fast": 900, "middle": 950})
    choice = choose(found, COSTS)
    assert choice.candidate == "slow"
    assert choice.shown
    assert choice.largest_loss == 0
    assert said(found).startswith("Use slow: it is shown to be better than every other network, by at least 7.")
    assert "The fastest network, fast, takes 1.00 ms and is 7.4 to 8.6 points worse." in said(found)


def test_where_nothing_is_told_apart_the_most_accurate_and_what_it_may_lose() -> None:
    found = results(100, {"slow": 4, "fast": 6, "middle": 5})
    choice = choose(found, COSTS)
    assert choice.candidate == "slow"
    assert not choice.shown
    assert said(found).startswith("If you must choose now, use slow, which did best (96.00%). How sure: not settled.")
    assert "5 seeds on 100 test images can't tell it from fast and middle" in said(found)
    assert f"up to {choice.largest_loss * 100:.1f} points worse than {choice.against}" in said(found)
    assert choice.largest_loss == pytest.approx(max(-found.pair("slow", name).low for name in ("fast", "middle")))


def test_where_only_some_are_told_apart_the_others_are_named() -> None:
    found = results(200, {"slow": 4, "fast": 60, "middle": 5})
    choice = choose(found, COSTS)
    assert choice.candidate == "slow"
    assert not choice.shown
    assert choice.rivals == ("middle",)
    assert "can't tell it from middle," in said(found)
    assert "fast" not in said(found)


def test_failed_runs_are_not_kept_quiet() -> None:
    found = results(10_000, {"slow": 100, "fast": 900}, failed={"slow": 2})
    assert choose(found, COSTS).candidate == "slow"
    assert "2 of its 5 runs failed" in said(found)
    sentences = notes.failures(results(100, {"slow": 1, "fast": 9}, failed={"slow": 1}))
    assert sentences == ["1 of 5 runs of slow failed (seed 0: the loss became nan)."]


@pytest.mark.parametrize(
    ("failed", "who"), [({"slow": 4}, "only fast has"), ({"slow": 5, "fast": 5}, "no network has")]
)
def test_without_two_networks_to_compare_none_is_recommended(failed: dict[str, int], who: str) -> None:
    found = results(100, {"slow": 10, "fast": 20}, failed=failed)
    assert choose(found, COSTS).candidate is None
    assert who in said(found)


def test_a_network_shown_to_be_worse_is_never_chosen() -> None:
    """Even where failures leave it the best mean, over other seeds than its rivals'."""
    found = results(2000, {"slow": 200, "fast": 100, "middle": 101})
    lucky = replace(found.candidates[0], outcome=Estimate(0.99, 0.98, 1.0))
    found = replace(found, candidates=(lucky, *found.candidates[1:]))
    assert choose(found, COSTS).candidate in ("fast", "middle")
    assert "slow" not in said(found)


def test_costs_that_could_not_be_measured_are_left_out_of_the_sentence() -> None:
    found = results(10_000, {"slow": 500, "fast": 501})
    assert choose(found, {}).shown
    assert said(found, {}).startswith(
        "Use fast: of the 2 networks shown to be as good as any other, to within 0.5 points, it is the smallest. "
    )


def test_pairs_read_the_same_from_both_sides() -> None:
    found = results(10_000, {"slow": 100, "fast": 900})
    pair, turned = found.pair("slow", "fast"), found.pair("fast", "slow")
    assert pairs.verdict(pair, found.question) == "slow is better than fast"
    assert pairs.verdict(turned, found.question) == "fast is worse than slow"
    assert pairs.remedy(pair, found) == ""
    assert found.pair("slow", "nobody") is None


def test_unresolved_pairs_say_what_would_settle_them() -> None:
    found = results(100, {"slow": 4, "fast": 6})
    pair = found.pair("slow", "fast")
    assert pair.verdict == "unresolved"
    assert f"test images instead of 100 would settle it, {pairs.IF}; more seeds can't" in pairs.remedy(pair, found)


def test_real_and_too_small_to_matter() -> None:
    found = results(100_000, {"slow": 1000, "fast": 1100})
    pair = found.pair("slow", "fast")
    assert pair.verdict == "better"
    assert pair.equivalent
    assert pairs.verdict(pair, found.question) == "slow is better than fast, though by less than 0.5 points"


def test_networks_that_may_be_guessing_are_named() -> None:
    found = results(200, {"good": 10, "poor": 95, "bad": 120})  # half of the images are of one class
    assert notes.guessing(found) == [
        "poor and bad are not shown to be better than guessing: always answering the commonest class gives a test "
        "accuracy of 50.0%."
    ]
    assert notes.guessing(results(2000, {"good": 10, "fair": 300})) == []


def test_only_networks_within_the_limits_are_chosen_from() -> None:
    found = results(10_000, {"slow": 100, "fast": 900, "middle": 300})
    limits = Limits(latency=0.0025)
    choice = choose(found, COSTS, limits)
    assert choice.candidate == "middle"
    assert choice.shown
    assert choice.against == "fast"  # what breaks a limit is no rival
    assert choice.unfit == {"slow": (Excess(quantity="latency", value=0.003, limit=0.0025),)}
    assert broken(found, COSTS, limits) == {"slow": ("latency 3 ms, 20% over the limit of 2.5 ms",)}
    assert "within the limits" in said(found, COSTS, limits)


def test_one_network_within_the_limits_is_chosen_whatever_was_shown() -> None:
    found, limits = results(100, {"slow": 4, "fast": 6, "middle": 5}), Limits(size=50_000)
    choice = choose(found, COSTS, limits)
    assert (choice.candidate, choice.against, choice.largest_loss) == ("fast", None, None)
    assert said(found, COSTS, limits).startswith("Use fast: it is the only network within the limits.")
    assert broken(found, COSTS, limits)["slow"] == ("size 0.12 MB, 140% over the limit of 0.05 MB",)


def test_where_none_fits_each_limit_that_is_broken_is_named() -> None:
    found = results(10_000, {"slow": 100, "fast": 900, "middle": 300})
    limits = Limits(latency=0.0025, multiply_adds=1.5e6, outcome=0.98)
    assert choose(found, COSTS, limits).candidate is None
    text = said(found, COSTS, limits)
    assert text.startswith("No network fits the limits: slow (latency 3 ms, 20% over")
    assert "fast (test accuracy 91.00%, 7.00 points below the 98% asked for)" in text
    assert broken(found, COSTS, limits)["middle"] == (
        "multiply-adds 2 M, 33% over the limit of 1.5 M",
        "test accuracy 97.00%, 1.00 points below the 98% asked for",
    )
    assert broken(found, {}, Limits(latency=1.0))["slow"] == ("its latency is not known",)
    assert broken(found, {"slow": 0.003001, "fast": 1.0, "middle": 1.0}, Limits(latency=0.003))["slow"] == (
        "latency 3.001 ms, just over the limit of 3 ms",
    )
    assert "20 times" in broken(found, COSTS, Limits(latency=0.00015))["slow"][0]


def test_an_accuracy_that_is_reached_by_luck_only_is_said_to_be_so() -> None:
    found = results(300, {"slow": 20, "fast": 21})
    assert "That it reaches 92% is not shown" in said(found, COSTS, Limits(outcome=0.92))
    assert "not shown" not in said(found, COSTS, Limits(outcome=0.5))


def test_equal_networks_are_said_to_be_equal() -> None:
    found = results(100, {"slow": 5, "fast": 5, "middle": 9})
    assert choose(found, COSTS).candidate == "fast"  # the smaller
    assert "fast and slow did best and equally well (95.00%), and fast is the smaller" in said(found)


def test_what_would_separate_networks_is_said_for_those_that_fit() -> None:
    found = results(100, {"slow": 4, "fast": 9, "middle": 5})
    each = pairs.would_separate(found, frozenset(("slow", "fast", "middle")))
    assert len(each) == 3
    assert all("test images instead of 100 would settle it" in sentence for sentence in each)
    assert len(pairs.would_separate(found, frozenset(("fast", "middle")))) == 1
    settled = results(10_000, {"slow": 100, "fast": 900})
    assert pairs.would_separate(settled, frozenset(("slow", "fast"))) == []


def test_what_would_settle_it_is_said_with_what_it_costs() -> None:
    """More seeds in runs and hours of this machine, by how long runs took; more images in images."""
    found = results(1000, {"slow": 40, "fast": 60})
    (pair,) = found.pairs
    pair = replace(pair, verdict="unresolved", low=-0.01, seeds=5, seeds_needed=15, images_needed=9400)
    found = replace(found, pairs=(pair,))
    costs = replace(fabricate().costs, run_seconds={"slow": 1800.0, "fast": 900.0}, processes=2)
    words = answer(found, choose(found, COSTS), costs)
    assert words.change == (
        "What would tell the two apart: about 15 seeds instead of 5 or about 9,400 test images instead of 1,000, if "
        "they really differ as they did here."
    )
    # 10 more seeds of each: 10 x 1,800 s and 10 x 900 s, two at once.
    more = "20 more runs, about 3.8 h here (3.8 machine-hours)"
    assert words.cost == f"What that costs: {more}; or about 8,400 more test images with their labels."
    assert answer(found, choose(found, COSTS)).cost.startswith("What that costs: 20 more runs; or")
    only_images = replace(found, pairs=(replace(pair, seeds_needed=None),))
    words = answer(only_images, choose(only_images, COSTS), costs)
    assert words.change.endswith("they really differ as they did here; more seeds can't.")
    assert "runs" not in words.cost
    neither = replace(found, pairs=(replace(pair, seeds_needed=None, images_needed=None),))
    words = answer(neither, choose(neither, COSTS), costs)
    assert words.change.startswith("Neither more seeds nor more test images alone would tell the two apart.")
    assert words.cost == ""


def test_a_faster_network_that_is_as_good_comes_before_the_best_guess() -> None:
    found = results(1000, {"slow": 40, "middle": 41, "fast": 45})
    unsure, good, other = found.pairs
    pairs_now = (
        replace(unsure, verdict="unresolved", low=-0.02, high=0.03),
        replace(good, verdict="unresolved", low=-0.02, high=0.004),  # fast may be better, and is hardly worse
        replace(other, verdict="unresolved", low=-0.02, high=0.02),
    )
    found = replace(found, pairs=pairs_now)
    choice = choose(found, COSTS)
    assert (choice.candidate, choice.faster.name) == ("slow", "fast")
    first, second = answer(found, choice).sentences[:2]
    assert first == (
        "Use fast where speed counts: it is faster than slow (1.00 ms instead of 3.00 ms per image) and shown to be as "
        "good, to within 0.5 points."
    )
    assert second == "If you must choose now, use slow, which did best (96.00%)."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A finished comparison that nobody ran."""
    made = fabricate()
    write_sealed(tmp_path / "plan.json", made.plan)
    write_sealed(tmp_path / "comparison.json", made.results)
    write_sealed(tmp_path / "costs.json", made.costs)
    (tmp_path / "report.html").write_text("")
    return tmp_path


def test_limits_are_given_in_the_units_people_use(folder: Path) -> None:
    found = skipwise.recommend(folder, max_latency_ms=5, max_size_mb=25, max_macs="1.5G", min_accuracy=93)
    assert found.limits == Limits(latency=0.005, size=25e6, multiply_adds=1.5e9, outcome=0.93)
    assert found.recommendation.candidate == "mobilenet_v2"
    assert skipwise.recommend(folder, max_macs=600e6, min_accuracy=0.93).limits == Limits(
        multiply_adds=600e6, outcome=0.93
    )


@pytest.mark.parametrize(
    "wrong",
    [{"max_latency_ms": 0}, {"max_size_mb": -1}, {"max_macs": "much"}, {"max_macs": "1.2.3G"}, {"min_accuracy": 101}],
)
def test_limits_that_are_none_are_refused(folder: Path, wrong: dict[str, float]) -> None:
    with pytest.raises(skipwise.SkipwiseError, match="--m"):
        skipwise.recommend(folder, **wrong)


@pytest.fixture
def profile(folder: Path) -> ProfileReport:
    """What `skipwise profile --json` prints on another machine, where resnet18 is quickest."""
    plan = read_json(folder / "plan.json", Plan)
    costs = read_json(folder / "costs.json", Costs)
    quick, slow = (Timing(median=seconds, low=0, high=1, rounds=5) for seconds in (0.001, 0.1))
    counts = Counts(parameters=1, multiply_adds=1, activations=1)
    return ProfileReport(
        machine=replace(costs.machine, processor="Pi"),
        threads=1,
        image_size=plan.preprocessing.size,
        num_classes=len(plan.classes),
        stem=plan.stem,
        width=plan.width,
        batch_size=1,
        precision="fp32",
        compiled=False,
        peak=1.0,
        networks=tuple(
            NetworkProfile(
                name=name,
                counts=counts,
                latency=quick if name == "resnet18" else slow,
                batch=slow,
                images_per_second=1.0,
                of_peak=0.1,
            )
            for name in costs.latencies
        ),
    )


def test_latencies_of_another_machine_change_the_choice(folder: Path, tmp_path: Path, profile: ProfileReport) -> None:
    assert skipwise.recommend(folder, max_size_mb=60).recommendation.candidate == "mobilenet_v2"
    write_json(tmp_path / "there.json", profile)
    found = skipwise.recommend(folder, costs=tmp_path / "there.json")
    assert found.where == "Pi"
    assert found.recommendation.candidate == "resnet18"
    assert "fastest on Pi (1.00 ms per image)" in found.verdict[0]


def test_costs_that_do_not_fit_say_how_to_measure_them(folder: Path, tmp_path: Path, profile: ProfileReport) -> None:
    path = tmp_path / "costs-there.json"
    with pytest.raises(skipwise.SkipwiseError, match="Can't read"):
        skipwise.recommend(folder, costs=path)
    path.write_text("{}")
    with pytest.raises(skipwise.SkipwiseError, match="holds no latencies"):
        skipwise.recommend(folder, costs=path)
    write_json(path, replace(profile, networks=profile.networks[:1]))
    with pytest.raises(skipwise.SkipwiseError, match=r"no latency of se_resnet18, .*profile resnet18,se_resnet18"):
        skipwise.recommend(folder, costs=path)
    for change in ({"image_size": 64}, {"width": 0.5}, {"num_classes": 3}, {"stem": "imagenet"}, {"precision": "bf16"}):
        write_json(path, replace(profile, **change))
        with pytest.raises(skipwise.SkipwiseError, match="is of other networks than this comparison's"):
            skipwise.recommend(folder, costs=path)


def test_a_folder_without_a_finished_comparison_or_with_another_plan_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(skipwise.SkipwiseError, match="no comparison in"):
        skipwise.recommend(tmp_path / "nowhere")
    made = fabricate()
    for edited in (
        replace(made.plan, question=replace(made.plan.question, margin=3.0)),
        replace(made.plan, recipe=replace(made.plan.recipe, epochs=300)),
        replace(made.plan, fingerprint="0" * 64),
        replace(made.plan, asked_before=()),
        replace(made.plan, included=()),
    ):
        write_sealed(folder / "plan.json", edited)
        with pytest.raises(skipwise.SkipwiseError, match="is not the plan that"):
            skipwise.recommend(folder)
    # How many ran at once, and where the images lay, has no part in the answer.
    write_sealed(folder / "plan.json", replace(made.plan, processes=7, found_in="elsewhere.zip"))
    skipwise.recommend(folder)
    write_sealed(folder / "plan.json", made.plan)
    (folder / "comparison.json").write_text((folder / "comparison.json").read_text()[:500])
    with pytest.raises(skipwise.SkipwiseError, match="is damaged"):
        skipwise.recommend(folder)
    (folder / "report.html").unlink()
    with pytest.raises(skipwise.SkipwiseError, match="is not finished"):
        skipwise.recommend(folder)


def test_the_command_says_what_does_not_fit_and_how_to_measure_elsewhere(cli: Run, folder: Path) -> None:
    found = cli("recommend", folder, "--max-size-mb", "40")
    assert found.returncode == 0, found.stderr
    assert "resnet18 does not fit: size 44.68 MB, 12% over the limit of 40 MB." in found.stdout
    assert "Use mobilenet_v2" in found.stdout
    assert "Exploratory" in found.stdout
    assert "--num-classes 5 --stem small --width 1 --json > costs.json" in found.stdout
    none = cli("recommend", folder, "--max-size-mb", "40", "--min-accuracy", "0.99", "--json")
    assert none.returncode == 2
    assert json.loads(none.stdout)["recommendation"]["candidate"] is None
