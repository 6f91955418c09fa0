"""What twice the images would bring: the runs on parts of them, what is made of these, and what is said."""

from __future__ import annotations

import json
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import skipwise
from skipwise import SkipwiseError
from skipwise.comparison.budget.corrections import Budget, TimeIsUp
from skipwise.comparison.budget.forecast import curve_seconds, forecast, seconds
from skipwise.comparison.plan.command import command
from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.plan.saved import beside, write_plan
from skipwise.comparison.question.curve import smallest_quarter
from skipwise.comparison.report.markdown import markdown
from skipwise.comparison.report.page import write_report
from skipwise.comparison.results.finished import Comparison
from skipwise.comparison.results.learning_curve import CurvePoint, LearningCurve
from skipwise.comparison.results.records import Results
from skipwise.comparison.wording.answer import answer
from skipwise.comparison.wording.learning_curve import few_for_a_curve
from skipwise.comparison.wording.plans import expected, outlined
from skipwise.data.prepare import Request, prepare
from skipwise.statistics import Doubling, Estimate
from skipwise.training.folder.predictions import read_predictions
from skipwise.training.folder.record import RunSpec, read_run
from skipwise.training.loop.recipe import RECIPES, RecipeOptions, choose_recipe, for_part
from skipwise.training.probe.step_cost import StepCost
from tests.conftest import Run, make_photos
from tests.fabricated import Fabricated, fabricate
from tests.processes import Command, time_briefly

DIGITS: dict[str, Any] = {
    "models": ["resnet20", "plain20"],
    "seeds": 2,
    "epochs": 3,
    "width": 0.125,
    "precision": "fp32",
    "compile": False,
}


@pytest.fixture(scope="module")
def fabricated() -> Fabricated:
    return fabricate(("resnet18", "plain18"), choice="resnet18")


def with_curve(results: Results, **fields: Any) -> Results:
    found = Doubling(last=Estimate(0.031, 0.02, 0.042), next=Estimate(0.018, 0.006, 0.03))
    curve = LearningCurve(
        network="resnet18",
        seeds=(0, 1),
        lost=0,
        fewest=25,
        smallest="cat",
        points=(
            CurvePoint(share=0.25, images=270, values=(0.85, 0.87)),
            CurvePoint(share=0.5, images=540, values=(0.91, 0.9)),
            CurvePoint(share=1.0, images=1078, values=(0.94, 0.932)),
        ),
        found=found,
    )
    return replace(results, learning_curve=replace(curve, **fields))


# What is said.


def test_the_answer_has_a_sentence(fabricated: Fabricated) -> None:
    results, choice = fabricated.results, fabricated.costs.recommendation
    before = answer(results, choice)
    assert before.images == ""
    said = answer(with_curve(results), choice)
    assert said.images == (
        "Twice the images would bring resnet18 about 1.8 points (0.6 to 3.0), which is an extrapolation; the last "
        "doubling, from 540 to 1,078, brought 3.1 points (2.0 to 4.2). No other network here would bring anything."
    )
    assert said.images in said.rest
    (pair,) = results.pairs
    open_pair = replace(pair, low=-0.002, high=0.004)
    said = answer(replace(with_curve(results), pairs=(open_pair,)), choice)
    assert said.images.endswith("Another network here would bring 0.2 points at most.")
    said = answer(replace(with_curve(results), pairs=()), choice)
    assert said.images.endswith("It is not known what another network would bring.")
    said = answer(with_curve(results, found=None, points=(), seeds=(1,), lost=4), choice)
    assert said.images.endswith("on a quarter, on half and on all of the training images, and there is only one.")


def test_page_and_markdown_have_a_section(fabricated: Fabricated, tmp_path: Path) -> None:
    found = fabricated
    results = with_curve(found.results, fewest=7, lost=1)
    text = markdown(found.plan, results, found.costs)
    assert "| half | 540 | 90.50% | 90.0 to 91.0 |" in text
    assert "| twice as many | 2,156 | about 95.4% (94.2 to 96.6) |  |" in text
    assert "an extrapolation" in text
    assert "1 seed is left out" in text
    assert "has only 7 of the class 'cat'" in text
    write_report(tmp_path / "page.html", found.plan, results, found.costs, {}, {}, {})
    page = (tmp_path / "page.html").read_text()
    assert 'id="h-more-images"' in page
    assert "about 95.4 (94.2 to 96.6) expected with 2,156" in page
    nothing = with_curve(found.results, found=None, points=())
    write_report(tmp_path / "page.html", found.plan, nothing, found.costs, {}, {}, {})
    page = (tmp_path / "page.html").read_text()
    assert "What more images would bring is not known: the training images are in so few groups" in page
    assert 'id="more-images"' not in page
    write_report(tmp_path / "page.html", found.plan, found.results, found.costs, {}, {}, {})
    assert "h-more-images" not in (tmp_path / "page.html").read_text()


