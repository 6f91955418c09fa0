"""Comparisons that are more than one question at one split: extended, with runs included, cross-validated, in time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

import skipwise
from skipwise.comparison.budget import corrections as budget
from skipwise.comparison.budget import forecast, resolve
from skipwise.comparison.budget.fit import fit_to_limit
from skipwise.comparison.executors import in_process
from skipwise.comparison.plan.extending import as_asked_before
from skipwise.comparison.plan.plan import COMPARISONS, Plan
from skipwise.core.files.checksums import write_sealed
from skipwise.core.files.json_records import read_json
from skipwise.core.workspace.task import Task
from skipwise.training.folder.predictions import read_predictions
from skipwise.training.folder.record import RunRecord
from skipwise.training.folder.state import EpochMetrics
from skipwise.training.loop.recipe import RecipeOptions, choose_recipe, of_one_size
from skipwise.training.loop.trainer import Training
from skipwise.training.probe.step_cost import StepCost
from skipwise.training.tuning.tuning import Tuning
from tests.fabricated import fabricate

pytestmark = pytest.mark.usefixtures("in_this_process")

LINEAR = "tests.external_networks:linear"
QUICK = {"epochs": 1, "width": 0.125, "img_size": 16, "precision": "fp32"}


def test_a_comparison_can_be_asked_more_and_says_so(photos: Path, tmp_path: Path) -> None:
    options = {"output": tmp_path / "out", "workers": 1, **QUICK}
    skipwise.compare(photos, models=[LINEAR, "plain18"], looks=[2], **options)
    before = (tmp_path / "out" / "runs" / "plain18-s0" / "run.json").stat().st_mtime_ns
    three = [LINEAR, "plain18", "resnet18"]
    # Another question is refused, and one that is less than the first one too.
    with pytest.raises(skipwise.SkipwiseError, match="of another plan"):
        skipwise.compare(photos, models=three, looks=[2], **options)
    with pytest.raises(skipwise.SkipwiseError, match="takes the same question with more networks or more looks"):
        skipwise.compare(photos, models=[LINEAR, "resnet18"], looks=[2], extend=True, **options)
    assert (tmp_path / "out" / "report.html").exists()

    more = skipwise.compare(photos, models=three, looks=[2, 3], extend=True, **options)
    assert not more.repeated
    assert [question.candidates for question in (*more.plan.asked_before, more.plan.question)] == [
        (LINEAR, "plain18"),
        (LINEAR, "plain18", "resnet18"),
    ]
    assert more.plan == read_json(tmp_path / "out" / "plan.json", Plan)
    assert (tmp_path / "out" / "runs" / "plain18-s0" / "run.json").stat().st_mtime_ns == before
    assert more.results.exploratory
    assert "Exploratory" in more.report.read_text()
    called = {name.replace(":", ".") for name in three}
    assert {page.parent.name for page in more.folder.glob("evaluation/*/evaluation.html")} == called
    # In whatever order they are named, it is the same question.
    assert skipwise.compare(photos, models=three[::-1], looks=[2, 3], extend=True, **options).repeated
    assert json.loads((tmp_path / "out" / "comparison-1.json").read_text())["question"]["looks"] == [2]
    assert "Exploratory" in skipwise.report(more.folder, format="md")
    # The page can be written again from what is in the folder.
    page = more.report.read_text()
    more.report.write_text("")
    assert skipwise.report(more.folder) == more.report
    assert more.report.read_text() == page
    record = json.loads(skipwise.report(more.folder, format="json"))
    stored = json.loads((more.folder / "comparison.json").read_text())
    assert record["results"] | {"files": stored["files"]} == stored


def test_every_image_is_tested_once_per_repeat_of_cross_validation(photos: Path, tmp_path: Path) -> None:
    found = skipwise.compare(
        photos, models=[LINEAR, "plain18"], seeds=2, folds=3, output=tmp_path / "out", workers=1, **QUICK
    )
    assert found.results.test_images == 36
    assert all(pair.images == 36 for pair in found.results.pairs)
    for seed in range(2):
        folders = [tmp_path / "out" / "runs" / f"plain18-s{seed}-f{fold}" for fold in range(3)]
        tested = [read_predictions(folder, "test").ids.tolist() for folder in folders]
        assert len({image for part in tested for image in part}) == 36
        assert [len(ids) for ids in tested] == [12, 12, 12]
    # Another repeat has other folds, and every network the same.
    assert set(tested[0]) != set(read_predictions(tmp_path / "out" / "runs" / "plain18-s0-f0", "test").ids)
    theirs = tmp_path / "out" / "runs" / f"{LINEAR.replace(':', '.')}-s1-f0"
    assert read_predictions(theirs, "test").ids.tolist() == tested[0]
    assert "approximate" in found.report.read_text()
    page = json.loads((found.folder / "evaluation" / "plain18" / "evaluation.json").read_text())
    assert page["evaluation"]["images"] == 36


@pytest.mark.slow
def test_runs_trained_before_are_used_if_they_are_the_same(photos: Path, tmp_path: Path) -> None:
    run = skipwise.train(photos, model="plain18", seed=1, output=tmp_path / "run", compile=False, **QUICK)
    options = {"models": ["resnet18", LINEAR], "seeds": 2, "include": [run.folder], **QUICK}
    found = skipwise.compare(photos, output=tmp_path / "out", **options)
    assert found.plan.question.candidates == ("resnet18", LINEAR, "plain18")
    copied = tmp_path / "out" / "runs" / "plain18-s1"
    assert (copied / "predictions.npz").read_bytes() == (run.folder / "predictions.npz").read_bytes()
    assert read_json(copied / "run.json", RunRecord) == run.record
    assert found.results.exploratory
    assert "1 run was trained before and is included (1 of plain18)" in found.report.read_text()
    # The same comparison without it, trained anew, gives the same answers.
    fresh = skipwise.compare(
        photos, output=tmp_path / "fresh", **(options | {"include": (), "models": found.plan.question.candidates})
    )
    assert fresh.results.pairs == found.results.pairs

    for change, reason in (
        ({"epochs": 2}, "epochs is 1 there and 2 here"),
        ({"seed": 5}, "has seed 1, which is none of this comparison's"),
        ({"val_share": 0.3}, "the images differ, or how they are split"),
        ({"width": 0.25}, "width is 0.125 there and 0.25 here"),
    ):
        with pytest.raises(skipwise.SkipwiseError, match=reason):
            skipwise.compare(photos, output=tmp_path / "other", **(options | change))
        assert not (tmp_path / "other").exists()
    with pytest.raises(skipwise.SkipwiseError, match="are both plain18 with seed 1"):
        skipwise.compare(
            photos, **(options | {"include": [run.folder, shutil.copytree(run.folder, tmp_path / "twin")]})
        )


def clocked(monkeypatch: pytest.MonkeyPatch, *, told: float, taken: float) -> Callable[[], float]:
    """A clock that only training moves: a step was told to take so many seconds, and takes so many."""
    now, closed, step, close = 0.0, 0.0, Training.step, Training.close_epoch

    def timed(training: Training) -> None:
        nonlocal now
        step(training)
        now += taken

    def told_seconds(training: Training, *arguments: object) -> EpochMetrics:
        nonlocal closed
        before, closed = closed, now
        return replace(close(training, *arguments), seconds=now - before)

    monkeypatch.setattr(Training, "step", timed)
    monkeypatch.setattr(Training, "close_epoch", told_seconds)
    monkeypatch.setattr(forecast, "try_step", lambda *_, **__: StepCost(told, 1e-4))
    for module in (resolve, in_process):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setitem(budget.Budget.__init__.__kwdefaults__, "clock", lambda: now)
    return lambda: now


LIMITED = {"models": ["resnet18", "plain18"], "width": 0.125, "precision": "fp32", "time_limit": "40s"}


def test_a_time_limit_shortens_the_plan_and_holds(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Notes(skipwise.Callback):
        def __init__(self) -> None:
            self.said: list[str] = []

        def on_notice(self, sentence: str) -> None:
            self.said.append(sentence)

    notes, now = Notes(), clocked(monkeypatch, told=0.4, taken=0.4)
    # All three looks at so many epochs would take many times as long.
    options = LIMITED | {"recipe": "reference", "workers": 1, "began": 0.0}
    found = skipwise.compare(photos, output=tmp_path / "out", callbacks=[notes], **options)
    ending = forecast.ENDING + 2 * forecast.ENDING_EACH  # for which, as for the beginning, this clock stands still
    assert 0.85 * 40 - forecast.STARTING < now() + ending < 40
    assert any("Given up for the time limit" in sentence for sentence in notes.said)
    assert (found.plan.question.looks, found.plan.recipe.epochs) != found.plan.asked_for
    with pytest.raises(skipwise.SkipwiseError, match="other looks, epochs or seeds are asked for"):
        skipwise.compare(photos, output=tmp_path / "out", seeds=2, **options)
    again = skipwise.compare(photos, output=tmp_path / "out", **options)
    assert again.repeated
    with pytest.raises(skipwise.SkipwiseError, match="--time-limit is too short"):
        skipwise.compare(photos, output=tmp_path / "short", **(options | {"time_limit": "2s"}))
    assert not (tmp_path / "short").exists()


def test_when_the_time_is_up_the_plan_says_what_was_judged(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that turns out to be slower than a step tried on it said."""
    now = clocked(monkeypatch, told=1e-3, taken=2.0)
    options = LIMITED | {"epochs": 2, "workers": 1, "looks": (200, 300), "began": 0.0, "time_limit": "60s"}
    found = skipwise.compare(photos, output=tmp_path / "out", **options)
    assert 30 <= now() <= 60
    seeds = found.plan.stopped_after
    assert seeds in (4, 5)  # of both networks
    assert "The time was up after" in found.report.read_text()
    assert [len({run.seed for run in each.runs}) for each in found.results.candidates] == [seeds, seeds]
    assert found.results.question == found.plan.question
    assert replace(found.plan, processes=1) == replace(read_json(tmp_path / "out" / "plan.json", Plan), processes=1)
    assert skipwise.compare(photos, output=tmp_path / "out", **options).repeated


