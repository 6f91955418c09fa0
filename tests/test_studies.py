"""Studies: what holds for every one of them, the rule, and a small one from its plan to its page."""

from __future__ import annotations

import csv
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

import skipwise
from skipwise import SkipwiseError
from skipwise.comparison.budget import forecast as forecast_module
from skipwise.comparison.evidence.by_seed import attempts
from skipwise.comparison.evidence.collapse import DIVERGED
from skipwise.comparison.options import CompareOptions
from skipwise.comparison.results.finished import Comparison, read_comparison
from skipwise.core.files.checksums import read_sealed
from skipwise.core.options import build
from skipwise.data.sources.named.in_memory import NAMED
from skipwise.evaluation.outcomes.named import outcome_names
from skipwise.nets.external_code import code_fingerprint
from skipwise.statistics import Attempt
from skipwise.studies import forecast, listing, networks
from skipwise.studies.answers import ANSWERS, Verdict, answer_in_all, answer_to, without_interval
from skipwise.studies.claims import inverted
from skipwise.studies.designs import ALPHA, SCALES, Design, Part, Scale, Setup, Study, Subset
from skipwise.studies.evidence import OF_PAIRS, UNRESOLVED
from skipwise.studies.listing import list_studies
from skipwise.studies.measuring import counted
from skipwise.studies.networks import at_width
from skipwise.studies.options import StudyOptions
from skipwise.studies.page import difference, file_name, page
from skipwise.studies.records import StudyRecord, StudyReport
from skipwise.studies.study import carry_out
from skipwise.studies.subset import write_subset
from skipwise.studies.table import STUDIES
from skipwise.training.callbacks import Callback, Callbacks, RunEnd
from skipwise.training.loop.recipe import RecipeOptions, choose_recipe
from skipwise.training.machine.execution import Execution
from skipwise.training.probe import step as step_module
from skipwise.training.probe.step_cost import StepCost

PAGES = Path(__file__).parents[1] / "docs" / "studies"
RECORDS = sorted(PAGES.glob("*.json"))
ROWS = [pytest.param(study, scale, id=f"{study.name}-{scale}") for study in STUDIES.values() for scale in SCALES]

DIGITS = Design(
    name="first",
    title="two networks",
    models=("resnet18", "plain18"),
    images=Subset(data="digits", train=200, val=50, test=100),
    epochs=3,
    seeds=2,
    batch_size=16,
    width=0.125,
    img_size=8,
    alpha=ALPHA / 2,
)
PART = Part(claim="skips help", a="resnet18", b="plain18", of_a="first", of_b="first")
ACROSS = replace(PART, claim="more epochs help", b="resnet18", of_a="second")
SPREAD = replace(PART, claim="skips make it vary", quantity="spread")
EPOCHS = replace(PART, claim="skips take epochs", quantity="epochs", target=0.05)
SETUP = Setup(designs=(DIGITS, replace(DIGITS, name="second", epochs=9)), parts=(PART, ACROSS, SPREAD, EPOCHS))


def adjusted(setup: Setup, done: Mapping[str, Comparison]) -> Setup:
    """The second comparison has an epoch more than the runs of the first, which is only known when that is done."""
    if "first" not in done:
        return setup
    first, second = setup.designs
    epochs = done["first"].plan.recipe.epochs + 1
    return replace(setup, designs=(first, replace(second, epochs=epochs)), measured=(f"It gets {epochs}.",))


TINY = Study(
    name="tiny",
    claim="Skips and epochs help.",
    source="nobody says so",
    small=SETUP,
    full=SETUP,
    reasons=("It is for a test.",),
    not_covered=("everything else",),
    would_change=("anything",),
    adjust=adjusted,
)


def carried_out(folder: Path, callback: Callback | None = None, **options: Any) -> StudyReport:
    options = {"output": str(folder / "study"), "pages": str(folder / "pages"), **options}
    found = carry_out(TINY, build(StudyOptions, options), callback or Callbacks([]))
    assert isinstance(found, StudyReport)
    return found