def test_few_images_of_a_class_are_said_in_one_sentence() -> None:
    assert few_for_a_curve(("cat", 10)) == ""
    assert few_for_a_curve(("cat", 9)).count(".") == 1
    assert "only 9 of the class 'cat'" in few_for_a_curve(("cat", 9))


# What is planned.


def test_plans_without_it_are_as_they_were(fabricated: Fabricated) -> None:
    plan = fabricated.plan
    asked = replace(plan, learning_curve=True)
    assert plan.curve_seeds == ()
    assert "--learning-curve" in command(asked)
    assert "--learning-curve" not in command(plan)
    assert asked.digest() != plan.digest()
    assert asked.difference(plan) == "a learning curve is asked for here and not there"
    assert plan.difference(asked) == "a learning curve is asked for there and not here"
    plain = msgspec.json.decode(msgspec.json.encode(plan))
    for name in ("learning_curve", "curve_stopped_after"):
        del plain[name]
    assert msgspec.convert(plain, Plan).digest() == plan.digest()
    spec = plan.spec("resnet18", 0)
    assert "train_share" not in msgspec.to_builtins(spec)
    assert msgspec.json.decode(msgspec.json.encode(spec), type=RunSpec) == spec


def test_runs_on_parts_have_the_recipe_for_so_many_images(fabricated: Fabricated) -> None:
    plan = replace(fabricated.plan, learning_curve=True, included=())
    assert plan.curve_seeds == plan.question.seeds[: plan.question.looks[0]]
    (whole,) = plan.jobs("resnet18", 0)
    for part, share in (("quarter", 0.25), ("half", 0.5)):
        (job,) = plan.curve_jobs("resnet18", part, 0)
        assert job.folder == f"curve/resnet18-s0-{part}"
        assert job.spec.train_share == share
        assert job.spec.recipe.epochs == whole.spec.recipe.epochs
        assert replace(job.spec, recipe=whole.spec.recipe, train_share=whole.spec.train_share) == whole.spec
    folded = replace(plan, folds=3)
    assert [job.folder for job in folded.curve_jobs("resnet18", "half", 1)] == [
        f"curve/resnet18-s1-f{fold}-half" for fold in range(3)
    ]


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("fine_tune", [False, True])
@pytest.mark.parametrize("images", [16, 100, 777, 5000, 40_000])
def test_the_recipe_for_a_part_is_the_one_for_so_many_images(name: str, fine_tune: bool, images: int) -> None:
    asked = RecipeOptions(recipe=name, epochs=20)
    whole = choose_recipe(asked, fine_tune=fine_tune, mirrors=True, images=images)
    for share in (0.25, 0.5):
        few = choose_recipe(asked, fine_tune=fine_tune, mirrors=True, images=int(images * share))
        part = for_part(whole, images, share)
        assert (part.batch_size, part.epochs) == (few.batch_size, few.epochs)
        assert part.lr == pytest.approx(few.lr)
    small = choose_recipe(replace(asked, batch_size=8), fine_tune=fine_tune, mirrors=True, images=images)
    assert for_part(small, images, 0.5).batch_size == 8


def test_what_is_planned_says_what_it_costs(fabricated: Fabricated, tmp_path: Path) -> None:
    plain = replace(fabricated.plan, tuning=None)
    plan = replace(plain, learning_curve=True)
    costs = {name: StepCost(0.1, 0.001) for name in plan.trained}
    looks = plan.question.looks
    assert curve_seconds(plain, costs) == 0
    assert seconds(plan, costs, looks[0]) == pytest.approx(seconds(plain, costs, looks[0]) + curve_seconds(plan, costs))
    known = forecast(plan, costs, dict.fromkeys(plan.trained, 1e6))
    assert known.kept > forecast(plain, costs, dict.fromkeys(plan.trained, 1e6)).kept
    said = " ".join((*outlined(plan), *expected(plan, known, tmp_path)))
    assert "afterwards, the recommended network (of several that are as good, the smallest) on " in said
    assert "of that for the learning curve" in said
    assert "learning curve" not in " ".join((*outlined(plain), *expected(plain, forecast(plain, costs, {}), tmp_path)))


