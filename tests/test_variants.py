"""Outcomes that read other versions of the test images: how these are made, answered, kept, resumed and refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import skipwise
from skipwise.comparison.budget import external_batch
from skipwise.comparison.budget.forecast import run_seconds
from skipwise.comparison.evidence.collect import collect
from skipwise.comparison.plan.plan import Job
from skipwise.comparison.question.counting import check_variants
from skipwise.comparison.question.question import FurtherOutcome, Question
from skipwise.comparison.results.finished import Comparison
from skipwise.comparison.run import variants as answering
from skipwise.comparison.run.study import run_study
from skipwise.comparison.wording.further import claims, further
from skipwise.core.errors import Damaged, SkipwiseError
from skipwise.cost import timing
from skipwise.cost.interleaved import interleaved
from skipwise.data.prepare import Request, prepare
from skipwise.evaluation.corruptions import CORRUPTIONS, corrupt
from skipwise.evaluation.logits import predict_logits
from skipwise.evaluation.outcomes import OUTCOMES, outcome_of
from skipwise.evaluation.variants import VARIANTS, Kinds, Originals
from skipwise.evaluation.variants.corrupted import AS_GREY, KINDS, make, severities
from skipwise.training.folder.files import write_weights
from skipwise.training.folder.predictions import read_predictions
from skipwise.training.folder.record import RunRecord, read_run, write_run
from skipwise.training.folder.variant_answers import VariantAnswers, has_variant, read_variant, write_variant
from skipwise.training.probe.step_cost import StepCost
from tests.conftest import making
from tests.processes import tried_here
from tests.test_study import Folds, make_plan

LINEAR, DECIDES = "tests.external_networks:Linear", "tests.external_networks:Decides"
RUN = "runs/tests.external_networks.Linear-s0"
OPTIONS: dict[str, Any] = {
    "models": [LINEAR, DECIDES],
    "seeds": 2,
    "epochs": 12,
    "batch_size": 16,
    "mirror": False,
    "precision": "fp32",
    "outcome": "accuracy,corrupted",
    "margin": [2, 1],
}
CELLS = VARIANTS["corrupted"].versions
IMAGES, TESTED = 400, 160


def quadrants() -> tuple[np.ndarray, np.ndarray]:
    """Noise with one brighter quadrant, which is the class; [N, 12, 12] and [N]."""
    rng, labels = np.random.default_rng(0), np.arange(IMAGES) % 4
    pixels = 110 + rng.normal(0, 50, (IMAGES, 2, 6, 2, 6))
    pixels[np.arange(IMAGES), labels // 2, :, labels % 2] += 40
    return pixels.reshape(IMAGES, 12, 12).clip(0, 255).astype(np.uint8), labels


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path, (pixels, labels) = tmp_path_factory.mktemp("images") / "quadrants.npz", quadrants()
    train, test = slice(TESTED, None), slice(TESTED)
    np.savez(path, x_train=pixels[train], y_train=labels[train], x_test=pixels[test], y_test=labels[test])
    return path


def compare(images: Path, folder: Path, **options: Any) -> Comparison:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timing, "interleaved", lambda arms, **_: interleaved(arms, seconds=0.0))
        patch.setattr(external_batch, "tried_elsewhere", tried_here)
        found = skipwise.compare(images, output=folder, **({"executor": skipwise.InProcess()} | OPTIONS | options))
    assert isinstance(found, Comparison)
    return found


@pytest.fixture(scope="module")
def compared(images: Path, shared: Path) -> Comparison:
    """A comparison of two networks by accuracy, also under corruption; not to be changed."""
    with making(shared / "variants") as folder:
        return compare(images, folder / "out")


def test_each_image_has_each_severity_alike_and_each_cell_a_fifth_of_the_images() -> None:
    assert tuple(CORRUPTIONS) == KINDS
    table = np.array([severities(1003, kind) for kind in KINDS])
    assert set(np.apply_along_axis(lambda own: np.bincount(own, minlength=6)[1:].tolist() == [3] * 5, 0, table)) == {
        True
    }
    counts = np.array([np.bincount(row, minlength=6)[1:] for row in table])
    assert counts.min() >= 200
    assert counts.max() <= 201
    # Where images begin has nothing to do with their order.
    assert abs(np.corrcoef(table[0][:-5], table[0][5:])[0, 1]) < 0.1


def test_a_version_is_the_same_in_whatever_batch() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1)).astype(np.uint8)
    originals = Originals(pixels=pixels, preprocessing=None)  # type: ignore[arg-type]
    whole = make(originals, "shot_noise", np.arange(40))
    some = np.array([31, 4, 4, 17])
    assert (make(originals, "shot_noise", some) == whole[some]).all()
    for number in some.tolist():
        severity = int(severities(40, "shot_noise")[number])
        assert (corrupt(pixels[[number]], "shot_noise", severity, seed=0, numbers=[number])[0] == whole[number]).all()


@pytest.mark.slow
def test_fifteen_passes_estimate_all_75_cells(compared: Comparison) -> None:
    spec, run = compared.plan.spec(LINEAR, 0), compared.folder / RUN
    pixels, labels = (each[:TESTED] for each in quadrants())
    network = spec.network.from_file(run / "weights.safetensors", new_head=False).build(seed=0)

    def right(version: np.ndarray) -> np.ndarray:
        logits = predict_logits(network, version, np.arange(TESTED), spec.preprocessing, device="cpu")
        return logits.argmax(axis=1) == labels

    pixels = pixels[..., None]
    assert right(pixels).mean() == pytest.approx(read_run(run).test.accuracy)  # type: ignore[union-attr]
    full = np.mean(
        [right(corrupt(pixels, kind, severity, seed=1)) for kind in KINDS for severity in range(1, 6)], axis=0
    )
    answers = read_variant(run, "corrupted", CELLS)
    assert answers.ids.tolist() == read_predictions(run, "test").ids.tolist()
    apart = OUTCOMES["corrupted"].scores(answers.answers, labels) - full
    error = apart.std() / np.sqrt(TESTED)
    assert 0.3 < full.mean() < 0.95
    assert abs(apart.mean()) < 3.5 * error < 0.04
    # One severity for all would not do.
    harshest = np.mean([right(corrupt(pixels, kind, 5, seed=1)) for kind in KINDS], axis=0)
    assert abs((harshest - full).mean()) > 3.5 * error
    # What is judged is the mean over the runs.
    both = [read_variant(compared.folder / f"{RUN[:-1]}{seed}", "corrupted", CELLS) for seed in (0, 1)]
    (reached,) = (each.outcome for each in compared.results.further[0].networks if each.name == LINEAR)
    assert reached is not None
    assert reached.value == pytest.approx(np.mean([(each.answers == labels).mean() for each in both]))


@pytest.mark.slow
def test_a_comparison_that_was_killed_between_comes_to_the_same_bytes(
    compared: Comparison, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = answering.write_variant
    written: list[Path] = []

    def killed(folder: Path, *rest: Any) -> None:
        if len(written) == 1:
            raise KeyboardInterrupt  # a run has ended, and its other answers are not there yet
        written.append(folder)
        write(folder, *rest)

    monkeypatch.setattr(answering, "write_variant", killed)
    with pytest.raises(KeyboardInterrupt):
        compare(images, tmp_path / "out")
    done = sorted(path.parent for path in (tmp_path / "out").glob("runs/*/run.json"))
    assert len(done) == 2
    stamps = {path: (path / "predictions.npz").stat().st_mtime_ns for path in done}
    monkeypatch.setattr(answering, "write_variant", write)
    found = compare(images, tmp_path / "out")
    for name in ("comparison.json", f"{RUN}/variants/corrupted.npz"):
        assert (found.folder / name).read_bytes() == (compared.folder / name).read_bytes()
    assert {path: (path / "predictions.npz").stat().st_mtime_ns for path in done} == stamps  # nothing was trained twice


def test_damaged_answers_are_noticed_and_given_again(compared: Comparison, images: Path, tmp_path: Path) -> None:
    home = Path(shutil.copytree(compared.folder, tmp_path / "out"))
    path = home / RUN / "variants" / "corrupted.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[:300] + bytes([whole[300] ^ 1]) + whole[301:])
    assert not has_variant(home / RUN, "corrupted", CELLS)
    with pytest.raises(Damaged, match=r"corrupted\.npz"):
        read_variant(home / RUN, "corrupted", CELLS)
    assert not has_variant(compared.folder / RUN, "corrupted", CELLS[:-1])  # of other versions
    (home / "comparison.json").unlink()
    compare(images, home)
    assert path.read_bytes() == whole
    assert (home / "comparison.json").read_bytes() == (compared.folder / "comparison.json").read_bytes()
    # Other weights have other answers.
    write_weights(home / RUN, LINEAR, compared.plan.network(LINEAR).build(seed=7))
    write_run(home / RUN, read_run(home / RUN))
    assert not has_variant(home / RUN, "corrupted", CELLS)
    (home / RUN / "weights.safetensors").unlink()
    (home / "comparison.json").unlink()
    with pytest.raises(
        SkipwiseError, match=r"The weights of the run in .*Linear-s0 are gone; train them again with: skipwise restore"
    ):
        compare(images, home)


@pytest.mark.slow
def test_an_included_run_answers_what_it_was_not_asked_before(images: Path, tmp_path: Path) -> None:
    """And corruption may be what decides."""
    options = {"models": ["resnet20", "se_resnet20"], "width": 0.25, "epochs": 6, "compile": False, "margin": None}
    asked = compare(images, tmp_path / "asked", **(options | {"outcome": "accuracy,corrupted"}))
    before = compare(images, tmp_path / "before", **(options | {"outcome": "accuracy"}))
    assert not list(before.folder.glob("runs/*/variants"))
    included = [before.folder / "runs" / "resnet20-s0"]
    found = compare(images, tmp_path / "out", include=included, **(options | {"outcome": "corrupted,accuracy"}))
    name = "runs/resnet20-s0/variants/corrupted.npz"
    assert (found.folder / name).read_bytes() == (asked.folder / name).read_bytes()
    assert found.results.question.outcomes == ("corrupted", "accuracy")
    assert [each.pairs for each in found.results.judged][::-1] == [each.pairs for each in asked.results.judged]
    assert found.results.guess == pytest.approx(0.25)
    assert found.costs.recommendation.candidate in ("resnet20", "se_resnet20")


def test_what_cannot_be_corrupted_is_refused_before_training(tmp_path: Path) -> None:
    for label in ("a", "b"):
        folder = tmp_path / "i" / label
        folder.mkdir(parents=True)
        for number in range(20):
            Image.fromarray(np.full((12, 12), number, np.uint8)).save(folder / f"{number}.png")
    small = VARIANTS["corrupted"].refuse(Kinds(size=6, two_valued=False, brought=()))
    assert small.startswith("Images of 6 x 6 pixels are too small to be corrupted; use --img-size 8")
    usual = {"models": ["resnet20", "plain20"], "seeds": 2, "output": tmp_path / "out"}
    with pytest.raises(SkipwiseError, match="Tuning chooses by validation images as they are"):
        skipwise.compare(tmp_path / "i", **usual, outcome="corrupted", tune=[0.1, 0.2])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["1", "L", "bits"])
def test_images_of_one_bit_are_corrupted_as_grey_ones_and_that_is_said(kind: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 2, (40, 12, 12)).astype(bool)
    place = tmp_path / "bits.npz"
    if kind == "bits":
        labels = np.arange(40) % 2
        np.savez(place, x_train=pictures, y_train=labels, x_test=pictures[::-1], y_test=labels)
    else:
        place = tmp_path / "images"
        for number, pixels in enumerate(pictures):
            file = place / str(number % 2) / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8) * 255).convert(kind).save(file)
    question = Question(candidates=("a", "b"), looks=(5,), margin=0.5, alpha=0.05, outcome="corrupted")
    said = check_variants(question, prepare(Request(data=str(place)), seed=0, packed=False), 12, tuned=False)
    assert said == ([] if kind == "L" else [AS_GREY])


def test_the_forecast_counts_further_passes(compared: Comparison) -> None:
    plan, costs = compared.plan, {LINEAR: StepCost(step=0.1, evaluation=0.01)}
    alone = replace(plan, question=plan.question.questions[0])
    more = run_seconds(plan, costs, LINEAR) - run_seconds(alone, costs, LINEAR)
    assert more >= 15 * plan.test_images * 0.01


def test_scores_of_versions() -> None:
    outcome = outcome_of("corrupted")
    answers = np.array([[0, 1, 2], [0, 0, 2], [1, 0, -1]])
    assert outcome.scores(answers, np.array([0, 1, 2])).tolist() == pytest.approx([2 / 3, 1 / 3, 2 / 3])
    assert outcome.errors(np.array([0.25])).tolist() == [0.75]
    assert outcome.baseline((3, 1), ("a", "b")) == 0.75
    assert outcome.measure() == "test accuracy under corruption"


class Versioned(Folds):
    """In cross-validation, runs that also answer versions of the images of their fold: resnet18 rightly, and plain18
    wrongly in the first three versions."""

    def run(self, job: Job) -> RunRecord:
        record = super().run(job)
        folder = self.home / job.folder
        (folder / "weights.safetensors").write_bytes(b"weights")
        write_run(folder, record)
        tested = read_predictions(folder, "test")
        answers = np.tile(tested.labels.astype(np.int32), (len(CELLS), 1))
        if job.spec.model == "plain18":
            answers[:3] += 1
        write_variant(folder, "corrupted", CELLS, VariantAnswers(ids=tested.ids, answers=answers))
        return record


def test_folds_are_put_together_image_by_image(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, folds=4, looks=(2,))
    asked = (FurtherOutcome(outcome="corrupted", margin=0.5),)
    plan = replace(plan, question=replace(plan.question, further_outcomes=asked))
    results = collect(plan, tmp_path, run_study(plan, tmp_path, Versioned(tmp_path, lambda _: 1.0)))
    (judged,) = results.further
    values = {each.name: each.outcome.value for each in judged.networks if each.outcome is not None}
    assert values == pytest.approx({"resnet18": 1.0, "plain18": 1 - 3 / 15})
    assert judged.pairs[0].images == plan.test_images
    assert claims(further(results)[0][0], judged)[0].startswith("Under corruption, resnet18 is better than plain18 by ")
    # A run that did not answer all of its images is named.
    run = tmp_path / plan.jobs("plain18", 1)[2].folder
    whole = read_variant(run, "corrupted", CELLS)
    write_variant(run, "corrupted", CELLS, VariantAnswers(ids=whole.ids[1:], answers=whole.answers[:, 1:]))
    with pytest.raises(SkipwiseError, match="did not answer versions of all test images"):
        run_study(plan, tmp_path, Versioned(tmp_path, lambda _: 1.0))
