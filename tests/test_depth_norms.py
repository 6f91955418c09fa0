"""Activations and gradients by depth: what is recorded, and that nothing else changes by it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import skipwise
from skipwise import DepthNorms, NetworkSpec, SkipwiseError, read_depth_norms
from skipwise.training.callbacks import Callback, CallbackFailed
from skipwise.training.depth.figures import depth_charts, depth_svg, depth_table
from skipwise.training.depth.norms import DEPTH_NORMS, DepthRecord, DepthSnapshot
from skipwise.training.folder.state import TrainState
from skipwise.training.loop.depth import sizes_by_depth

TRAIN: dict[str, Any] = {"width": 0.125, "epochs": 2, "img_size": 16, "precision": "fp32", "compile": False}


def images(count: int = 16, side: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, 3, side, side, generator=generator), torch.arange(count) % 10


def untrained(name: str) -> DepthSnapshot:
    network = NetworkSpec(name=name, num_classes=10, width=0.25, stem="small").build(seed=0)
    activations, gradients = zip(*sizes_by_depth(network, *images()).values(), strict=True)
    return DepthSnapshot(epoch=0, activations=activations, gradients=gradients)


def test_gradients_grow_with_depth_where_there_are_no_skips() -> None:
    plain, residual = untrained("plain56"), untrained("resnet56")
    assert len(plain.gradients) == len(residual.gradients) == 28  # the stem, and three stages of nine blocks
    assert plain.growth is not None
    assert residual.growth is not None
    assert plain.growth > 1.15 * residual.growth
    sizes = np.log([size for size in plain.gradients if size])
    ends = sizes[0] - sizes[-1], np.log(residual.gradients[0] or 0) - np.log(residual.gradients[-1] or 0)
    assert ends[0] - ends[1] > np.log(30)
    # Geometrically: a straight line on the logarithmic scale has nearly all of it.
    assert np.corrcoef(sizes, np.arange(len(sizes)))[0, 1] < -0.97


def test_sizes_are_those_of_autograd() -> None:
    torch.manual_seed(0)
    first, second = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True)), nn.Conv2d(4, 5, 3)
    network = nn.Sequential(first, nn.Dropout(0.9), second, nn.ReLU(inplace=True))
    whole = nn.Sequential(network, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 10))
    inputs, labels = images()
    found = sizes_by_depth(whole, inputs, labels)
    assert list(found) == ["0.0.0", "0.0.1", "0.1", "0.2", "0.3", "1"]
    at_second = F.conv2d(first[0](inputs).relu(), second.weight, second.bias)
    at_second.retain_grad()
    loss = F.cross_entropy(whole[1:](at_second.relu()), labels, reduction="sum")
    loss.backward()
    assert at_second.grad is not None
    expected = [float(tensor.detach().square().mean().sqrt()) for tensor in (at_second, at_second.grad)]
    assert found["0.2"] == pytest.approx(expected, rel=1e-5)


class Stop(Callback):
    """Stops the run after so many steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def on_step(self, state: TrainState) -> None:
        if state.steps == self.steps:
            raise RuntimeError


class Notices(Callback):
    """Keeps what a person should know."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def on_notice(self, sentence: str) -> None:
        self.sentences.append(sentence)


@pytest.fixture(scope="module")
def recorded(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that recorded; not to be changed."""
    folder = tmp_path_factory.mktemp("recorded") / "run"
    return skipwise.train(photos, model="resnet20", output=folder, depth_norms=True, **TRAIN).folder


def test_training_is_the_same_to_the_bit(photos: Path, tmp_path: Path, recorded: Path) -> None:
    plain = skipwise.train(photos, model="resnet20", output=tmp_path / "plain", **TRAIN).folder
    assert not (plain / DEPTH_NORMS).exists()
    for name in ("weights.safetensors", "predictions.npz"):
        assert (plain / name).read_bytes() == (recorded / name).read_bytes()
    heard = Notices()
    skipwise.train(photos, model="resnet20", output=plain, depth_norms=True, callbacks=[heard], **TRAIN)
    assert heard.sentences[-1] == "This run had ended, and recorded no norms by depth; --again trains another."
    record = read_depth_norms(recorded)
    assert record is not None
    assert (record.model, record.seed, record.epochs, record.images) == ("resnet20", 0, (-1, 0, 1), 24)
    assert [each.epoch for each in record.snapshots] == [0, 1, 2]
    assert record.blocks == ("stem.0", *(f"stages.{stage}.{block}" for stage in range(3) for block in range(3)))
    assert len({each.gradients for each in record.snapshots}) == 3


def test_a_run_that_is_resumed_has_the_same_record(photos: Path, tmp_path: Path, recorded: Path) -> None:
    options = TRAIN | {"model": "resnet20", "output": tmp_path / "run"}
    with pytest.raises(CallbackFailed):
        skipwise.train(photos, callbacks=[Stop(2)], depth_norms=True, **options)
    before = read_depth_norms(tmp_path / "run")
    assert before is not None
    assert [each.epoch for each in before.snapshots] == [0, 1]
    # What was asked for is kept, whether it is asked for again or not.
    again = skipwise.train(photos, **options)
    assert (again.folder / DEPTH_NORMS).read_bytes() == (recorded / DEPTH_NORMS).read_bytes()


