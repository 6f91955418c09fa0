"""Runs that did not learn, and test images that belong together, from the answers to the records and the words."""

from __future__ import annotations

import csv
import hashlib
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skipwise.comparison.evidence.collapse import has_learned
from skipwise.comparison.evidence.collect import collect
from skipwise.comparison.evidence.predictions import read_tested
from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.question.grouping import Grouping, grouping_of
from skipwise.comparison.results.choice import choose
from skipwise.comparison.results.records import Results
from skipwise.comparison.run.study import run_study
from skipwise.comparison.wording import pairs, phrases, study
from skipwise.comparison.wording.answer import answer
from skipwise.comparison.wording.groups import group_warnings
from skipwise.comparison.wording.groups import in_groups as said_in_groups
from skipwise.comparison.wording.notes import notes
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.checksums import read_sealed, write_sealed
from skipwise.data.prepare import Prepared, Request, prepare
from skipwise.data.sources import ReadingOptions
from skipwise.statistics import share
from skipwise.training.folder.predictions import Predictions
from skipwise.training.folder.record import RunSpec
from tests.fabricated import fabricate
from tests.test_study import IMAGES, Accuracy, Answering, Folds, make_plan

COLLAPSED = 0.0


def found(folder: Path, plan: Plan, accuracy: Accuracy) -> Results:
    return collect(plan, folder, run_study(plan, folder, Answering(folder, accuracy)))


def sometimes(*seeds: int, otherwise: float = COLLAPSED) -> Accuracy:
    """plain18 fails with these seeds."""
    return lambda spec: otherwise if spec.model == "plain18" and spec.seed in seeds else 0.9


def test_runs_that_did_not_learn_are_counted_named_and_left_out_of_the_accuracy(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, looks=(5,))
    results = found(tmp_path, plan, sometimes(1, 3))
    sound, poor = results.candidates
    assert sound.not_learned == share(0, 5)
    assert poor.not_learned == share(2, 5)
    assert poor.accuracy == pytest.approx(0.9, abs=0.01)
    assert [run.seed for run in poor.runs if run.not_learned] == [1, 3]
    assert results.pairs[0].seeds == 3
    assert phrases.unlearned(sound) == "0 of 5 learned nothing; up to 52% may"
    (said,) = [note for note in notes(plan, results) if "learned nothing" in note]
    assert said.startswith("2 of 5 runs of plain18 learned nothing (likely cause: too few epochs, as it had ")
    assert "5% to 85% may learn nothing" in said
    choice = choose(results, {"resnet18": 0.002, "plain18": 0.001})
    assert ("Mind that 2 of its 5 runs learned" in answer(results, choice).mind) == (choice.candidate == "plain18")
    write_sealed(tmp_path / "comparison.json", results)
    assert read_sealed(tmp_path / "comparison.json", Results) == results


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"epochs": 249}, "too few epochs, as it had 249 and networks need about 250 on these images, or the learning"),
        ({"epochs": 250}, "the learning rate of {lr:g} is too high or too low for it"),
        ({"epochs": 1, "steps": 12}, "too few epochs, as it had 12 steps and networks need about 250 epochs on these"),
        ({"epochs": 1, "steps": 250}, "the learning rate of {lr:g} is too high or too low for it"),
    ],
)
def test_the_likely_cause_is_a_run_that_was_too_short_or_its_learning_rate(
    changes: dict[str, int], cause: str, tmp_path: Path
) -> None:
    plan = make_plan(tmp_path, looks=(2,))  # of 100 images, which are a step an epoch
    plan = replace(plan, recipe=replace(plan.recipe, batch_size=100, **changes))
    (said,) = {run.not_learned for run in found(tmp_path, plan, sometimes(0, 1)).candidates[1].runs}
    assert said is not None
    assert said.startswith(cause.format(lr=plan.recipe.lr))


def test_a_loss_that_is_no_number_counts_as_nothing_learned(tmp_path: Path) -> None:
    results = found(tmp_path, make_plan(tmp_path, looks=(5,)), sometimes(2, otherwise=math.nan))
    assert results.candidates[1].not_learned == share(1, 5)
    assert "too high" in str(results.candidates[1].runs[2].not_learned)


