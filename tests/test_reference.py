"""What an artifact remembers of its validation images, and of the comparison that chose it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import skipwise
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.checksums import seal_of
from skipwise.deploy.artifact.artifact import read_artifact
from skipwise.deploy.artifact.reference import INPUTS, Reference, Threshold, measured, parts, spread
from skipwise.deploy.export.chosen import chosen_by
from skipwise.deploy.export.export import Exported
from skipwise.deploy.trained.trained_network import network_of_run
from skipwise.deploy.verify.wording import exported as in_words
from skipwise.deploy.verify.wording import not_sure
from skipwise.training.folder.predictions import Predictions, read_predictions, write_predictions
from skipwise.training.folder.record import read_run, write_run

KEPT = Path(__file__).parent / "kept" / "finished"


@pytest.fixture(scope="module")
def doubtful(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run with 60 validation images, of which it gets the less sure ones wrong more often."""
    folder = tmp_path_factory.mktemp("doubtful") / "run"
    shutil.copytree(trained, folder)
    shutil.rmtree(folder / "evaluation", ignore_errors=True)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 60)
    logits = rng.normal(0, 1, (60, 3)).astype(np.float32)
    logits[np.arange(60), labels] += rng.uniform(0, 5, 60).astype(np.float32)
    val = Predictions(ids=np.array([f"{number}.png" for number in range(60)]), labels=labels, logits=logits)
    write_predictions(folder, {"val": val, "test": read_predictions(folder, "test")})
    write_run(folder, read_run(folder))
    return folder


@pytest.fixture(scope="module")
def made(doubtful: Path) -> Exported:
    return skipwise.export(doubtful, output=doubtful.parent / "artifact")


def test_the_threshold_is_the_one_that_evaluate_finds(doubtful: Path, made: Exported, here: Path) -> None:
    found = skipwise.evaluate(doubtful, output=here / "evaluation").evaluation
    threshold = made.artifact.threshold
    assert threshold is not None
    assert threshold.asked == 0.95
    refusal = next(each for each in found.refusals if each.asked == threshold.asked)
    assert threshold.confidence == pytest.approx(refusal.threshold, rel=1e-3)
    assert 1 / 3 < threshold.confidence < 1
    assert any(f"below {100 * threshold.confidence:.1f}%" in line for line in in_words(made))


@pytest.mark.slow
def test_without_a_temperature_it_is_of_the_confidence_that_the_file_gives(doubtful: Path, made: Exported) -> None:
    plain = skipwise.export(doubtful, output=doubtful.parent / "plain", temperature=False).artifact
    assert plain.threshold is not None
    assert made.artifact.threshold is not None
    assert plain.threshold.confidence != made.artifact.threshold.confidence
    assert plain.reference is not None
    assert made.artifact.reference is not None
    assert plain.reference.answers == made.artifact.reference.answers


def test_the_reference_counts_answers_and_measures_validation_images(doubtful: Path, made: Exported) -> None:
    reference, threshold = made.artifact.reference, made.artifact.threshold
    assert reference is not None
    assert threshold is not None
    logits = read_predictions(doubtful, "val").logits
    assert reference.images == sum(reference.answers) == len(logits)
    assert list(reference.answers) == np.bincount(logits.argmax(axis=1), minlength=3).tolist()
    assert reference.unsure is not None
    assert 0 < reference.unsure < reference.images
    assert tuple(reference.inputs) == INPUTS
    in_split = (doubtful / "split.csv").read_text().count(",val")
    assert all(sum(each.counts) == in_split for each in reference.inputs.values())
    sides = reference.inputs["shorter side"]
    assert all(20 <= edge <= 32 for edge in sides.edges)


def test_a_run_with_few_validation_images_has_neither(exported: Exported) -> None:
    assert exported.artifact.threshold is None
    assert exported.artifact.reference is None
    assert exported.artifact.chosen is None


def test_a_record_of_an_earlier_version_is_read_without_them(made: Exported, here: Path) -> None:
    shutil.copytree(made.folder, here / "old")
    path = here / "old" / "artifact.json"
    plain = json.loads(path.read_text())
    assert plain["version"] == 2  # which earlier versions read, too: to them these are unknown names
    for name in ("threshold", "reference", "chosen"):
        del plain[name]
    plain["files"][""] = seal_of(plain)
    path.write_text(json.dumps(plain))
    found = read_artifact(here / "old")
    assert (found.threshold, found.reference, found.chosen) == (None, None, None)


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("threshold", "confidence"), -0.1),
        (("reference", "answers"), [1, 2]),
        (("reference", "unsure"), 10_000),
        (("reference", "inputs", "brightness", "edges"), [3.0, 1.0, 2.0, 4.0]),
        (("reference", "inputs", "brightness", "counts"), [1]),
    ],
)
def test_values_that_no_export_writes_are_refused(
    made: Exported, here: Path, keys: tuple[str, ...], value: object
) -> None:
    shutil.copytree(made.folder, here / "forged")
    path = here / "forged" / "artifact.json"
    plain = json.loads(path.read_text())
    at = plain
    for key in keys[:-1]:
        at = at[key]
    at[keys[-1]] = value
    plain["files"][""] = seal_of(plain)
    path.write_text(json.dumps(plain))
    with pytest.raises(SkipwiseError, match=r"artifact\.json is damaged"):
        read_artifact(here / "forged")


def test_the_comparison_that_chose_a_network_is_in_words_and_names_no_folder(trained: Path) -> None:
    network = replace(network_of_run(trained), where=KEPT / "runs" / "resnet20-s0")
    chosen = chosen_by(network)
    assert chosen is not None
    assert chosen.data == "digits"
    assert chosen.sentences
    assert not any(str(KEPT) in sentence for sentence in chosen.sentences)
    assert len(chosen.date) == 10


def test_a_threshold_in_words(exported: Exported) -> None:
    artifact = replace(exported.artifact, threshold=Threshold(asked=0.99, confidence=1.0000000000000002))
    assert "All answers" in not_sure(artifact)
    artifact = replace(exported.artifact, threshold=Threshold(asked=0.95, confidence=0.8))
    assert "below 80.0% are called" in not_sure(artifact)
    assert "INT8" not in not_sure(artifact)
    assert not_sure(replace(artifact, precision="int8")).endswith("INT8 changes confidences a little.")


def test_values_spread_over_parts_of_equal_numbers() -> None:
    values = np.random.default_rng(0).normal(100, 20, 500).round(2)
    found = spread(values.tolist())
    assert len(found.counts) == 5
    assert max(found.counts) - min(found.counts) <= 1
    assert parts(values, found.edges) == list(found.counts)
    mostly = spread([28.0] * 99 + [30.0])
    assert sum(mostly.counts) == 100
    assert measured(np.zeros((224, 224, 1), np.uint8), 12) == (0, 0, 12)
    assert Reference(images=1, answers=(1,), unsure=None, inputs={"brightness": mostly})