@pytest.mark.parametrize(("study", "scale"), ROWS)
def test_plans_resolve(study: Study, scale: Scale, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inverted, "one_image", lambda names, size: (1, {name: float(size) for name in names}))
    written = study.at(scale)
    setup = study.settle(written)
    designs = {design.name: design for design in setup.designs}
    assert len(designs) == len(setup.designs) == len(written.designs)
    assert sum(design.alpha for design in setup.designs) <= ALPHA
    for design in setup.designs:
        options = build(CompareOptions, design.arguments(seed=0))
        assert options.study.seeds == design.seeds >= 5
        options.recipe.check()
        assert outcome_names(options.outcome.outcome) == design.outcomes
        for name in design.models:
            design.network(name).check()
    for part in setup.parts:
        assert part.a in designs[part.of_a].models
        assert part.b in designs[part.of_b].models
        first, second = designs[part.of_a], designs[part.of_b]
        assert (first.images, first.seeds, first.img_size) == (second.images, second.seeds, second.img_size)
    assert setup.parts
    assert study.reasons
    assert study.not_covered
    assert study.would_change


def test_the_list_says_how_long_studies_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "LONGEST", math.inf)

    def listed(step: float) -> dict[str, float]:
        cost = StepCost(step=step, evaluation=0.0, update=0.0, share=1.0)
        monkeypatch.setattr(step_module, "try_step", lambda *_, **__: cost)
        execution = Execution(device="cpu", precision="fp32", threads=1)
        monkeypatch.setattr(forecast, "choose_execution", lambda *_, **__: execution)
        monkeypatch.setattr(forecast, "choose_processes", lambda *_: 2)
        return {each.name: each.seconds for each in list_studies("small")}

    once, twice = listed(1.0), listed(2.0)
    assert list(once) == list(STUDIES)
    # Ten runs of 190 steps, some of them on smaller images, two at a time.
    assert 0.5 < (twice["bottleneck"] - once["bottleneck"]) / (190 * 10 / 2 * forecast_module.SLOWER) <= 1
    with pytest.raises(SkipwiseError, match="There is no scale called 'huge'"):
        list_studies("huge")


@pytest.mark.parametrize(
    ("seconds", "epochs"),
    [(1.0, 12), (1.03, 12), (1.11, 11), (1.25, 10), (0.5, 12), (30.0, 1), (None, 12)],
)
def test_equal_time_gives_the_slower_network_fewer_epochs(seconds: float | None, epochs: int) -> None:
    study = STUDIES["squeeze-excite"]
    assert study.adjust is not None
    assert study.adjust(study.small, {}) == study.small
    costs = SimpleNamespace(run_seconds={"resnet18": 50.0} | ({"se_resnet18": 50 * seconds} if seconds else {}))
    done = {"equal-epochs": cast("Comparison", SimpleNamespace(costs=costs))}
    setup = study.adjust(study.small, done)
    assert [design.epochs for design in setup.designs] == [12, epochs]  # never more
    assert [f"{seconds:.2f} times" in each for each in setup.measured] == [True] * (seconds is not None)


def test_networks_for_which_there_is_no_time_are_taken_to_be_as_quick_as_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cost, tried = StepCost(step=0.5, evaluation=0.1, update=0.02, share=1.0), []
    monkeypatch.setattr(step_module, "try_step", lambda network, *_, **__: (tried.append(network), cost)[1])
    execution = Execution(device="cpu", precision="fp32", threads=1)
    recipe = choose_recipe(RecipeOptions(recipe="fast", epochs=1, batch_size=10), mirrors=True, images=100)
    trials = forecast.Trials(0.0)
    first, other = (DIGITS.network(name) for name in ("resnet18", "plain18"))
    assert (
        trials.cost(first, recipe, execution, size=8, multiply_adds=1000) == cost
    )  # without one there is nothing to go by
    assert trials.cost(first, recipe, execution, size=8, multiply_adds=1000) == cost
    assert trials.cost(other, recipe, execution, size=8, multiply_adds=3000) == StepCost(
        1.5, pytest.approx(0.3), 0.06, 1.0
    )
    assert len(tried) == 1