@pytest.mark.slow
def test_another_split_of_the_same_images_is_another_plan(photos: Path, tmp_path: Path) -> None:
    options = {"models": [LINEAR, "plain18"], "seeds": 2, "workers": 1, "output": tmp_path / "out", **QUICK}
    skipwise.compare(photos, **options)
    rows = (tmp_path / "out" / "split.csv").read_text().splitlines()
    other = [row.replace(",train,", ",x,").replace(",val,", ",train,").replace(",x,", ",val,") for row in rows]
    (tmp_path / "split.csv").write_text("\n".join(other) + "\n")
    with pytest.raises(skipwise.SkipwiseError, match="of another plan"):
        skipwise.compare(photos, split=tmp_path / "split.csv", **options)
    assert (tmp_path / "out" / "split.csv").read_text().splitlines() == rows


@pytest.mark.slow
def test_results_that_were_lost_are_made_again_from_the_runs(photos: Path, tmp_path: Path) -> None:
    options = {"models": [LINEAR, "plain18"], "seeds": 2, "workers": 1, "output": tmp_path / "out", **QUICK}
    first = skipwise.compare(photos, **options)
    (tmp_path / "out" / "comparison.json").write_text("{")
    with pytest.raises(skipwise.SkipwiseError, match="remove it and give the command that made"):
        skipwise.compare(photos, **options)
    (tmp_path / "out" / "comparison.json").unlink()
    again = skipwise.compare(photos, **options)
    assert not again.repeated
    assert again.results == first.results