def test_who_never_learned_is_left_out_and_the_others_are_compared(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, ("resnet18", "se_resnet18", "plain18"), looks=(5,))
    results = found(tmp_path, plan, sometimes(*range(5)))
    assert [(pair.a, pair.b) for pair in results.pairs] == [("resnet18", "se_resnet18")]
    assert results.candidates[2].outcome is None
    assert results.candidates[2].accuracy is None
    assert phrases.reached(results.candidates[2], results.question) == "learned nothing"
    assert any(note.startswith("None of the 5 runs of plain18 learned anything") for note in notes(plan, results))


def test_runs_that_learned_with_other_seeds_are_compared_all_the_same(tmp_path: Path) -> None:
    """The second opinions rest on the same runs as the verdict: three of one network, two of the other, one seed in
    common."""
    plan = make_plan(tmp_path, looks=(5,))
    failing = {"resnet18": (3, 4), "plain18": (0, 1, 2)}
    results = found(tmp_path, plan, lambda spec: COLLAPSED if spec.seed in failing[spec.model] else 0.9)
    (pair,), (ratio,), (check,) = results.pairs, results.ratios, results.bootstraps
    assert pair.seeds == 2
    assert ratio.low < ratio.value < ratio.high
    assert check.low < pair.difference < check.high


def test_in_cross_validation_a_fold_that_learned_nothing_takes_its_seed_with_it(tmp_path: Path) -> None:
    """The images of that fold have no answers of this seed, and those of other folds can't stand in for them."""
    plan = replace(make_plan(tmp_path, looks=(5,)), folds=4)
    poor = {("plain18", 1, (2, 4)), ("plain18", 3, (0, 4))}

    def accuracy(spec: RunSpec) -> float:
        return COLLAPSED if (spec.model, spec.seed, spec.fold) in poor else 0.9

    results = collect(plan, tmp_path, run_study(plan, tmp_path, Folds(tmp_path, accuracy)))
    sound, gone = results.candidates
    assert gone.not_learned == share(2, 20)
    assert sound.seeds_that_count == (0, 1, 2, 3, 4)
    assert gone.seeds_that_count == (0, 2, 4)
    assert results.pairs[0].seeds == 3
    assert gone.accuracy == pytest.approx(0.9)
    (said,) = [note for note in notes(plan, results) if "learned nothing" in note]
    assert said.startswith("2 of 20 runs of plain18 learned nothing")
    assert "A seed counts only if the runs of all its folds learned, which leaves 3 of 5 seeds." in said
    assert "Its accuracy of 90.00% is that of the seeds that count." in said


def test_two_seeds_say_what_they_can_not_see(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, looks=(2,))
    assert any("look sound in 44%" in note for note in notes(plan, found(tmp_path, plan, sometimes())))
    assert not any("Two seeds" in note for note in notes(*fabricate().arguments()[:2]))


def answers(given: np.ndarray, labels: np.ndarray) -> Predictions:
    ids = np.array([str(number) for number in range(len(labels))])
    return Predictions(ids, labels, np.eye(int(labels.max()) + 1, dtype=np.float32)[given])


def test_finding_the_rare_class_is_learning_however_rare_it_is() -> None:
    labels = np.repeat([0, 1], [190, 10])
    rare = np.where(np.arange(200) >= 195, 1, 0)
    rare[:5] = 1  # right as often as by always giving the commonest class
    assert has_learned(answers(rare, labels))
    assert not has_learned(answers(np.zeros_like(labels), labels))
    assert has_learned(answers(np.zeros(4, np.int64), np.array([0, 1, 0, 1])))  # so few can't show it


def in_groups(folder: Path, plan: Plan, groups: int) -> Plan:
    """The same test images, so many groups of them."""
    with (folder / "split.csv").open() as file:
        rows = list(csv.DictReader(file))
    numbers = np.arange(IMAGES) * groups // IMAGES
    lines = [
        "path,label,split,twin,group",
        *(f"{r['path']},{r['label']},test,,{g}" for r, g in zip(rows, numbers, strict=True)),
    ]
    (folder / "split.csv").write_text("\n".join(lines) + "\n")
    made = Grouping(
        groups=groups, largest=IMAGES // groups, by="column patient", lone=(), digest=hashlib.sha256().hexdigest()
    )
    return replace(plan, grouping=made)