def test_equal_latency_takes_the_nearest_width(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(names: list[str], size: int) -> tuple[int, dict[str, float]]:
        assert size == 24
        return 1, {name: 0.031 if "mobilenet" in name else int(name.rpartition("_x")[2]) / 1000 for name in names}

    monkeypatch.setattr(inverted, "one_image", measured)
    setup = STUDIES["inverted"].settle(STUDIES["inverted"].small)
    assert setup.parts[-1].b == at_width("resnet18", 32)
    assert setup.designs[0].models[-1] == at_width("resnet18", 32)
    assert "31.00 ms" in setup.measured[-1]


@pytest.mark.parametrize("scale", SCALES)
def test_widths_make_costs_equal(scale: Scale) -> None:
    (design,) = STUDIES["bottleneck"].at(scale).designs
    basic, bottleneck = (counted(name, design.img_size) for name in design.models)
    assert bottleneck.multiply_adds == pytest.approx(basic.multiply_adds, rel=0.01)
    (design,) = STUDIES["inverted"].at(scale).designs
    first, second = STUDIES["inverted"].at(scale).parts
    mobile, same_work, same_size = (counted(name, design.img_size) for name in (first.a, first.b, second.b))
    assert same_work.multiply_adds == pytest.approx(mobile.multiply_adds, rel=0.02)
    assert same_size.parameters == pytest.approx(mobile.parameters, rel=0.02)


@given(verdicts=st.lists(st.sampled_from(sorted(ANSWERS)), min_size=1, max_size=6))
def test_the_rule_covers_every_combination(verdicts: list[Verdict]) -> None:
    answers = [answer_to(verdict) for verdict in verdicts]
    verdict = answer_in_all(answers)
    assert (verdict == "supported") == (set(verdicts) == {"more"})
    assert (verdict == "contradicted") == bool(set(verdicts) & {"less", "alike"})
    assert answer_in_all(reversed(answers)) == verdict


@given(a=st.integers(0, 20), b=st.integers(0, 20))
def test_networks_that_learn_nothing_are_worse(a: int, b: int) -> None:
    verdict = without_interval(a, b)
    opposite = {"more": "less", "less": "more", "unresolved": "unresolved"}
    assert without_interval(b, a) == opposite[verdict]
    assert (verdict == "more") == (a >= 2 and b < 2)


def test_other_seeds_and_scales_have_pages_of_their_own() -> None:
    record = read_sealed(PAGES / "depth.json", StudyRecord)
    assert file_name(record) == "depth"
    assert file_name(replace(record, scale="full", seed=100)) == "depth-full-seed100"
    assert "skipwise study depth --scale full --seed 100\n" in page(replace(record, scale="full", seed=100))


def test_nothing_is_no_support() -> None:
    assert answer_in_all([]) == "undecided"


def test_the_subset_is_balanced_and_the_same_again(tmp_path: Path) -> None:
    images = Subset(data="digits", train=200, val=50, test=100)
    for name in ("a.csv", "b.csv"):
        write_subset("digits", images, tmp_path / name)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    assert len({row["path"] for row in rows}) == len(rows)
    each = Counter((row["split"], row["label"]) for row in rows)
    assert {split: {each[split, str(digit)] for digit in range(10)} for split in ("train", "val", "test")} == {
        "train": {20},
        "val": {5},
        "test": {10},
    }
    with pytest.raises(SkipwiseError, match=r"digits has 1,697 training images, and this study takes 3,050; name"):
        write_subset("digits", replace(images, train=3000), tmp_path / "c.csv")


class StopsAfter(Callback):
    """Ends the program, as far as a study can tell, after so many runs."""

    def __init__(self, runs: int) -> None:
        self.left = runs

    def on_run_end(self, end: RunEnd) -> None:  # noqa: ARG002
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


@pytest.mark.usefixtures("in_this_process")
def test_a_study_from_its_plan_to_its_page(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        carried_out(tmp_path, StopsAfter(5))  # in the second comparison
    assert not (tmp_path / "pages").exists()
    done = carried_out(tmp_path)

    first, second = (read_comparison(done.folder / name) for name in ("first", "second"))
    pair = first.results.pair("resnet18", "plain18")
    assert pair is not None
    assert done.record.findings[0].value == pytest.approx(100 * pair.difference)
    assert OF_PAIRS.get(pair.verdict, UNRESOLVED) == done.record.findings[0].verdict
    assert first.plan.question.alpha == ALPHA / 2
    assert (first.plan.recipe.epochs, second.plan.recipe.epochs) == (3, 4)
    assert done.record.measured == ("It gets 4.",)
    # The pair of two comparisons is the difference of their accuracies.
    short, long = first.results.candidates[0], second.results.candidates[0]
    assert short.accuracy is not None
    assert long.accuracy is not None
    assert done.record.findings[1].value == pytest.approx(100 * (long.accuracy - short.accuracy))

    # Two seeds are too few for the others.
    spread, epochs = done.record.findings[2:]
    assert (spread.verdict, spread.low, spread.answer) == ("unresolved", None, "undecided")
    assert spread.value is not None
    deviations = [network.spread for network in done.record.comparisons[0].networks]
    assert None not in deviations
    assert spread.value == pytest.approx(deviations[0] / deviations[1])
    assert (epochs.verdict, epochs.low, epochs.answer) == ("unresolved", None, "undecided")
    assert "2 of 2 runs reached 5% of the validation images" in epochs.details[0]

    # The same again shows it, with the same page.
    before = done.page.read_bytes()
    done.page.unlink()
    again = carried_out(tmp_path)
    assert again.repeated
    assert not done.repeated
    assert again.page.read_bytes() == before == page(again.record).encode()
    assert read_sealed(again.page.with_suffix(".json"), StudyRecord) == again.record
    with pytest.raises(SkipwiseError, match=r"its seed is 0"):
        carried_out(tmp_path, seed=7)


SCRIPT = """
from pathlib import Path
from tests.test_studies import carried_out
carried_out(Path("{folder}"))
"""


def test_where_images_are_not_found_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SkipwiseError, match=r"nowhere\.zip"):
        carried_out(tmp_path, data=[f"digits={tmp_path / 'nowhere.zip'}"])

    def offline() -> None:
        raise SkipwiseError("The digits can't be downloaded; check the connection.")

    monkeypatch.setitem(NAMED, "digits", offline)
    with pytest.raises(SkipwiseError, match=r"connection\. Or say where .*: --data digits=path/to/images\."):
        carried_out(tmp_path)
    assert not list(tmp_path.rglob("plan.json"))


def test_a_run_that_diverged_never_reaches_the_target_in_studies_either(tmp_path: Path) -> None:
    job = tmp_path / "runs" / "a-s0"
    job.mkdir(parents=True)
    (job / "metrics.jsonl").write_text("")
    failed = SimpleNamespace(seed=0, status="failed", reason=f"{DIVERGED} in epoch 3")
    plan: Any = SimpleNamespace(
        jobs=lambda *_: (SimpleNamespace(folder="runs/a-s0"),), recipe=SimpleNamespace(epochs=30)
    )
    candidate: Any = SimpleNamespace(name="a", runs=(failed,))
    assert attempts(plan, tmp_path, candidate, 0.5) == {0: Attempt(epochs=30, reached=False)}


def test_the_code_of_the_networks_has_a_fingerprint_that_editing_does_not_change() -> None:
    """Records in docs/studies have it in the digests of their plans."""
    assert code_fingerprint(at_width("resnet18", 20)) == networks.FINGERPRINT
    assert code_fingerprint("tests.external_networks:Linear") != networks.FINGERPRINT


@pytest.mark.slow
def test_a_study_that_is_killed_goes_on(tmp_path: Path) -> None:
    whole = carried_out(tmp_path / "whole")
    command = [sys.executable, "-c", SCRIPT.format(folder=tmp_path / "killed")]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    for finished in (1, 6):
        process = subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.DEVNULL)
        while len(list((tmp_path / "killed").glob("study/*/runs/*/run.json"))) < finished:
            assert process.poll() is None
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    killed = read_sealed(tmp_path / "killed" / "pages" / "tiny.json", StudyRecord)
    assert replace(killed, costs=()) == replace(whole.record, costs=())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "dept"}, r"There is no study called 'dept'; did you mean 'depth'\?"),
        ({"name": "depth", "seed": -1}, r"--seed must be at least 0 and below 2\^32, not -1\."),
        ({"name": "depth", "scale": "medium"}, r"There is no scale called 'medium'"),
        ({"name": "depth", "data": "cifar10.zip"}, r"--data takes NAME=PLACE, such as cifar10=path/to/images"),
        ({"name": "depth", "data": ["digits=x"]}, r"There is no data set of this study called 'digits'"),
        ({"name": "depth", "data": ["cifar10=nowhere.zip"], "dry_run": True}, r"nowhere\.zip"),
    ],
)
@pytest.mark.usefixtures("here")
def test_errors(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SkipwiseError, match=message):
        skipwise.study(**options)
    assert not list(Path().iterdir())


