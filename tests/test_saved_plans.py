"""What a comparison would do is told before it does it, and is carried out again from a file."""

from __future__ import annotations

import json
import re
import shlex
import sys
import time
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import skipwise
from skipwise.cli import app as program
from skipwise.cli.commands import compare as verb
from skipwise.comparison.budget import costs as costs_module
from skipwise.comparison.budget import external_batch
from skipwise.comparison.options import CompareOptions, StartOptions, StudyOptions
from skipwise.comparison.plan.arguments import Arguments, arguments
from skipwise.comparison.plan.command import command
from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.plan.saved import KEY, beside, portable, read_plan, write_plan
from skipwise.core.errors import NotTrusted, SkipwiseError
from skipwise.core.options import declared
from skipwise.evaluation.options import OutcomeOptions, TargetOptions
from skipwise.nets.options import NetworkOptions
from skipwise.training.loop.recipe import RecipeOptions
from skipwise.training.probe.step_cost import StepCost
from skipwise.training.tuning.space import SPACE
from tests.conftest import Run, make_photos
from tests.fabricated import fabricate
from tests.processes import tried_here

QUICK = {"models": ["resnet18", "plain18"], "seeds": 2, "epochs": 1, "width": 0.125, "precision": "fp32"}
LINEAR = "tests.external_networks:linear"

DECIDED = (StudyOptions, OutcomeOptions, TargetOptions, RecipeOptions, NetworkOptions, StartOptions)
"""The options that make another comparison, so that a plan has to say them."""
NOT_SAID = {"include", "pretrained", "time_limit"}
"""Of these, what a plan says otherwise, or not at all: it has what the time limit chose."""


