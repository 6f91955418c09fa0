"""Runs that start from weights: a run's, a file's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import skipwise
from skipwise.training.starting import find_start
from skipwise.training.train import Trained, train
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
    with pytest.raises(skipwise.SkipwiseError, match="init is "):
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