@pytest.mark.slow
def test_a_comparison_records_in_each_run_and_finds_the_same(photos: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = TRAIN | {"models": ["plain18", "tests.external_networks:Linear"], "seeds": 2}
    options |= {"workers": 2}
    plain = skipwise.compare(photos, output=tmp_path / "plain", **options)
    found = skipwise.compare(photos, output=tmp_path / "out", callbacks=[DepthNorms(epochs=(0, -1))], **options)
    records = {path.name: read_depth_norms(path) for path in (found.folder / "runs").iterdir()}
    assert len(records) == 4
    for name, record in records.items():
        assert record is not None
        assert [each.epoch for each in record.snapshots] == [0, 2]
        assert name.startswith(record.model.replace(":", "."))
        assert name.endswith(f"-s{record.seed}")
    assert (found.folder / "comparison.json").read_bytes() == (plain.folder / "comparison.json").read_bytes()
    assert read_depth_norms(found.folder) == DepthRecord(epochs=(-1, 0))


@pytest.mark.slow
def test_a_compiled_run_is_the_same_to_the_bit(photos: Path, tmp_path: Path) -> None:
    options = TRAIN | {"model": "plain18", "compile": True}
    folders = [
        skipwise.train(photos, output=tmp_path / str(record), depth_norms=record, **options).folder
        for record in (False, True)
    ]
    plain, recorded = ((folder / "weights.safetensors").read_bytes() for folder in folders)
    assert plain == recorded
    assert read_depth_norms(folders[1]) is not None


def test_frozen_norms_and_other_epochs(photos: Path, tmp_path: Path, recorded: Path) -> None:
    norms = DepthNorms(epochs=[2])
    tuned = skipwise.train(
        photos,
        model="resnet20",
        init=recorded,
        freeze_norms=True,
        output=tmp_path / "run",
        callbacks=[norms],
        **TRAIN,
    )
    record = read_depth_norms(tuned.folder)
    assert record is not None
    assert [each.epoch for each in record.snapshots] == [2]
    assert record.at(2) == record.at(-1)
    assert record.at(0) is None


def test_what_is_no_epoch_is_refused_and_damage_is_named(tmp_path: Path, recorded: Path) -> None:
    for wrong in ((), (-2,), (0.5,), (True,)):
        with pytest.raises(SkipwiseError, match="DepthNorms takes the numbers of epochs"):
            DepthNorms(epochs=wrong)  # type: ignore[arg-type]
    folder = tmp_path / "run"
    shutil.copytree(recorded, folder)
    path = folder / DEPTH_NORMS
    path.write_text(path.read_text().replace("stages.0.0", "stages.0.1"))
    with pytest.raises(SkipwiseError, match=r"depth-norms\.json was damaged .*; remove it, and train again"):
        read_depth_norms(folder)
    assert read_depth_norms(tmp_path) is None


def test_the_evaluation_has_the_picture(recorded: Path, tmp_path: Path) -> None:
    page = skipwise.evaluate(recorded, output=tmp_path / "evaluation").page.read_text()
    assert page.count("Activations and gradients by depth") == 1
    assert "before training" in page
    assert "after epoch 2" in page
    shutil.copytree(recorded, tmp_path / "run")
    (tmp_path / "run" / DEPTH_NORMS).unlink()
    without = skipwise.evaluate(tmp_path / "run", output=tmp_path / "other").page.read_text()
    assert "by depth" not in without


def test_charts_and_tables_take_the_mean_over_seeds() -> None:
    def record(model: str, seed: int, *gradients: float | None) -> DepthRecord:
        snapshot = DepthSnapshot(epoch=0, activations=(1.0,) * len(gradients), gradients=gradients)
        blocks = tuple(f"b{number}" for number in range(len(gradients)))
        return DepthRecord(epochs=(0, -1), model=model, seed=seed, images=8, blocks=blocks, snapshots=(snapshot,))

    records = [record("a", 0, 8.0, 4.0, 2.0), record("a", 1, 2.0, 1.0, 0.5), record("b<", 0, None, 1.0, 0.0)]
    table = depth_table(records).splitlines()
    assert table[2:] == [
        "| a | before training | 3 | 4 | 1 | 2.000 times |",
        "| b< | before training | 3 |  |  |  |",
    ]
    gradients, activations = depth_charts(records)
    assert "b&lt;" in activations
    lines = [chart.count('stroke-width="2"') for chart in (gradients, activations)]
    assert lines == [2, 2]
    svg = depth_svg(records)
    assert svg.startswith('<svg xmlns="http://www.w3.org/2000/svg" width=')
    assert ">a</text>" in svg
    assert depth_charts([])[0].startswith("<figure")