def same_costs(_: Plan, names: Iterable[str], **__: object) -> dict[str, StepCost]:
    """A step of every network costs the same, so that none has to be tried."""
    return dict.fromkeys(names, StepCost(1.0, 0.02))


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same in this process, which tries batches of external networks itself."""
    monkeypatch.setattr(costs_module, "try_steps", same_costs)
    monkeypatch.setattr(external_batch, "tried_elsewhere", tried_here)


def tried_there() -> None:
    """The same in a process of its own."""
    costs_module.try_steps = same_costs


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


def called(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: object) -> tuple[int, str, str]:
    """Exit status and output of a command line, in this process."""
    monkeypatch.setattr(sys, "argv", ["skipwise", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        program.main()
    return int(ended.value.code or 0), *capsys.readouterr()


def test_a_saved_plan_says_every_option_that_makes_another_comparison() -> None:
    said = {each.name for each in fields(Arguments)}
    assert said <= declared(CompareOptions).keys()
    assert {name for kind in DECIDED for name in declared(kind)} - NOT_SAID <= said


def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    cli: Run, photos: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    small = ["--models", "resnet18,plain18,mobilenet_v2", "--epochs", "2", "--width", "0.125", "--precision", "fp32"]
    before, cache = tree(photos), tmp_path_factory.mktemp("cache")
    words = [*small, "--workers", "1", "--device", "cpu", "--dry-run"]
    found = cli("compare", photos, *words, prepare=tried_there, env={"SKIPWISE_CACHE": str(cache)})
    assert found.returncode == 0, found.stderr
    for words in (
        "Read as 3 class folders (36 images)",
        "3 classes, 24 training, 6 validation and 6 test images, 16 x 16 pixels",
        "resnet18, plain18, mobilenet_v2: judged after 5, 8 and 12 seeds each, by accuracy; margin 0.5 points, alpha "
        "0.05",
        "2 epochs of recipe 'standard' in batches of 16, small stem, width 0.125; 1 at once on cpu in fp32",
        "Nothing was trained. The results would go to runs/compare/stripes.",
    ):
        assert words in found.stdout
    assert re.search(
        r"Expected: about [^,]+, [^,]+ if all looks are needed; [\d.]+ MB of results on the disk", found.stdout
    )
    following = shlex.split(found.stdout.rpartition("Next:")[2])
    at = following.index("compare")
    wanted = {"--models": small[1], "--epochs": "2", "--width": "0.125", "--precision": "fp32"}
    wanted |= {"--workers": "1", "--device": "cpu"}
    assert following[at + 1] == str(photos)
    assert dict(zip(following[at + 2 :: 2], following[at + 3 :: 2], strict=True)) == wanted
    assert tree(photos) == before
    assert list(tmp_path.iterdir()) == []
    assert (cache / "surveys").is_dir()
    assert not (cache / "pixels").exists()  # looked at, not decoded to be trained on


@pytest.mark.usefixtures("tried")
def test_what_a_limit_gives_up_is_told_before(
    photos: Path, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verb, "BEGAN", time.monotonic())
    words = ["compare", photos, "--precision", "fp32", "--workers", "1", "--img-size", "16", "--time-limit", "10m"]
    status, out, _ = called(capsys, monkeypatch, *words, "--dry-run", "--save-plan", here / "my plan.json")
    assert status == 0
    assert re.search(r"Given up for the time limit: \d seeds instead of up to 12", out)
    assert shlex.split(out.rpartition("Next:")[2])[-2:] == ["--plan", str(here / "my plan.json")]
    status, out, _ = called(capsys, monkeypatch, *words, "--dry-run", "--json")
    record = json.loads(out)
    assert (status, record["stage"], record["folder"]) == (0, "new", "runs/compare/stripes")
    assert record["plan"]["asked_for"] == [[5, 8, 12], 30]
    assert record["given_up"][0].endswith("seeds instead of up to 12")
    assert record["noticed"][0].startswith("Read as 3 class folders")
    assert 0 < record["forecast"]["first"] <= record["forecast"]["last"] < 600
    assert "--time-limit 10m" in record["next"]
    assert [path.name for path in here.iterdir()] == ["my plan.json"]


def rates(draw: st.DrawFn) -> dict[str, Any]:
    if draw(st.booleans()):
        return {"lr": draw(st.one_of(st.none(), st.floats(1e-4, 1)))}
    chosen = draw(st.lists(st.sampled_from([0.01, 0.1, 0.3, 0.123456789]), min_size=2, unique=True))
    found = {"tune": chosen, "tune_epochs": draw(st.one_of(st.none(), st.integers(1, 5)))}
    if draw(st.booleans()):
        return found
    what = draw(st.one_of(st.none(), st.lists(st.sampled_from([*SPACE]), min_size=1, unique=True)))
    names_rates = what is None or "lr" in what
    return found | {
        "tune": chosen if names_rates and draw(st.booleans()) else None,
        "tune_what": what,
        "tune_trials": 5,
    }


@st.composite
def options(draw: st.DrawFn) -> dict[str, Any]:
    """Arguments of a comparison."""
    names = draw(st.lists(st.sampled_from(["resnet18", "plain18", "mobilenet_v2"]), min_size=2, unique=True))
    found = {
        "models": names,
        "seed": draw(st.integers(0, 1000)),
        "epochs": draw(st.one_of(st.none(), st.integers(1, 60))),
        "batch_size": draw(st.one_of(st.none(), st.integers(2, 40))),
        "img_size": draw(st.one_of(st.none(), st.integers(8, 40))),
        "stem": draw(st.sampled_from(["auto", "small", "imagenet"])),
        "width": draw(st.sampled_from([0.125, 0.25])),
        "recipe": draw(st.sampled_from(["fast", "standard", "reference"])),
        "mirror": draw(st.sampled_from([None, True, False])),
        "balance": draw(st.sampled_from([None, "none", "sampling", "loss"])),
        "outcome": draw(st.sampled_from(["accuracy", "balanced-accuracy"])),
        "margin": draw(st.sampled_from([0.5, 1, 0.3])),
        "alpha": draw(st.sampled_from([0.05, 0.01])),
        "every_pair": draw(st.booleans()),
    }
    seeds = draw(st.one_of(st.none(), st.integers(2, 9)))
    looks = draw(st.lists(st.integers(2, 20), min_size=1, max_size=3, unique=True).map(sorted))
    found |= draw(st.sampled_from([{}, {"seeds": seeds}, {"looks": looks}]))
    if draw(st.booleans()):
        return found | {"folds": draw(st.sampled_from([2, 3]))}
    found["target_accuracy"] = draw(st.sampled_from([None, 80, 62.5]))
    return found | {"val_share": draw(st.sampled_from([None, 0.15, 0.2]))} | rates(draw)


@pytest.mark.usefixtures("tried")
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(asked=options())
@pytest.mark.slow
def test_a_saved_plan_is_the_same_plan_on_the_same_images_and_the_same_question_on_others(
    asked: dict[str, Any], photos: Path, other: Path, tmp_path: Path
) -> None:
    file = tmp_path / "plan.json"
    file.unlink(missing_ok=True)
    machine = {"precision": "fp32", "dry_run": True}
    planned = skipwise.compare(photos, **asked, **machine, save_plan=file)
    again = skipwise.compare(photos, plan=file, **machine, save_plan=file)
    assert again.plan == planned.plan
    words = file.read_text()
    for name in ("stripes", "24", "fp32", "cpu", planned.plan.fingerprint):
        assert f'"{name}"' not in words
    moved = skipwise.compare(other, plan=file, **machine).plan
    assert moved.fingerprint != planned.plan.fingerprint
    assert moved.split_images != planned.plan.split_images
    assert portable(moved) == portable(planned.plan) == read_plan(file)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Other images, of another size and with other classes."""
    return make_photos(tmp_path_factory.mktemp("other") / "waves", classes=2, per_class=30, side=40)


