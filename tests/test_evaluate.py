"""`skipwise.evaluate`: runs and artifacts, on their own images and on others."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.checksums import UnsealedWarning
from skipwise.deploy.export.export import Exported
from skipwise.evaluating.evaluate import evaluate, read_evaluation
from skipwise.evaluation.mislabelled import probabilities
from skipwise.evaluation.temperature import fit_temperature
from skipwise.training.folder.predictions import read_predictions
from tests.conftest import make_photos


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Other pictures: one class in capitals, one that the network does not know, and one class of it missing."""
    root = make_photos(tmp_path_factory.mktemp("others") / "images", classes=3, per_class=14)
    (root / "stripes1").rename(root / "STRIPES1")
    (root / "stripes2").rename(root / "dots")
    return root


@pytest.mark.usefixtures("here")
def test_a_run_is_evaluated_from_what_it_kept(trained: Path) -> None:
    said: list[str] = []
    report = evaluate(trained, notice=said.append)
    kept, validation = read_predictions(trained, "test"), read_predictions(trained, "val")
    answers, found = kept.logits.argmax(axis=1), report.evaluation
    assert found.images == len(kept.labels)
    assert found.accuracy.value == metrics.accuracy_score(kept.labels, answers)
    balanced = next(each for each in found.outcomes if each.outcome == "balanced-accuracy")
    assert balanced.value == pytest.approx(metrics.balanced_accuracy_score(kept.labels, answers))
    assert np.array_equal(found.matrix, metrics.confusion_matrix(kept.labels, answers))
    loss = next(each for each in found.outcomes if each.outcome == "log-loss")
    assert loss.value == pytest.approx(metrics.log_loss(kept.labels, probabilities(kept.logits)))
    few = len(validation.labels) < 20
    assert (
        found.scaled is None
        if few
        else found.scaled.temperature == fit_temperature(validation.logits, validation.labels)
    )
    rows = list(csv.reader((report.folder / "predictions.csv").read_text().splitlines()))
    assert len(rows) == 1 + found.images
    assert np.mean([row[3] == "1" for row in rows[1:]]) == pytest.approx(found.accuracy.value)
    page = report.page.read_text()
    assert page.count("data:image/webp") > 0
    assert len(page) < 1_000_000
    again = evaluate(trained)
    assert (again.folder, again.repeated, again.record) == (report.folder, True, report.record)
    anew = evaluate(trained, again=True)
    assert anew.folder != report.folder
    for name in ("evaluation.json", "predictions.csv", "evaluation.html"):
        assert (anew.folder / name).read_bytes() == (report.folder / name).read_bytes()


@pytest.mark.usefixtures("here")
def test_an_artifact_gives_the_answers_of_its_run(trained: Path, exported: Exported) -> None:
    run, artifact = evaluate(trained), evaluate(exported.folder)
    assert artifact.folder != run.folder
    assert artifact.evaluation.matrix == run.evaluation.matrix
    ours, theirs = run.evaluation.outcomes, artifact.evaluation.outcomes
    for each, other in zip(ours, theirs, strict=True):
        assert each.value == pytest.approx(other.value, abs=1e-4)
    named = evaluate(exported.folder, trained.parent / "stripes")
    assert named.repeated  # these are the run's images, so only its test images are taken


@pytest.mark.usefixtures("here")
def test_classes_of_other_images_are_matched_by_name(exported: Exported, others: Path) -> None:
    said: list[str] = []
    report = evaluate(exported.folder, others, notice=said.append)
    assert report.evaluation.images == 28
    assert report.record.extra == {"dots": 14}
    assert report.record.missing == ("stripes2",)
    assert any("dots (14 images)" in sentence for sentence in said)
    assert any("No image is of stripes2" in sentence for sentence in said)
    scores = {each.name: each for each in report.evaluation.scores}
    assert scores["stripes2"].recall.value is None
    assert scores["stripes1"].images == 14


