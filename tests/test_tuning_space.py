"""The hyperparameters that are searched: their ranges, the plan of a search, and `train` with tuning."""

from __future__ import annotations

import json
import math
import os
import signal
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import UNSET

import skipwise
from skipwise.comparison.plan.arguments import arguments
from skipwise.comparison.report import fairness
from skipwise.comparison.wording import plans
from skipwise.comparison.wording.tuning import searched, tuned
from skipwise.core.errors import SkipwiseError
from skipwise.data.images import Images
from skipwise.tracking.describe import as_tuned
from skipwise.training.callbacks import Callback, Epoch, Phase, RunEnd
from skipwise.training.folder.record import read_run
from skipwise.training.loop.recipe import RECIPES, fine_tuning
from skipwise.training.tuning import of_run
from skipwise.training.tuning.asked import choose_tuning
from skipwise.training.tuning.options import TuneOptions
from skipwise.training.tuning.search import CHOSEN, Chosen
from skipwise.training.tuning.space import SPACE, Range, own_values, ranges_of, value_of, with_values
from skipwise.training.tuning.tried import Tried, Tuned
from skipwise.training.tuning.tuning import Tuning
from skipwise.training.tuning.wording import tried_rows, tuning_outlined, tuning_said
from tests.fabricated import fabricate
from tests.processes import Command
from tests.test_tracking import Notebook, StopAt

RUN: dict[str, Any] = {
    "model": "plain18",
    "epochs": 3,
    "width": 0.125,
    "img_size": 16,
    "precision": "fp32",
    "compile": False,
    "init": "none",
}
TUNED = RUN | {"tune_trials": 5, "tune_what": ["lr", "mixup"], "tune_epochs": 3}


@pytest.mark.parametrize("name", SPACE)
def test_each_hyperparameter_changes_its_field_and_no_other(name: str) -> None:
    recipe, (found,) = RECIPES["standard"], ranges_of([name], [RECIPES["standard"]], None)
    assert 0 <= found.low < found.high
    assert found.low > 0 or not SPACE[name].log
    changed = with_values(recipe, {name: found.high})
    assert value_of(changed, name) == found.high != value_of(recipe, name)
    assert with_values(changed, {name: value_of(recipe, name)}) == recipe


@pytest.mark.parametrize("recipe", [*RECIPES.values(), fine_tuning(RECIPES["standard"])], ids=lambda each: each.name)
def test_every_recipe_lies_within_the_ranges(recipe: Any) -> None:
    assert own_values(recipe, ranges_of([*SPACE], [recipe], None)) == {name: value_of(recipe, name) for name in SPACE}
    assert own_values(recipe, [Range(name="mixup", low=0.5, high=1.0)]) is None


def test_the_page_lists_what_can_be_searched() -> None:
    page = (Path(__file__).parents[1] / "docs" / "tuning.md").read_text()
    for name, row in SPACE.items():
        times, scale = " times the recipe's" if row.times else "", "logarithmic" if row.log else "linear"
        assert f"| `{name}` | {row.low:g} to {row.high:g}{times} | {scale} | the {row.title} |" in page


def test_ranges_are_the_same_for_all_recipes_and_in_the_order_of_the_table() -> None:
    scratch, given = RECIPES["standard"], fine_tuning(RECIPES["standard"])
    decay, mixup = ranges_of(["mixup", "weight_decay"], [scratch, given], None)
    assert (decay.name, mixup) == ("weight_decay", Range(name="mixup", low=0.0, high=1.0))
    assert math.isclose(decay.low, given.weight_decay / 10)
    assert math.isclose(decay.high, scratch.weight_decay * 10)
    assert ranges_of(["lr"], [scratch], [0.3, 0.01]) == (Range(name="lr", low=0.01, high=0.3),)


def choose(**options: Any) -> Tuning | None:
    return choose_tuning(TuneOptions(**options), [RECIPES["standard"]], first_seed=3, validation=10)


def test_rates_that_are_named_make_the_plan_that_they_always_made() -> None:
    assert choose() is None
    assert choose(tune=[0.2, 0.1]) == Tuning(rates=(0.2, 0.1), epochs=13, seed=1003)
    named = choose(tune=[0.2, 0.1, 1], tune_trials=6, tune_epochs=4)
    assert named == Tuning(rates=(0.1, 1.0), epochs=4, seed=1003, trials=6)
    assert named.name_of({"lr": 0.25}, 3, 4) == "lr0.25"
    found = choose(tune_trials=6)
    assert found is not None
    assert (found.rates, found.names) == ((), ("lr",))
    assert found.space[0].low < RECIPES["standard"].lr < found.space[0].high
    assert found.name_of({"lr": 0.25}, 3, 1) == "t3-e1"