@pytest.fixture
def saved(photos: Path, tried: None, here: Path) -> Path:  # noqa: ARG001 - a fixture
    """A plan's file."""
    skipwise.compare(photos, **QUICK, seed=3, dry_run=True, save_plan=here / "plan.json")
    return here / "plan.json"


@pytest.mark.usefixtures("in_this_process")
def test_a_plan_that_was_saved_by_a_comparison_finds_it_again(photos: Path, here: Path) -> None:
    done = skipwise.compare(photos, **QUICK, save_plan="plan.json")
    assert portable(done.plan) == read_plan(here / "plan.json")
    again = skipwise.compare(photos, plan="plan.json", precision="fp32")
    assert (again.repeated, again.folder) == (True, done.folder)
    found = skipwise.compare(photos, plan="plan.json", precision="fp32", dry_run=True)
    assert (found.stage, found.folder, found.forecast) == ("finished", done.folder, None)
    with pytest.raises(SkipwiseError, match=r"plan.json is there already, and holds another plan"):
        skipwise.compare(photos, **(QUICK | {"seeds": 3}), save_plan="plan.json")
    assert not Path("runs/compare/stripes-2").exists()


@pytest.mark.usefixtures("tried")
def test_a_dry_run_of_what_is_begun_says_so_and_leaves_it_alone(photos: Path, here: Path) -> None:
    class Stopped(skipwise.Callback):
        def on_start(self, start: object) -> None:  # noqa: ARG002
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        skipwise.compare(photos, **QUICK, callbacks=[Stopped()])
    before = tree(here)
    found = skipwise.compare(photos, **QUICK, dry_run=True)
    assert (found.stage, found.folder) == ("begun", Path("runs/compare/stripes"))
    assert found.plan.preprocessing.mean  # it is the plan that was written down
    assert skipwise.compare(photos, **QUICK, again=True, dry_run=True).stage == "begun"
    assert skipwise.compare(photos, **(QUICK | {"epochs": 2}), dry_run=True).stage == "new"
    assert tree(here) == before
    with pytest.raises(SkipwiseError, match="leave --dry-run out"):
        skipwise.compare(photos, **QUICK, extend=True, output=found.folder, dry_run=True)


def test_a_plan_asks_for_no_validation_images_of_those_that_bring_them(
    photos: Path,
    tmp_path: Path,
    tried: None,  # noqa: ARG001 - a fixture
) -> None:
    for number, split in enumerate(("train", "val", "test")):
        make_photos(tmp_path / "given" / split, side=30 + 10 * number)
    usual, chosen = tmp_path / "usual.json", tmp_path / "chosen.json"
    skipwise.compare(photos, **QUICK, dry_run=True, save_plan=usual)
    skipwise.compare(photos, **QUICK, val_share=0.2, dry_run=True, save_plan=chosen)
    assert skipwise.compare(tmp_path / "given", plan=usual, precision="fp32", dry_run=True).plan.val_share is None
    with pytest.raises(SkipwiseError, match="comes with validation images"):
        skipwise.compare(tmp_path / "given", plan=chosen, precision="fp32", dry_run=True)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"epochs": 2}, "--epochs;"),
        ({"seeds": 5}, "--seeds;"),
        ({"looks": [2, 3]}, "--looks;"),
        ({"models": "plain18,resnet18", "folds": 3}, "--models and --folds;"),
        ({"tune": [0.1, 0.2], "mirror": False, "every_pair": True}, "--tune, --mirror and --every-pair;"),
        ({"seed": 0}, "--seed;"),  # said, though it is the default
        ({"stem": "auto"}, "--stem;"),
        ({"pretrained": True}, "--pretrained;"),
        ({"init": "auto"}, "--init;"),
        ({"extend": True, "output": "there"}, "--extend adds to a comparison that has its plan already"),
    ],
)
def test_what_is_given_beside_a_plan_may_not_contradict_it(
    saved: Path, photos: Path, given: dict[str, Any], named: str
) -> None:
    with pytest.raises(SkipwiseError, match=re.escape(named)):
        skipwise.compare(photos, plan=saved, **given)


