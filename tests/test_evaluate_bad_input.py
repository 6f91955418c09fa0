"""What `evaluate`, `explain`, `compare` and `train` refuse, each in a sentence that says what to do."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import skipwise
from skipwise import SkipwiseError
from skipwise.comparison.question.target import check_reachable
from skipwise.deploy.export.export import Exported
from skipwise.deploy.trained.images import LabelledImages


def pictures(root: Path, classes: list[str], *, side: int = 24, mode: str = "RGB") -> Path:
    rng = np.random.default_rng(0)
    for name in classes:
        (root / name).mkdir(parents=True)
        for number in range(4):
            pixels = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
            Image.fromarray(pixels).convert(mode).save(root / name / f"{number}.png")
    return root


CLASSES = ["stripes0", "stripes1", "stripes2"]


@pytest.mark.parametrize("data", [False, True])
def test_a_run_whose_weights_are_damaged(trained: Path, tmp_path: Path, data: bool) -> None:
    run = Path(shutil.copytree(trained, tmp_path / "run"))
    content = bytearray((run / "weights.safetensors").read_bytes())
    content[len(content) // 2] ^= 255
    (run / "weights.safetensors").write_bytes(content)
    images = pictures(tmp_path / "i", CLASSES) if data else None
    with pytest.raises(SkipwiseError, match=r"weights\.safetensors was damaged or changed .*train it again"):
        skipwise.evaluate(run, images, output=tmp_path / "e")
    with pytest.raises(SkipwiseError, match=r"weights\.safetensors was damaged or changed"):
        skipwise.explain(run, pictures(tmp_path / "j", CLASSES), output=tmp_path / "x")
    assert not (tmp_path / "e").exists()
    assert not (tmp_path / "x").exists()


def test_data_with_other_classes_one_class_or_no_labels(trained: Path, tmp_path: Path) -> None:
    def refused(data: Path, sentence: str) -> None:
        with pytest.raises(SkipwiseError, match=sentence):
            skipwise.evaluate(trained, data, output=tmp_path / "e")
        assert not (tmp_path / "e").exists()

    refused(pictures(tmp_path / "other", ["cat", "dog"]), "none of the network's classes: it has cat and dog")
    refused(pictures(tmp_path / "one", ["stripes1"]), "only one class with images, 'stripes1'")
    flat = tmp_path / "flat"
    flat.mkdir()
    for number, file in enumerate((tmp_path / "one").rglob("*.png")):
        shutil.copy(file, flat / f"{number}.png")
    refused(flat, "nothing says which class .* For images without labels there is 'skipwise predict'")


def test_a_layer_that_does_not_exist(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(SkipwiseError, match="has no layer 'nothere'; it has stem, stages, classifier"):
        skipwise.explain(trained, pictures(tmp_path / "i", CLASSES), layer="nothere", output=tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_an_artifact_without_heat_maps(exported: Exported, tmp_path: Path) -> None:
    with pytest.raises(SkipwiseError, match=r"gives no heat maps; export its run again, with them: .* --explain"):
        skipwise.explain(exported.folder, pictures(tmp_path / "i", CLASSES), output=tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_no_validation_images_where_they_are_asked_for(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(SkipwiseError, match="--subset must be test or val"):
        skipwise.evaluate(trained, subset="train", output=tmp_path / "e")
    with pytest.raises(SkipwiseError, match="--subset val is for the run's own images"):
        skipwise.evaluate(trained, pictures(tmp_path / "i", CLASSES), subset="val", output=tmp_path / "e")


def test_a_target_on_validation_images_where_there_are_none(tmp_path: Path) -> None:
    options = {"models": ["resnet18", "plain18"], "folds": 2, "seeds": 2, "target_accuracy": 90}
    with pytest.raises(SkipwiseError, match="is an accuracy on the validation images, and there are none"):
        skipwise.compare("digits", output=tmp_path / "c", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "c").exists()
    with pytest.raises(SkipwiseError, match="there are none; leave it out; a comparison without --folds and"):
        check_reachable(90.0, 0, planned=False)


@pytest.mark.parametrize(("side", "mode"), [(16, "RGB"), (24, "1")])
def test_images_of_16_pixels_or_1_bit_are_corrupted_like_others_and_that_is_said(
    trained: Path, tmp_path: Path, side: int, mode: str
) -> None:
    images = pictures(tmp_path / "i", CLASSES, side=side, mode=mode)
    found = skipwise.evaluate(
        trained, images, corruptions="fog,jpeg_compression", severities=[5], output=tmp_path / "e"
    )
    assert found.robustness is not None
    assert found.robustness.images == 12
    notes = " ".join(found.record.notes)
    assert f"Images of {side} pixels a side are corrupted, and the severities were made for 32 and more" in notes
    assert ("Some images have 1 bit for each pixel" in notes) == (mode == "1")


def test_the_folder_of_a_comparison(tmp_path: Path, trained: Path) -> None:
    (tmp_path / "c" / "runs").mkdir(parents=True)
    (tmp_path / "c" / "comparison.json").write_text("{}")
    with pytest.raises(SkipwiseError, match="is a comparison; name one of its runs, once one of them is finished"):
        skipwise.evaluate(tmp_path / "c")
    shutil.copytree(trained, tmp_path / "c" / "runs" / "resnet18-s0")
    with pytest.raises(SkipwiseError, match=r"is a comparison; name one of its runs, such as .*runs/resnet18-s0"):
        skipwise.evaluate(tmp_path / "c")


def test_nothing_to_resume_is_said_before_any_image_is_looked_for(tmp_path: Path) -> None:
    for verb in (skipwise.compare, skipwise.train):
        with pytest.raises(SkipwiseError, match=r"There is nothing to resume for this .* in .*nowhere"):
            verb("cifar10", resume=True, output=tmp_path / "nowhere")


def test_a_mistake_in_a_path_is_said_at_once(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for call, sentence in (
        (lambda: skipwise.compare("digits", output=tmp_path / "file"), "file is a file, and results take a folder; ch"),
        (lambda: skipwise.train("digits", output=tmp_path / "file"), "file is a file, and results take a folder; ch"),
        (lambda: skipwise.train(r"my\pets"), r"There is no file or folder my\\pets; here, a path has / between its"),
        (lambda: skipwise.verify(trained), "is a run; export it first: skipwise export "),
        (lambda: skipwise.verify(tmp_path / "none"), "none is not there; give a folder that 'skipwise export' made"),
        (lambda: skipwise.evaluate(tmp_path / "none"), "There is no .*none; give a folder that 'skipwise train' or"),
    ):
        with pytest.raises(SkipwiseError, match=sentence):
            call()  # type: ignore[no-untyped-call]


def test_values_of_other_types_are_named(trained: Path) -> None:
    for call, sentence in (
        (lambda: skipwise.evaluate(5), "network has to be a path"),  # type: ignore[arg-type]
        (lambda: skipwise.evaluate(trained, 5), "data has to be a path"),  # type: ignore[arg-type]
        (lambda: skipwise.compare(None), "data has to be a path"),  # type: ignore[arg-type]
        (lambda: skipwise.train("digits", epochs="ten"), "epochs has to be a whole number, and not 'ten'"),
        (lambda: skipwise.train("digits", lr="fast"), "lr has to be a number, and not 'fast'"),
        (lambda: skipwise.train("digits", lr=np.array([0.1, 0.2])), "lr has to be a number"),
        (
            lambda: skipwise.compare("digits", models={"resnet20", "plain20"}),
            "models has to be text or a list of names",
        ),
        (lambda: skipwise.train("digits", model=18), "model has to be text, and not 18"),
        (lambda: skipwise.train("digits", epochs=2.5), "epochs has to be a whole number, and not 2.5"),
        (lambda: skipwise.train("digits", mirror="no"), "mirror has to be True or False, and not 'no'"),
        (lambda: skipwise.train("digits", seed=None), "seed has to be a whole number, and not None"),
        (lambda: skipwise.train("digits", callbacks=skipwise.Callback()), "callbacks has to be a list, and not <skip"),
        (lambda: skipwise.profile("resnet20"), "models has to be a list, and not 'resnet20'"),
        (
            lambda: skipwise.Predictor(None),
            "path has to be the folder of an exported network or of a run",
        ),
        (lambda: skipwise.judge_predictions([0, 1], [[0, 1]]), "The predictions of each network need its name; give a"),
        (lambda: skipwise.create_model("resnet20", num_classes="9"), "num_classes has to be a whole number, and not"),
        (lambda: skipwise.compare("digits", models=5), "models has to be text or a list of names, and not 5"),
        (lambda: skipwise.compare("digits", looks="5,8"), "looks has to be a list of whole numbers, and not '5,8'"),
        (lambda: skipwise.compare("digits", looks=[2, 2.5]), "looks has to be a list of whole numbers, and not"),
        (lambda: skipwise.compare("digits", include=[3]), r"include has to be a path or a list of paths, and not \[3"),
        (lambda: skipwise.evaluate(trained, images=[3]), r"images has to be a whole number, and not \[3\]"),
    ):
        with pytest.raises(SkipwiseError, match=sentence):
            call()  # type: ignore[no-untyped-call]


def test_a_finished_evaluation_is_shown_without_its_notices(trained: Path, tmp_path: Path) -> None:
    images = pictures(tmp_path / "i", ["stripes0", "stripes1"])
    said: list[str] = []
    for _ in range(2):
        skipwise.evaluate(trained, images, output=tmp_path / "e", notice=said.append)
    assert len(said) == 1
    assert "No image is of stripes2" in said[0]


def test_other_images_than_those_that_were_corrupted_are_another_evaluation(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kept answers are the same; the bytes of the images are not."""
    asked = {"corruptions": "fog", "severities": [1], "images": 2, "output": tmp_path / "e"}
    skipwise.evaluate(trained, **asked)  # type: ignore[arg-type]
    assert skipwise.evaluate(trained, **asked).repeated  # type: ignore[arg-type]
    encoded = LabelledImages.encoded

    def changed(self: LabelledImages) -> list[bytes]:
        return [content + b"\0" for content in encoded(self)]

    monkeypatch.setattr(LabelledImages, "encoded", changed)
    with pytest.raises(SkipwiseError, match="the images differ"):
        skipwise.evaluate(trained, **asked)  # type: ignore[arg-type]