def test_an_extension_goes_on_with_what_a_time_limit_chose_of_the_tuning(tmp_path: Path) -> None:
    asked = replace(fabricate(exploratory=False, looks=(2,)).plan, tuning=Tuning(rates=(0.1, 0.4), epochs=9, seed=7))
    shortened = replace(
        asked,
        recipe=replace(asked.recipe, epochs=6),
        tuning=Tuning(rates=(0.1, 0.4), epochs=1, seed=7),
        time_limit=60.0,
        asked_for=((2,), asked.recipe.epochs),
    )
    more = replace(asked.question, looks=(2, 3))
    for before in (shortened, shortened.extended(more)):  # newly asked, and going on after a kill
        write_sealed(tmp_path / "plan.json", before)
        assert stored_for_more(replace(asked, question=more), tmp_path) == before


def stored_for_more(plan: Plan, folder: Path) -> Plan | None:
    """The plan in a folder that is found to be extended."""
    as_stored = partial(as_asked_before, folder=folder)
    return Task(workspace=COMPARISONS, plan=plan, name=plan.data, output=folder, as_stored=as_stored).find().plan


def test_runs_too_short_for_growing_images_have_them_at_full_size(tmp_path: Path) -> None:
    """Those that choose learning rates, and those that a time limit shortened."""
    made = fabricate(exploratory=False, looks=(2,), epochs=15).plan
    few = {"train": 500, "val": 100, "test": made.test_images}
    recipe = choose_recipe(RecipeOptions(recipe="fast"), mirrors=True, images=500)
    asked = replace(made, split_images=few, recipe=recipe, tuning=Tuning(rates=(0.1, 0.4), epochs=1, seed=7))
    assert asked.spec("resnet18", 0).recipe.min_size < 1
    assert {job.spec.recipe.min_size for job in asked.tuning_jobs().values()} == {1.0}

    asked = replace(asked, tuning=None, time_limit=60.0, asked_for=((2,), recipe.epochs))
    cost = StepCost(step=0.5, evaluation=1e-5)
    costs = dict.fromkeys(asked.question.candidates, cost)
    short = fit_to_limit([asked], lambda _: costs, lambda _: 70.0, fewer_epochs=True)
    assert (short.recipe.min_size, short.recipe.epochs < 5) == (1.0, True)
    assert asked.same_as(short)
    assert asked.difference(replace(short, width=0.5)) == "width is 0.5 there and 1.0 here"
    write_sealed(tmp_path / "plan.json", short)
    more = replace(asked, question=replace(asked.question, looks=(2, 3)), time_limit=None, asked_for=None)
    assert stored_for_more(more, tmp_path) == short


def test_what_decides_on_the_size_of_images_is_named_first() -> None:
    plan = fabricate(exploratory=False).plan
    larger = replace(plan, preprocessing=replace(plan.preprocessing, size=64), recipe=of_one_size(plan.recipe))
    assert plan.difference(larger) == "the image size is 64 there and 32 here"
    fixed = replace(plan, recipe=of_one_size(plan.recipe))
    assert plan.difference(fixed) == "images grow in one and not in the other, for 22 epochs there and 30 here"