def test_on_the_command_line_what_is_the_default_contradicts_too(
    saved: Path, photos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(saved.parent)
    status, _, said = called(capsys, monkeypatch, "compare", photos, "--plan", saved, "--seed", "0", "--margin", "0.5")
    assert status == 2
    assert said == f"skipwise: {saved} is a plan that says otherwise than --seed; leave it out, or change the file.\n"
    assert tree(saved.parent) == before


def test_what_a_plan_says_and_what_it_leaves_open_may_stand_beside_it(saved: Path, photos: Path) -> None:
    beside = {"models": "resnet18,plain18", "looks": (2,), "every_pair": False, "width": 0.125, "val_share": 0.3}
    beside |= {"precision": "fp32", "workers": 1, "output": "there"}
    planned = skipwise.compare(photos, plan=saved, **beside, time_limit="1h", dry_run=True)
    assert (planned.plan.val_share, planned.plan.processes, planned.folder) == (0.3, 1, Path("there"))
    assert planned.plan.time_limit == 3600
    assert (planned.plan.recipe.epochs, planned.plan.question.looks, planned.plan.width) == (1, (2,), 0.125)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({KEY: 2}, "newer version"),
        ({KEY: "1"}, "has the format '1'"),
        ({"epoch": 3}, "has 'epoch', which no plan has; remove it."),
        ({"device": "cpu"}, "has 'device'"),
        ({"epochs": "3"}, "Expected `int`, got `str`"),
        ({"models": "resnet18"}, "Expected `array`"),
        ({"mirror": 1}, "Expected `bool`"),
        ({"looks": [2, 3]}, "has to say seeds or looks"),
        ({"epochs": None}, "is not as --save-plan writes it"),
        ({"epochs": -3}, "--epochs must be at least 1"),
        ({"models": ["resnet18", "resnet19"]}, "resnet19"),
        ({KEY: None}, "has the format None"),
    ],
)
def test_a_file_that_is_no_plan_is_refused_in_a_sentence(
    saved: Path, photos: Path, change: dict[str, Any], sentence: str
) -> None:
    saved.write_text(json.dumps(json.loads(saved.read_text()) | change))
    with pytest.raises(SkipwiseError, match=re.escape(sentence)):
        skipwise.compare(photos, plan=saved)
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


@pytest.mark.parametrize("content", ["", "no JSON", "[1, 2]", "{}", '{"models": ["resnet18"]}', None])
def test_neither_is_any_other_file(here: Path, photos: Path, content: str | None) -> None:
    file = here / "plan.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SkipwiseError, match="--save-plan"):
        skipwise.compare(photos, plan=file)
    with pytest.raises(SkipwiseError, match="name another file with --save-plan"):
        skipwise.compare(photos, save_plan=file if content is not None else here / "none" / "plan.json")


def test_a_plan_makes_no_code_run_that_nobody_named(saved: Path, photos: Path) -> None:
    saved.write_text(json.dumps(json.loads(saved.read_text()) | {"models": [LINEAR, "plain18"]}))
    with pytest.raises(NotTrusted, match="is Python code that would have to run") as refused:
        skipwise.compare(photos, plan=saved, dry_run=True)
    assert refused.value.options == ("--models", f"{LINEAR},plain18")
    named = skipwise.compare(photos, plan=saved, models=[LINEAR, "plain18"], precision="fp32", dry_run=True)
    assert named.plan.question.candidates == (LINEAR, "plain18")


def test_where_weights_lie_may_be_said_beside_a_plan(saved: Path) -> None:
    """A plan that was made with a file of weights does not know where it is elsewhere."""
    saved.write_text(json.dumps(json.loads(saved.read_text()) | {"init": ["resnet18=path/to/a.pth"]}))
    given = beside(saved, {"init": ["resnet18=b.pth"], "plan": saved})
    assert given["init"] == ["resnet18=b.pth"]
    assert beside(saved, {})["init"] == ("resnet18=path/to/a.pth",)


def test_what_was_not_trained_and_not_looked_at_is_not_asked_again(tmp_path: Path) -> None:
    plan = replace(fabricate().plan, not_trained={"plain18": "Too dear."}, stopped_after=6)
    assert "plain18" not in arguments(plan).models
    assert arguments(plan).looks == (5, 6)
    assert "--looks 5,6 " in command(plan)
    assert "plain18" not in command(plan)
    write_plan(tmp_path / "plan.json", plan)
    assert "plain18" not in (tmp_path / "plan.json").read_text()
    alone = replace(plan, not_trained=dict.fromkeys(plan.question.candidates[1:], "Too dear."), stopped_after=None)
    assert arguments(alone).models == plan.question.candidates
    assert arguments(alone).looks == plan.question.looks