def test_a_time_limit_keeps_time_for_it(fabricated: Fabricated) -> None:
    plain = replace(fabricated.plan, tuning=None, time_limit=600.0, stopped_after=None)
    plan = replace(plain, learning_curve=True)
    costs = {name: StepCost(0.01, 0.0001) for name in plan.trained}
    ends = {}
    for each in (plain, plan):
        budget = Budget(each, each, costs, end=1e6, fewer_epochs=True, clock=lambda: 0.0)
        ends[each.learning_curve] = budget.training_ends
        budget.fix()
        assert budget.training_ends == ends[False]
    assert ends[False] - ends[True] == pytest.approx(curve_seconds(plan, costs))
    late = Budget(plan, plan, costs, end=0.0, fewer_epochs=True, clock=lambda: 0.0)
    late.fix()
    for call in (late.check, late.close):
        with pytest.raises(TimeIsUp):
            call(0)


# What is done.


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    folder = tmp_path_factory.mktemp("curve") / "made"
    return skipwise.compare("digits", output=folder, learning_curve=True, executor=skipwise.InProcess(), **DIGITS)


def curve(comparison: Comparison) -> LearningCurve:
    found = comparison.results.learning_curve
    assert isinstance(found, LearningCurve)
    return found


@pytest.mark.slow
def test_gains_are_those_of_the_answers(made: Comparison) -> None:
    found = curve(made)
    assert found.found is not None
    folder, plan = made.folder, made.plan
    tables = {}
    for part in ("quarter", "half", None):
        tables[part] = []
        for seed in found.seeds:
            jobs = plan.jobs(found.network, seed) if part is None else plan.curve_jobs(found.network, part, seed)
            answers = read_predictions(folder / jobs[0].folder, "test")
            tables[part].append(float((answers.logits.argmax(axis=1) == answers.labels).mean()))
    assert [list(each.values) for each in found.points] == [pytest.approx(each) for each in tables.values()]
    assert found.found.last.value == pytest.approx(np.mean(tables[None]) - np.mean(tables["half"]))
    quarter, half, whole = (each.images for each in found.points)
    assert whole == plan.train_images
    assert (quarter, half) == (pytest.approx(whole / 4, abs=10), pytest.approx(whole / 2, abs=10))
    record = json.loads((folder / "comparison.json").read_text())
    assert record["learning_curve"]["network"] == found.network
    assert made.verdict[-1].startswith("Twice the images would bring ") or any(
        sentence.startswith("Twice the images would bring ") for sentence in made.verdict
    )
    assert made.costs.curve_seconds is not None
    assert made.costs.trained_seconds is not None
    assert made.costs.trained_seconds > made.costs.curve_seconds
    assert read_run(folder / "curve" / f"{found.network.replace(':', '.')}-s0-half").spec.train_share == 0.5
    assert skipwise.status(folder).state == "finished"


@pytest.mark.slow
def test_everything_else_is_as_without_it_and_it_can_be_asked_later(made: Comparison, tmp_path: Path) -> None:
    options = DIGITS | {"executor": skipwise.InProcess(), "output": tmp_path / "plain"}
    plain = skipwise.compare("digits", **options)
    before, after = (json.loads((each.folder / "comparison.json").read_text()) for each in (plain, made))
    for each in (before, after):
        del each["plan"], each["files"]
    assert after.pop("learning_curve") is not None
    assert before == after
    with pytest.raises(SkipwiseError, match="a learning curve is asked for here and not there"):
        skipwise.compare("digits", learning_curve=True, **options)
    runs = {path: path.stat().st_mtime_ns for path in plain.folder.glob("runs/*/run.json")}
    more = skipwise.compare("digits", learning_curve=True, extend=True, **options)
    assert {path: path.stat().st_mtime_ns for path in plain.folder.glob("runs/*/run.json")} == runs
    assert (more.folder / "comparison.json").read_bytes() == (made.folder / "comparison.json").read_bytes()
    assert not more.results.exploratory
    # Asked once more, it is shown, and a command without it shows what is there, too.
    assert skipwise.compare("digits", learning_curve=True, extend=True, **options).repeated
    assert skipwise.compare("digits", extend=True, **options).repeated


@pytest.mark.slow
def test_where_the_time_is_up_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fix = Budget.fix

    def late(budget: Budget) -> None:
        fix(budget)
        budget.end = time.monotonic()

    monkeypatch.setattr(Budget, "fix", late)
    options = DIGITS | {"output": tmp_path / "out", "time_limit": "20m", "executor": skipwise.InProcess()}
    found = skipwise.compare("digits", learning_curve=True, **options)
    assert found.plan.corrections[-1] == "The time was up for the learning curve before it had begun."
    assert found.plan.curve_stopped_after == 0
    assert found.results.learning_curve is msgspec.UNSET
    assert skipwise.compare("digits", learning_curve=True, **options).repeated


