"""What a set of images is like, and what is advised for it."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from sklearn.datasets import load_sample_images

import skipwise
from skipwise.advice.points import Asked, cross_validation, points_on
from skipwise.advice.table import Gain, Row, Table, nearest, read_table
from skipwise.advice.traits import Traits, alike, detail
from skipwise.advice.weights import should_start_from_weights
from skipwise.data.image.thumbnails import thumbnail
from skipwise.nets.weights.published import published
from skipwise.training.callbacks import Callback
from skipwise.training.train import train
from skipwise.training.weights import starting_weights as starting
from tests.conftest import Run

TRAITS = Traits(
    images=1000,
    train=700,
    test=150,
    classes=10,
    smallest_class=70,
    largest_class=70,
    groups=None,
    least_groups=100,
    split_given=False,
    side=200,
    one_size=False,
    colour=True,
    mirrors=True,
    detail=0.8,
    alike=0.0,
)


def row(data: str, images: int, variant: str, *accuracies: float, size: int = 96) -> Row:
    return Row(
        data=data, images=images, variant=variant, size=size, accuracies=accuracies, judged_on=500, cpu_seconds=10.0
    )


TABLE = Table(
    command="",
    machine="",
    network="",
    variants={"weights-128": "from weights at 128 pixels"},
    photographic=0.6,
    measured={},
    titles={"things": "Things", "faces": "Faces", "signs": "Traffic signs"},
    sets={
        "things": TRAITS,
        "faces": replace(TRAITS, alike=0.5),
        "signs": replace(TRAITS, detail=0.1),
    },
    rows=(
        row("things", 50, "scratch", 30.0, 32.0, 31.0),
        row("things", 50, "weights", 50.0, 52.0, 54.0),
        row("things", 50, "weights-128", 60.0, 61.0, 62.0, size=128),
        row("things", 2000, "scratch", 80.0, 81.0),
        row("things", 2000, "weights", 81.0, 80.5),
        row("faces", 200, "scratch", 97.0, 96.0),
        row("faces", 200, "weights", 80.0, 82.0),
        row("signs", 200, "scratch", 40.0),
        row("signs", 200, "weights", 90.0),
    ),
)


def photographs(count: int = 40) -> NDArray[np.uint8]:
    """Parts of the two photographs that scikit-learn brings, [N, 160, 160, 3]; the first half shows the temple."""
    rng = np.random.default_rng(0)
    parts = []
    for image in load_sample_images().images:
        for _ in range(count // 2):
            y, x = (int(rng.integers(0, length - 160)) for length in image.shape[:2])
            parts.append(image[y : y + 160, x : x + 160])
    return np.stack(parts)


def icons(count: int = 40) -> NDArray[np.uint8]:
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(count):
        image = Image.new("RGB", (96, 96), tuple(rng.integers(0, 256, 3).tolist()))
        x, y = rng.integers(0, 60, 2).tolist()
        ImageDraw.Draw(image).ellipse([x, y, x + 30, y + 30], fill=tuple(rng.integers(0, 256, 3).tolist()))
        drawn.append(np.asarray(image))
    return np.stack(drawn)


def small(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.stack([np.asarray(thumbnail(Image.fromarray(image))) for image in images])


def folder_of(root: Path, images: NDArray[np.uint8], *, suffix: str = "png") -> Path:
    """Two class folders, the first half of the images in one."""
    for index, image in enumerate(images):
        path = root / ("a" if index < len(images) // 2 else "b") / f"{index:03d}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return root


def test_photographs_have_detail_and_drawings_have_none() -> None:
    least = read_table().photographic
    assert detail(small(photographs())) > least + 0.05
    assert detail(small(icons())) < least - 0.5
    text = Image.new("L", (96, 96), 255)
    ImageDraw.Draw(text).text((4, 40), "plain words", fill=0)
    assert detail(np.asarray(thumbnail(text))[None]) < least


def test_images_of_one_thing_in_one_place_are_alike_and_others_are_not() -> None:
    assert alike(small(icons())) < 0.2
    shown = small(icons(20))
    rng = np.random.default_rng(0)
    noisy = [shown[0].astype(float) + rng.normal(0, 10, shown[0].shape) for _ in range(40)]
    assert alike(np.clip(noisy, 0, 255).astype(np.uint8)) > 0.5
    assert alike(shown[:1]) == 0.0
    # By chance, the mean of 20 images that have nothing in common explains a twentieth of what varies in them.
    assert alike(rng.integers(0, 256, (20, 32, 32)).astype(np.uint8)) < 0.02
    half = np.tile(rng.normal(0, 30, (1, 32, 32)), (400, 1, 1)) + rng.normal(0, 30, (400, 32, 32))
    assert alike((128 + half).clip(0, 255).astype(np.uint8)) == pytest.approx(0.5, abs=0.05)


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(0, 255))
def test_measures_stay_in_their_bounds(seed: int, count: int, spread: int) -> None:
    images = np.random.default_rng(seed).integers(0, spread + 1, (count, 8, 8)).astype(np.uint8)
    assert 0 <= alike(images) <= 1
    assert -1 <= detail(images) <= 1


@pytest.mark.parametrize(
    ("traits", "use", "said"),
    [
        (replace(TRAITS, train=60), True, "21.0 points (14.5 to 27.5) more"),
        (replace(TRAITS, train=1500), False, "0.2 points"),  # too little to be sure of
        (replace(TRAITS, train=50_000), False, "no experiment is near"),
        (replace(TRAITS, train=60, alike=0.45), False, "less accurate with published weights"),
        (replace(TRAITS, train=60, detail=0.2), False, "not photographs"),  # though they helped on such a set
    ],
)
def test_weights_are_advised_where_they_helped_on_photographs_like_these(traits: Traits, use: bool, said: str) -> None:
    found = should_start_from_weights(traits, TABLE)
    assert (found.use, said in found.reason) == (use, True), found.reason


def test_weights_are_used_at_the_size_that_did_best() -> None:
    assert should_start_from_weights(replace(TRAITS, train=60), TABLE).size == 128
    assert should_start_from_weights(replace(TRAITS, alike=0.5), TABLE).size == 96


def test_nothing_is_advised_of_weights_where_nothing_was_tried() -> None:
    empty = replace(TABLE, rows=())
    found = should_start_from_weights(TRAITS, empty)
    assert (found.use, found.gain, found.size) == (False, None, None)
    assert points_on(TRAITS, Asked(auto_size=128, level=0.05 / 18), empty)


def test_an_interval_counts_what_seeds_and_images_add() -> None:
    one = row("x", 50, "a", 50.0)
    assert one.variance == pytest.approx(1e4 * 0.25 / 500)
    apart = row("x", 50, "a", 40.0, 60.0)
    assert apart.variance == pytest.approx(1e4 * 0.25 / 500 + 100.0)
    gains = [Gain(images=n, value=0.0, low=-1.0, high=1.0, seeds=2) for n in (50, 200, 2000)]
    assert [nearest(gains, n).images for n in (1, 90, 120, 700, 10**6)] == [50, 50, 200, 2000, 2000]


def test_the_table_that_is_shipped_advises_what_turned_out_best_in_it() -> None:
    table = read_table()
    assert {"cifar10", "signs"} <= set(table.sets)
    seen = set()
    for name, traits in table.sets.items():
        assert table.most_like(traits) == name
        for gain in table.gains(name, "weights"):
            found = should_start_from_weights(replace(traits, train=gain.images))
            assert found.use == (gain.sign > 0 and traits.detail >= table.photographic)
            seen.add(found.use)
    assert seen == {True, False}  # negative experiments are in it, too


@pytest.mark.parametrize(
    ("traits", "asked", "proposed"),
    [
        (TRAITS, {}, True),
        (replace(TRAITS, split_given=True), {}, None),
        (TRAITS, {"folds": 5}, None),
        (replace(TRAITS, images=20_000, train=14_000, test=3000), {}, False),
        (TRAITS, {"margin": 12.0}, False),
        (replace(TRAITS, images=10_000, train=7000, test=1500), {}, True),
        (replace(TRAITS, images=3, train=2, test=1), {}, False),  # nothing can be shown either way
        (replace(TRAITS, least_groups=3), {}, False),  # fewer than there are folds
    ],
)
def test_cross_validation_is_proposed_where_one_test_split_shows_too_little(
    traits: Traits, asked: dict[str, float], proposed: bool | None
) -> None:
    found = cross_validation(traits, Asked(auto_size=128, level=0.05 / 18, **asked))
    assert (None if found is None else found.flags == ("--folds", "5")) is proposed


def test_uneven_classes_and_large_images_are_pointed_out_and_letters_are_not_mirrored() -> None:
    asked = Asked(auto_size=128)
    said = {p.topic: p for p in points_on(replace(TRAITS, side=1000, largest_class=700, mirrors=False), asked, TABLE)}
    assert "cross-validation" not in said  # nothing is compared
    assert said["balance"].flags == ("--balance", "sampling")
    assert said["size"].advice.startswith("Try larger images than 128 x 128")
    assert said["mirror"].advice == "Don't mirror training images."
    usual = {point.topic: point for point in points_on(replace(TRAITS, side=128), asked, TABLE)}
    assert "balance" not in usual
    assert usual["size"].advice == "Train on 128 x 128 pixels."
    assert "+30.0 points" not in usual["size"].reason
    assert "from weights at 128 pixels: +9.0 points" in usual["size"].reason


def test_advise_looks_and_leaves_nothing(tmp_path: Path, here: Path) -> None:
    data = folder_of(tmp_path / "data", photographs(40))
    found = skipwise.advise(data, networks=2, looks=1)
    assert (found.data, found.photographs, found.traits.images) == ("data", True, 40)
    assert found.traits.train == 28
    assert found.flags == ("--folds", "5")
    assert [path.name for path in here.iterdir()] == ["data"]


def test_advice_on_the_command_line(cli: Run, tmp_path: Path) -> None:
    data = folder_of(tmp_path / "my images", icons(40))
    told = cli("compare", str(data), "--advice", "--models", "resnet18,plain18")
    assert told.returncode == 0, told.stderr
    assert "by what their pixels show, drawings" in told.stdout
    assert "Weights: Train from scratch" in told.stdout
    assert told.stdout.splitlines()[-1].endswith("--models resnet18,plain18 --folds 5")
    assert f"compare '{data}'" in told.stdout
    record = json.loads(cli("train", str(data), "--advice", "--json").stdout)
    assert [point["topic"] for point in record["points"]] == ["weights", "size", "mirror"]
    assert [path.name for path in tmp_path.iterdir()] == ["my images"]


class Heard(Callback):
    def __init__(self) -> None:
        self.said: list[str] = []

    def on_notice(self, sentence: str) -> None:
        self.said.append(sentence)


@pytest.fixture
def weights_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ResNet-18's weights in torch's cache, as after a download, under a name with the hash of what is in them here."""
    torchvision = pytest.importorskip("torchvision")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    cache = tmp_path / "torch" / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    content = io.BytesIO()
    torch.manual_seed(0)
    torch.save(torchvision.models.resnet18().state_dict(), content)
    file = f"resnet18-{hashlib.sha256(content.getvalue()).hexdigest()[:8]}.pth"
    (cache / file).write_bytes(content.getvalue())
    known = replace(published("resnet18"), url=f"https://localhost:9/{file}")
    monkeypatch.setattr(starting, "published", lambda name: known if name == "resnet18" else published(name))