@pytest.mark.usefixtures("here")
def test_what_a_kill_left_is_finished(trained: Path) -> None:
    first = evaluate(trained)
    expected = {path.name: path.read_bytes() for path in first.folder.iterdir() if not path.name.startswith(".")}
    for lost in ("evaluation.json", "evaluation.html", "predictions.csv"):
        (first.folder / lost).unlink()
        second = evaluate(trained)
        assert (second.folder, second.repeated) == (first.folder, False)
        assert {name: (second.folder / name).read_bytes() for name in expected} == expected


def test_a_folder_may_be_named_from_inside(trained: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(trained, here / "mine")
    monkeypatch.chdir(here / "mine")
    assert evaluate(".").folder == Path("runs/evaluate/mine")


def test_images_that_changed_are_answered_again(exported: Exported, here: Path) -> None:
    images = make_photos(here / "others", classes=3, per_class=14)
    first = evaluate(exported.folder, images)
    for one, other in zip(
        sorted((images / "stripes1").iterdir()), sorted((images / "stripes2").iterdir()), strict=True
    ):
        content = one.read_bytes()
        one.write_bytes(other.read_bytes())
        other.write_bytes(content)
    second = evaluate(exported.folder, images)
    assert (second.repeated, second.folder == first.folder) == (False, False)
    assert second.evaluation.accuracy.value < first.evaluation.accuracy.value


@pytest.mark.usefixtures("here")
def test_a_file_that_was_changed_is_found(trained: Path) -> None:
    report = evaluate(trained)
    with (report.folder / "predictions.csv").open("a") as file:
        file.write("one more\n")
    with pytest.raises(SkipwiseError, match=r"predictions\.csv was damaged or changed .* evaluate again into another"):
        evaluate(trained)


def test_what_is_no_evaluation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SkipwiseError, match="holds no evaluation; give a folder that 'skipwise evaluate' made"):
        read_evaluation(tmp_path)


def test_an_image_may_have_moved_away(trained: Path, here: Path) -> None:
    elsewhere = here / "run"
    shutil.copytree(trained, elsewhere)
    place = json.loads((elsewhere / "source.json").read_text())
    shutil.rmtree(here / "images", ignore_errors=True)
    moved = {**place, "data": str(here / "images")}
    moved.pop("files", None)
    (elsewhere / "source.json").write_text(json.dumps(moved))
    with pytest.warns(UnsealedWarning):
        report = evaluate(elsewhere)
    assert report.evaluation.accuracy.value == evaluate(trained).evaluation.accuracy.value
    assert any("No pictures are shown" in note for note in report.record.notes)
    assert "data:image" not in report.page.read_text()


def test_mistakes_are_one_sentence(trained: Path, exported: Exported, here: Path) -> None:
    def refused(*arguments: object, **options: object) -> str:
        with pytest.raises(SkipwiseError) as caught:
            evaluate(*arguments, **options)  # type: ignore[arg-type]
        assert not (here / "runs").exists()
        return str(caught.value)

    assert "neither a finished run (run.json) nor an exported network" in refused(here)
    assert "--subset must be test or val, not 'train'" in refused(trained, subset="train")
    assert "whose answers were kept in training; leave --backend out" in refused(trained, backend="onnxruntime")
    strangers = make_photos(here / "strangers", classes=2, per_class=4)
    for folder in sorted(strangers.iterdir()):
        folder.rename(folder.with_name(f"other{folder.name}"))
    assert "has none of the network's classes: it has" in refused(exported.folder, strangers)
    flat = here / "flat"
    flat.mkdir()
    for number, path in enumerate(sorted(strangers.rglob("*.png"))):
        shutil.copy(path, flat / f"{'xyz'[number % 3]}q{number}w.png")
    assert "skipwise predict" in refused(exported.folder, flat)
    damaged = here / "damaged"
    shutil.copytree(trained, damaged)
    content = bytearray((damaged / "predictions.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (damaged / "predictions.npz").write_bytes(bytes(content))
    assert "predictions.npz was damaged or changed" in refused(damaged)