def test_a_search_is_in_the_digest_and_its_command_asks_the_same_again() -> None:
    plan = replace(fabricate(exploratory=False, looks=(2,)).plan, tuning=Tuning(rates=(0.1, 0.4), epochs=3, seed=0))
    for options in (
        {"tune_what": "weight_decay,lr"},
        {"tune_what": ["mixup"]},
        {},
        {"tune": [0.1, 1], "tune_what": ["lr"]},
    ):
        tuning = choose(tune_trials=6, **options)
        asked = replace(plan, tuning=tuning, recipe=RECIPES["standard"])
        assert asked.digest() != replace(plan, recipe=RECIPES["standard"]).digest()
        said = arguments(asked)
        again = {name: value for name, value in said.said().items() if name.startswith("tune")}
        assert choose(**again) == tuning
        assert (said.lr is None) == ("lr" in tuning.names)


def test_a_search_is_told_in_the_plan_and_in_the_report() -> None:
    made = fabricate(("resnet18", "plain18"), failed=None, exploratory=False, looks=(2,))
    tuning = choose(tune_trials=6, tune_what=["lr", "cutout"])
    plan = replace(made.plan, tuning=tuning, recipe=RECIPES["standard"])
    values = {"resnet18": {"lr": 0.2, "cutout": 0.1}, "plain18": {"lr": 0.2, "cutout": 0.3}}
    tried = tuple(
        Tried(model=name, lr=0.2, outcome=0.9, nll=0.3, epochs=13, trial=number, values=each)
        for number, (name, each) in enumerate(values.items())
    )
    candidates = tuple(replace(each, lr=0.2, tuned=values[each.name]) for each in made.results.candidates)
    results = replace(made.results, candidates=candidates, tried=tried)
    assert "after tuning lr and cutout in 6 trials" in "\n".join(plans.outlined(plan))
    (sentence,) = tuned(results, made.costs)
    assert sentence.startswith(
        "Hyperparameters by validation accuracy: lr 0.2, cutout 0.1 for resnet18 (90.00%); lr 0.2"
    )
    rows = searched(results)
    assert rows is not None
    assert [(row["trial"], row["rate"], row["chosen"]) for row in rows] == [
        (0, "lr 0.2, cutout 0.1", True),
        (1, "lr 0.2, cutout 0.3", True),
    ]
    equal, apart = "\n".join(fairness.equal(plan)), fairness.different(plan, results)
    assert "side of Cutout (0 to 0.5) in 6 trials, the first with the recipe's own values" in equal
    assert "covered by a square" not in equal
    assert "The peak learning rate, as tuned: 0.2 for all." in apart
    assert "The side of Cutout, as tuned: 0.1 for resnet18; 0.3 for plain18." in apart


def test_points_of_earlier_versions_are_read() -> None:
    before = Chosen(seed=7, rates={"a": ((0.1, 0.2), (0.3,))})
    assert before.of("a") == (({"lr": 0.1}, {"lr": 0.2}), ({"lr": 0.3},))
    assert before.of("b") == ()


def test_the_tuning_of_a_run_in_words() -> None:
    def tried(trial: int, epochs: int, outcome: float | None) -> Tried:
        values = {"lr": 0.1 * trial, "mixup": 0.5}
        return Tried(model="a", lr=0.1 * trial, outcome=outcome, nll=0.1, epochs=epochs, trial=trial, values=values)

    found = Tuned(values={"lr": 0.1, "mixup": 0.5}, tried=(tried(1, 2, 0.5), tried(2, 2, None), tried(1, 6, 0.75)))
    assert tuning_said(found) == (
        "Tuning chose lr 0.1, mixup 0.5 (75.00% of the validation images right), the best of 2 trials; no test image "
        "had a part in it."
    )
    assert [(row.trial, row.epochs, row.reached, row.chosen) for row in tried_rows(found)] == [
        ("1", "2", "50.00%", False),
        ("1", "6", "75.00%", True),
        ("2", "2", "failed", False),
    ]
    assert "all 1 trial failed" in tuning_said(Tuned(values={}, tried=(tried(2, 2, None),)))
    tuning = choose(tune_trials=6, tune_what=["mixup"])
    assert tuning is not None
    assert tuning_outlined(tuning) == (
        "before that, tuning of mixup (0 to 1), by Optuna: 6 runs of 4 epochs, 3 runs of 13 epochs"
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tune_trials": 5, "time_limit": "1m"}, "give --epochs instead of --time-limit"),
        ({"tune_what": ["mixup"]}, "say how many trials"),
        ({"tune_trials": 5, "val_share": 0}, "--tune-trials chooses by validation images"),
        ({"tune_trials": 5, "tune_what": ["lr", "dropout"]}, "There is no hyperparameter called .dropout."),
    ],
)
def test_mistakes(photos: Path, here: Path, options: dict[str, Any], said: str) -> None:
    asked = {name: value for name, value in RUN.items() if not (name == "epochs" and "time_limit" in options)}
    with pytest.raises(SkipwiseError, match=said):
        skipwise.train(photos, **asked, **options)
    assert not list(here.iterdir())