def test_too_few_images_are_refused_before_anything_is_trained(photos: Path, tmp_path: Path) -> None:
    few = shutil.copytree(photos, tmp_path / "few")
    first = sorted(path for path in few.iterdir() if path.is_dir())[0]
    for path in sorted(first.iterdir())[4:]:
        path.unlink()
    with pytest.raises(SkipwiseError, match=f"a quarter of the training images, and the class '{first.name}' has only"):
        skipwise.compare(few, output=tmp_path / "out", learning_curve=True, dry_run=True, **DIGITS)
    planned = skipwise.compare(photos, output=tmp_path / "out", learning_curve=True, dry_run=True, **DIGITS)
    assert any("A quarter of the training images has only 2 of the class" in each for each in planned.noticed)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("groups", "enough"), [([0, 1], False), ([0, 1, 2, 3], True), (list(range(20)), True)])
def test_groups_of_which_no_class_has_a_quarter_are_refused(groups: list[int], enough: bool, photos: Path) -> None:
    prepared = prepare(Request(data=str(photos)), seed=0, packed=False)
    labels = prepared.source.labels[prepared.members]
    within = [np.flatnonzero(labels == label).searchsorted(place) for place, label in enumerate(labels)]
    grouped = 100 * labels + np.array(groups)[np.array(within) % len(groups)]
    split = np.where(prepared.split == "", "", "train")
    prepared = replace(prepared, groups=grouped, split=split)
    if enough:
        assert smallest_quarter(prepared, None)[1] > 0
        return
    with pytest.raises(SkipwiseError, match="too few to have a quarter of each class; use finer groups"):
        smallest_quarter(prepared, None)


def test_a_saved_plan_has_it_and_another_can_be_given_it(fabricated: Fabricated, tmp_path: Path) -> None:
    plan = replace(fabricated.plan, init={}, fine_tuning=None)
    write_plan(tmp_path / "with.json", replace(plan, learning_curve=True))
    write_plan(tmp_path / "without.json", plan)
    assert "learning_curve" not in json.loads((tmp_path / "without.json").read_text())
    assert beside(tmp_path / "with.json", {})["learning_curve"]
    assert not beside(tmp_path / "without.json", {}).get("learning_curve")
    assert beside(tmp_path / "without.json", {"learning_curve": True})["learning_curve"]


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--folds", "3"), ("--tune", "lr=0.05,0.2"), ("--keep", "best")])
def test_killed_on_the_way_it_gives_the_same_bytes(tmp_path: Path, more: tuple[str, ...]) -> None:
    def start(output: str) -> Command:
        options = ["--models", "resnet20,plain20", "--seeds", "2", "--epochs", "3", "--width", "0.125"]
        options += ["--precision", "fp32", "--no-compile", "--workers", "2", "--learning-curve", *more]
        return Command("compare", "digits", *options, "--output", tmp_path / output, cwd=tmp_path, prepare=time_briefly)

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    process = start("whole")
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert "Twice the images would bring" in out
    for done in range(3):
        process = start("broken")
        while process.poll() is None and len(list(broken.glob("curve/*/run.json"))) <= done:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    _, err = (process := start("broken")).communicate()
    assert process.returncode == 0, err
    files = [path.relative_to(whole) for path in whole.glob("curve/*/*") if path.suffix in (".npz", ".safetensors")]
    assert len(files) >= 4
    for path in (Path("comparison.json"), *files):
        assert (broken / path).read_bytes() == (whole / path).read_bytes(), path


@pytest.mark.slow
def test_groups_stay_whole_and_restore_trains_a_part_again(cli: Run, tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "stripes", per_class=40)
    arguments = ["compare", photos, "--models", "resnet20,plain20", "--seeds", "2", "--epochs", "4", "--width", "0.25"]
    arguments += ["--precision", "fp32", "--workers", "1", "--learning-curve", "--keep", "none", "--output", "out"]
    result = cli(*arguments, "--group-regex", r"(\d)\.", prepare=time_briefly)
    assert result.returncode == 0, result.stderr
    runs = sorted((tmp_path / "out" / "curve").iterdir())
    assert len(runs) == 4
    assert not any((run / "weights.safetensors").exists() for run in runs)
    assert not skipwise.restore(runs[0]).repeated
    assert (runs[0] / "weights.safetensors").exists()
