"""Runs that start from weights: a run's, a file's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import skipwise
from skipwise.core.download.asked_for import nothing_downloaded
from skipwise.core.errors import NotTrusted
from skipwise.nets.weights.published import published
from skipwise.training.train import Trained, train
from skipwise.training.weights import starting_weights as starting
from skipwise.training.weights.starting_weights import automatic, find_start, for_model
from tests.conftest import make_photos

SMALL = {"model": "resnet18", "width": 0.125, "epochs": 2, "precision": "fp32"}


@pytest.fixture(scope="module")
def first(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(photos, **SMALL, img_size=24, output=tmp_path_factory.mktemp("first") / "run")


def test_from_a_run_images_are_prepared_as_for_it_and_only_the_head_learns_at_first(
    photos: Path, tmp_path: Path, first: Trained
) -> None:
    run = train(photos, **SMALL, init=first.folder, output=tmp_path / "run")
    spec, theirs = run.record.spec, first.record.spec
    assert spec.preprocessing == theirs.preprocessing
    assert spec.preprocessing.size == 24
    assert spec.stem == theirs.stem
    assert spec.init == find_start(first.folder).start.sha256
    assert spec.recipe.head_first > 0
    assert spec.recipe.lr < theirs.recipe.lr
    before, after = (load_file(folder / "weights.safetensors") for folder in (first.folder, run.folder))
    assert all(before[name].shape == after[name].shape for name in before)
    moved = [float((after[name] - before[name]).norm() / before[name].norm()) for name in before if "conv" in name]
    assert max(moved) < 0.3  # adapted, not learnt anew


def test_a_run_to_start_from_says_which_network_it_is(photos: Path, tmp_path: Path, first: Trained) -> None:
    run = train(photos, epochs=1, precision="fp32", init=first.folder, output=tmp_path / "run")
    spec, theirs = run.record.spec, first.record.spec
    assert (
        (spec.model, spec.width, spec.stem) == (theirs.model, theirs.width, theirs.stem) == ("resnet18", 0.125, "small")
    )
    assert run.plan.start is not None
    assert (run.plan.start.name, run.plan.start.sha256) == ("run", spec.init)


def test_code_that_only_a_run_s_record_names_does_not_run(photos: Path, tmp_path: Path) -> None:
    own = {"epochs": 1, "precision": "fp32", "img_size": 24, "compile": False}
    run = train(photos, model="tests.external_networks:linear", output=tmp_path / "run", **own)
    with pytest.raises(NotTrusted, match=r"--model tests\.external_networks:linear"):
        train(photos, init=run.folder, output=tmp_path / "next", **own)
    again = train(photos, model="tests.external_networks:linear", init=run.folder, output=tmp_path / "next", **own)
    assert again.record.spec.init is not None


def test_none_starts_from_scratch_and_so_does_auto_where_there_are_no_weights(photos: Path, tmp_path: Path) -> None:
    runs = [train(photos, **SMALL, img_size=24, init=init, output=tmp_path / init) for init in ("none", "auto")]
    assert runs[0].record.spec == runs[1].record.spec
    assert runs[0].record.spec.init is None
    assert runs[0].record.spec.recipe.optimizer == "muon"


def test_auto_starts_from_weights_that_are_advised_and_says_so_and_from_scratch_where_they_can_not_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "hub" / "checkpoints" / "resnet18-f37072fd.pth"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"not fetched by anybody")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("SKIPWISE_OFFLINE")
    monkeypatch.setattr("skipwise.nets.weights.published.sha256", lambda _: "f37072fd" + 56 * "0")
    said: list[str] = []
    options = {"stem": "auto", "width": 1.0, "notice": said.append}
    with nothing_downloaded():
        found = automatic(["resnet18", "resnet34", "plain18"], "They help.", **options)
    assert list(found) == ["resnet18"]
    assert found["resnet18"].start.expects is not None
    assert found["resnet18"].start.expects.size == 224
    assert said[0].startswith(
        "resnet34 starts from scratch, since its weights are not available: https://download.pytorch.org"
    )
    assert said[1] == "resnet18 starts from published weights; to train from scratch, add --init none. They help."
    monkeypatch.setenv("SKIPWISE_OFFLINE", "1")
    assert automatic(["resnet34"], "They help.", **options) == {}
    assert said[2] == (
        "Published weights are expected to help, and there are none here for resnet34, as they are not on this "
        "machine, and SKIPWISE_OFFLINE forbids to download them. They help."
    )
    assert automatic(["resnet18"], "", **options) == {}
    assert automatic(["resnet18"], "They help.", **options | {"width": 0.5}) == {}


def test_a_file_is_known_by_its_hash_or_prepared_for_as_its_library_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "somebody's.pth"
    file.write_bytes(b"weights")
    found = find_start(file)
    assert for_model(found, "resnet18", file) == found  # nothing is known of it
    theirs = for_model(found, "torchvision:efficientnet_v2_l", file).start.expects
    assert theirs is not None
    assert (theirs.size, theirs.interpolation, theirs.mean) == (480, "bicubic", (0.5, 0.5, 0.5))
    (note,) = for_model(found, "torchvision:efficientnet_v2_l", file).notes
    assert (
        "does not say how its images were prepared, so they are prepared as torchvision says of its own weights of"
        in note
    )
    known = replace(published("resnet18"), url=f"https://localhost:9/resnet18-{found.start.sha256[:8]}.pth")
    monkeypatch.setattr(starting, "published", lambda _: known)
    made = for_model(found, "resnet18", file)
    assert (made.start.url, made.stem, made.width, made.notes) == (known.url, "imagenet", 1.0, ())
    assert made.start.expects is not None
    assert made.start.expects.crop == 0.875


def test_other_classes_get_a_new_head(tmp_path: Path, first: Trained) -> None:
    others = make_photos(tmp_path / "others", classes=2)
    run = train(others, **SMALL, init=first.folder / "weights.safetensors", img_size=24, output=tmp_path / "run")
    assert load_file(run.folder / "weights.safetensors")["classifier.weight"].shape[0] == 2


@pytest.mark.slow
def test_a_file_of_torchvisions_names_will_do(photos: Path, tmp_path: Path) -> None:
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(0)
    torch.save(torchvision.models.resnet18(num_classes=5).state_dict(), tmp_path / "theirs.pth")
    options = {"epochs": 1, "precision": "fp32", "stem": "imagenet", "output": tmp_path / "run"}
    run = train(photos, init=tmp_path / "theirs.pth", **options)
    assert run.record.status == "finished", run.record.reason
    assert run.record.spec.init is not None


def test_other_weights_are_another_run(photos: Path, tmp_path: Path, first: Trained) -> None:
    folder = tmp_path / "run"
    train(photos, **SMALL, init=first.folder, output=folder)
    assert train(photos, **SMALL, init=first.folder, output=folder).repeated
    other = train(photos, **SMALL, seed=9, img_size=24, output=tmp_path / "other")
    with pytest.raises(skipwise.SkipwiseError, match="it starts from other weights"):
        train(photos, **SMALL, init=other.folder, output=folder)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"init": "nowhere"}, "There is no file nowhere"),
        ({"init": "."}, "is no finished run"),
        ({"init": "FIRST", "pretrained": True}, "--pretrained or --init, not both"),
        ({"init": "FIRST", "width": 0.25}, "run has weights of resnet18 with the width 0.125; leave --width out"),
        ({"init": "FIRST", "stem": "imagenet"}, "run has weights of resnet18 with the stem small; leave --stem out"),
        ({"init": "FIRST", "model": "plain18"}, "is a run of resnet18, not of plain18; leave --model out"),
        ({"init_key": "model"}, "--init-key is for --init with a file"),
        ({"init": "pretrained", "width": 0.125}, "for the imagenet stem and width 1; leave --width out"),
        ({"init": "pretrained", "model": "plain18", "width": None}, "No weights are published for 'plain18'"),
        ({"freeze_norms": True}, "by --init or --pretrained"),
        ({"precision": "fp8"}, "no precision called 'fp8'"),
    ],
)
def test_what_can_not_be_is_a_sentence_and_leaves_nothing(
    options: dict[str, object], sentence: str, photos: Path, here: Path, first: Trained
) -> None:
    options = {name: first.folder if value == "FIRST" else value for name, value in options.items()}
    with pytest.raises(skipwise.SkipwiseError, match=sentence):
        train(photos, **SMALL | options)
    assert not list(here.iterdir())