def test_networks_at_a_width() -> None:
    network = skipwise.create_model(at_width("resnet18", 25), num_classes=10, seed=0)
    usual = skipwise.create_model("resnet18", num_classes=10, stem="small", width=0.25, seed=0)
    assert network.state_dict().keys() == usual.state_dict().keys()
    assert all(tensor.shape == usual.state_dict()[name].shape for name, tensor in network.state_dict().items())
    with pytest.raises(SkipwiseError, match="resnet81"):
        skipwise.create_model("skipwise.studies.networks:resnet81_x20")
    with pytest.raises(SkipwiseError, match=r"resnet18_x20 is ResNet-18 at width 0\.20"):
        skipwise.create_model("skipwise.studies.networks:resnet18")


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_committed_pages_say_what_their_records_say(path: Path) -> None:
    record = read_sealed(path, StudyRecord)
    assert page(record).encode() == path.with_suffix(".md").read_bytes()
    study = STUDIES[record.study]
    assert (record.claim, record.source) == (study.claim, study.source)
    assert record.verdict == answer_in_all(answer_to(finding.verdict) for finding in record.findings)
    assert json.loads(path.read_text())["files"].keys() == {""}


README = PAGES.parents[1] / "README.md"


@pytest.mark.parametrize("name", list(STUDIES))
def test_the_readme_says_what_the_records_say(name: str) -> None:
    study, path = STUDIES[name], PAGES / f"{name}.json"
    (row,) = (line for line in README.read_text().splitlines() if re.match(rf"\| \[?{name}\b", line))
    assert f"| {study.claim} |" in row
    if not path.exists():
        assert "| not run yet |" in row
        return
    record = read_sealed(path, StudyRecord)
    assert f"| {record.verdict} |" in row
    assert all(difference(finding) in row for finding in record.findings)
    assert f"| {record.verdict} | [{name}.md]({name}.md) |" in (PAGES / "README.md").read_text()


def test_every_page_has_its_record() -> None:
    pages = {path.stem for path in PAGES.glob("*.md")} - {"README"}
    assert pages == {path.stem for path in RECORDS}