@pytest.mark.slow
@pytest.mark.usefixtures("weights_here")
def test_few_photographs_start_from_weights_that_are_here_unless_one_says_otherwise(tmp_path: Path) -> None:
    data, heard = folder_of(tmp_path / "data", photographs(40)), Heard()
    options = {"epochs": 1, "precision": "fp32", "compile": False}
    run = train(data, **options, callbacks=[heard], output=tmp_path / "auto")
    assert run.plan.start is not None
    assert run.plan.start.name.startswith("resnet18-")
    assert run.record.spec.recipe.head_first > 0
    assert run.record.spec.stem == "imagenet"
    assert any("start" in said and "--init none" in said for said in heard.said), heard.said
    again = train(data, **options, output=tmp_path / "auto")
    assert again.repeated
    bare = train(data, **options, init="none", img_size=32, output=tmp_path / "none")
    assert bare.plan.start is None


@pytest.mark.parametrize("draw", [icons, photographs])
def test_without_weights_here_networks_start_from_scratch_and_it_is_said_why(
    tmp_path: Path, draw: Callable[[int], NDArray[np.uint8]]
) -> None:
    heard = Heard()
    run = train(
        folder_of(tmp_path / "data", draw(40)),
        model="plain18",
        width=0.125,
        img_size=16,
        epochs=1,
        precision="fp32",
        callbacks=[heard],
        output=tmp_path / "run",
    )
    assert run.plan.start is None
    said = next(said for said in heard.said if "ublished weights" in said)
    assert said.startswith("From scratch" if draw is icons else "Published weights are expected to help")