class Journal(Callback):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.phases: list[Phase] = []
        self.ends: list[RunEnd] = []
        self.epochs: list[Epoch] = []

    def on_phase(self, phase: Phase) -> None:
        self.phases.append(phase)

    def on_run_end(self, end: RunEnd) -> None:
        self.ends.append(end)

    def on_epoch(self, epoch: Epoch) -> None:
        self.epochs.append(epoch)


@pytest.mark.slow
def test_a_run_is_tuned_on_validation_images_and_goes_on_to_the_same_bytes(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import optuna

    seen: list[Images] = []
    bare = of_run.without_test
    monkeypatch.setattr(of_run, "without_test", lambda images: seen.append(bare(images)) or seen[-1])
    told = Journal()
    whole = skipwise.train(photos, output=tmp_path / "whole", callbacks=[told], **TUNED)
    assert not (seen[0].split == "test").any()
    record = whole.record
    assert record.tuned is not UNSET
    tried = record.tuned.tried
    # Five trials in rounds of four and one; of each round the better half is trained for all epochs.
    assert Counter(run.epochs for run in tried) == {1: 5, 3: 3}
    assert [run.values for run in tried[:1]] == [{"lr": whole.plan.spec.recipe.lr, "mixup": 0.0}]
    assert {run.trial for run in tried} == {0, 1, 2, 3, 4}
    best = max((run for run in tried if run.epochs == 3), key=lambda run: (run.outcome, -run.nll, -run.lr))
    assert record.tuned.values == best.values
    assert (record.spec.recipe.lr, record.spec.recipe.augmentation.mixup) == tuple(best.values.values())
    assert whole.plan.spec.recipe.augmentation.mixup == 0
    assert [phase.name for phase in told.phases] == ["Tuning 1 of 2"] * 2 + ["Tuning 2 of 2"] * 2 + ["Training"]
    assert [end.run for end in told.ends][-1] == "whole"
    assert {epoch.run for epoch in told.epochs} == {end.run for end in told.ends}
    for run in (whole.folder / "tuning").iterdir():
        assert not (run / "weights.safetensors").exists()
        assert not [name for name in np.load(run / "predictions.npz").files if name.startswith("test")]
    storage = optuna.storages.RDBStorage(f"sqlite:///{whole.folder / 'tuning.db'}")
    try:
        study = optuna.load_study(study_name="plain18", storage=storage)
        assert Counter(trial.state.name for trial in study.trials) == {"COMPLETE": 3, "PRUNED": 2}
        assert study.best_value == best.outcome
    finally:
        storage.remove_session()
        storage.engine.dispose()

    for stop in (3, 13):
        with pytest.raises(SkipwiseError, match="StopAt failed"):
            skipwise.train(photos, output=tmp_path / "out", callbacks=[StopAt(stop)], **TUNED)
    again = skipwise.train(photos, output=tmp_path / "out", **TUNED)
    assert replace(again.record, seconds=0.0) == replace(record, seconds=0.0)
    assert (again.folder / "weights.safetensors").read_bytes() == (whole.folder / "weights.safetensors").read_bytes()
    assert json.loads((again.folder / CHOSEN).read_text())["points"]
    assert skipwise.train(photos, output=tmp_path / "out", **TUNED).repeated
    with pytest.raises(SkipwiseError, match="hyperparameters are tuned otherwise"):
        skipwise.train(photos, output=tmp_path / "out", **TUNED | {"tune_trials": 4})
    page = skipwise.evaluate(whole.folder, output=tmp_path / "evaluation").page.read_text()
    assert "Hyperparameters tried" in page
    assert page.count("<b>✓ ") == 1
    assert "Trials" in whole._repr_html_()
    assert read_run(whole.folder).tuned == record.tuned


def test_rates_that_are_named_are_tried_one_by_one(photos: Path, tmp_path: Path) -> None:
    notebook = Notebook()
    run = skipwise.train(photos, output=tmp_path / "run", **RUN | {"epochs": 1}, tune=[0.01, 0.1], callbacks=[notebook])
    assert run.record.tuned is not UNSET
    assert [each.lr for each in run.record.tuned.tried] == [0.01, 0.1]
    assert {folder.name for folder in (run.folder / "tuning").iterdir()} == {"lr0.01", "lr0.1"}
    assert run.record.spec.recipe.lr in (0.01, 0.1)
    tracked = {"": "run", "tuning/lr0.01": "tuning", "tuning/lr0.1": "tuning"}
    assert {each.key: each.kind for each in notebook.runs.values()} == tracked
    assert notebook.parents == {f"id of {key}": "id of " if key else None for key in tracked}
    assert [id for id, end in notebook.ends.items() if end.weights] == ["id of "]
    # As it began, the rate was not known yet, and no tool lets a parameter change.
    assert "recipe.lr" not in notebook.runs["id of "].parameters
    assert as_tuned(notebook.runs["id of "], run.record.spec).parameters["recipe.lr"] == run.record.spec.recipe.lr


@pytest.mark.slow
def test_a_killed_search_goes_on_to_the_same_bytes(photos: Path, tmp_path: Path, cli: Any) -> None:
    words = ["train", photos, "--model", "plain18", "--epochs", 6, "--width", 0.125, "--img-size", 16, "--init", "none"]
    words += ["--precision", "fp32", "--no-compile", "--tune-trials", 6, "--tune-what", "lr,label_smoothing"]
    words = [*map(str, words), "--output"]
    assert cli(*words, tmp_path / "whole").returncode == 0
    out, kills = tmp_path / "out", 0
    while True:
        command = Command(*words, out, cwd=tmp_path)
        deadline = time.monotonic() + 120
        wanted = kills + 1
        while command.poll() is None and time.monotonic() < deadline:
            if kills < 3 and len(list(out.glob("tuning/*/metrics.jsonl"))) > wanted:
                os.kill(command.pid, signal.SIGKILL)
                break
            time.sleep(0.02)
        command.communicate()
        if command.returncode == 0:
            break
        assert command.returncode == -signal.SIGKILL
        kills += 1
    assert kills
    whole, found = read_run(tmp_path / "whole"), read_run(out)
    assert found.tuned == whole.tuned
    assert (out / "weights.safetensors").read_bytes() == (tmp_path / "whole/weights.safetensors").read_bytes()


@pytest.mark.slow
@pytest.mark.usefixtures("in_this_process")
def test_a_comparison_searches_the_same_space_for_every_network(photos: Path, tmp_path: Path) -> None:
    names = ["plain18", "tests.external_networks:Linear"]
    asked = {name: value for name, value in RUN.items() if name not in ("model", "init")}
    asked |= {"models": names, "seeds": 2, "tune_trials": 5, "tune_what": "weight_decay,cutmix", "tune_epochs": 3}
    found = skipwise.compare(photos, output=tmp_path / "whole", **asked)
    with pytest.raises(SkipwiseError, match="StopAt failed"):
        skipwise.compare(photos, output=tmp_path / "out", callbacks=[StopAt(20)], **asked)
    again = skipwise.compare(photos, output=tmp_path / "out", **asked)
    assert (again.folder / "comparison.json").read_bytes() == (found.folder / "comparison.json").read_bytes()
    results = found.results
    assert Counter((run.model, run.epochs) for run in results.tried) == {
        (name, epochs): runs for name in names for epochs, runs in ((1, 5), (3, 3))
    }
    for candidate in results.candidates:
        assert candidate.lr == found.plan.recipe.lr
        tried = [run.values for run in results.tried if run.model == candidate.name and run.epochs == 3]
        assert candidate.tuned in tried
        recipe = with_values(found.plan.recipe, candidate.chosen)
        for seed in candidate.seeds:
            (job,) = found.plan.jobs(candidate.name, seed, tuned=candidate.chosen)
            assert read_run(found.folder / job.folder).spec == job.spec
            assert job.spec.recipe == recipe
    assert "Hyperparameters tried" in found.report.read_text()
    assert skipwise.compare(photos, output=tmp_path / "out", **asked).repeated