def test_groups_are_what_is_judged_on_and_what_is_said(tmp_path: Path) -> None:
    alone = make_plan(tmp_path / "alone", looks=(5,))
    plan = in_groups(tmp_path / "groups", make_plan(tmp_path / "groups", looks=(5,)), 8)
    accuracy: Accuracy = lambda spec: 0.9 if spec.model == "resnet18" else 0.897  # noqa: E731
    apart, results = found(tmp_path / "alone", alone, accuracy), found(tmp_path / "groups", plan, accuracy)
    assert apart.test_groups is None
    assert results.test_groups == 8
    (pair,) = results.pairs
    assert pair.groups == 8
    assert pair.difference == pytest.approx(apart.pairs[0].difference)
    assert "4,000 test images in 8 groups (column patient)" in study.asked(results)
    assert any("too few to know how much groups differ" in note for note in notes(plan, results))
    (singly,), (together,) = apart.bootstraps, results.bootstraps
    assert together.low <= pair.difference <= together.high
    assert (together.low, together.high) != (singly.low, singly.high)
    scarce = replace(fabricate().arguments()[1], class_images=(15, 15))
    assert any("With 30 test images, a difference" in note for note in notes(plan, scarce))
    assert not any("a difference is likely" in note for note in notes(plan, replace(scarce, test_groups=8)))
    short = replace(pair, verdict="unresolved", seeds_needed=None, images_needed=None, groups_needed=31)
    assert pairs.remedy(short, results) == (
        f"about 31 groups of test images instead of 8 would settle it, {pairs.IF}; more seeds can't"
    )
    wide = replace(short, low=-1.0, high=1.0, seeds=2)
    assert pairs.verdict(wide, results.question) == "unresolved: 2 seeds on these images can't tell them apart"
    assert "by up to 3.0 points" in pairs.verdict(replace(short, low=-0.03, high=0.02), results.question)
    other = replace(plan, grouping=replace(plan.grouping, groups=9))  # type: ignore[type-var]
    with pytest.raises(SkipwiseError, match="not the one"):
        read_tested(other, tmp_path / "groups")


def test_plans_of_earlier_versions_stay_as_they_were() -> None:
    old = fabricate(exploratory=False).plan
    new = replace(old, grouping=Grouping(groups=30, largest=9, by="", lone=(), digest="0"))
    assert new.same_as(old)
    assert not old.same_as(new)
    assert old.difference(new) == "other test images belong together"
    assert new.digest() != old.digest()


def prepared_with(folder: Path, groups: list[str], noticed: list[str]) -> Prepared:
    """Images of two classes in turn, of these groups, ten training images before."""
    rng = np.random.default_rng(0)
    rows = ["path,label,split,patient"]
    for number, group in enumerate([f"t{n}" for n in range(20)] + groups):
        Image.fromarray(rng.integers(0, 255, (32, 32), np.uint8)).save(folder / f"{number}.png")
        rows.append(f"{number}.png,{'ab'[number % 2]},{'train' if number < 20 else 'test'},{group}")
    (folder / "images.csv").write_text("\n".join(rows) + "\n")
    request = Request(data=str(folder / "images.csv"), reading=ReadingOptions(group="patient"))
    return prepare(request, seed=0, packed=False, notice=noticed.append)


def test_groups_of_a_column_reach_the_plan_with_what_they_can_not_show(tmp_path: Path) -> None:
    noticed: list[str] = []
    prepared = prepared_with(tmp_path, ["p", "q", "p", "", "p", "r", "p", "s"], noticed)
    made = grouping_of(prepared, ReadingOptions(group="patient"))
    assert made is not None
    assert (made.groups, made.largest, made.by, made.lone) == (5, 4, "column patient", ("a",))
    assert said_in_groups(made, 8) == "8 test images in 5 groups (column patient)"
    few, half, lone = group_warnings(made, 8)
    assert "5 groups" in few
    assert "4 of the 8" in half
    assert "'a'" in lone
    assert any("1 of 28 images have no group, such as 23.png" in said for said in noticed)


def test_images_that_belong_with_no_other_make_no_groups(tmp_path: Path) -> None:
    assert grouping_of(prepared_with(tmp_path, list("pqrs"), []), ReadingOptions(group="patient")) is None
