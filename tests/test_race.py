"""How benchmarks/race.py gives every tool the same time."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

import pytest

CLASSES, TRAINING, HELD_OUT = ("ash", "oak"), 100, 10


@pytest.fixture
def task_module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """race/task.py, on a clock that stands still unless a test moves it."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    from race import task

    monkeypatch.setattr(task, "time", Clock())
    return task


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        return self.now


def competed(module: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch, *, budget: float, step: float) -> dict:
    """The answer of a tool that takes `step` seconds for a batch of ten, and what it was asked to train."""
    for split, count in (("train", TRAINING), ("val", HELD_OUT), ("test", HELD_OUT)):
        for label in CLASSES:
            (folder / "data" / split / label).mkdir(parents=True)
            for number in range(count // 2):
                (folder / "data" / split / label / f"{number}.png").touch()
    (folder / "out").mkdir()
    data, output = str(folder / "data"), str(folder / "out")
    task = module.Task(data=data, budget=budget, began=0.0, seed=0, weights=None, epochs=None, output=output)
    (folder / "task.json").write_text(json.dumps(asdict(task)))
    monkeypatch.setattr(sys, "argv", ["tool", str(folder / "task.json")])
    fitted = []

    def fit(_: object, data: Path, epochs: int) -> object:
        images = module.pictures(data, "train")
        assert {image.parent.name for image in images} == set(CLASSES)
        assert module.pictures(data, "val")
        fitted.append((len(images), epochs))
        module.time.now += step * epochs * len(images) / 10

        def predict(paths: Sequence[Path]) -> list[str]:
            return ["oak"] * len(paths)

        return predict

    module.compete(fit, package="pytest", network="none", size=8, batch=10)
    return {**json.loads((folder / "out" / "answer.json").read_text()), "fitted": fitted}


def test_as_many_epochs_as_end_in_time(
    task_module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = competed(task_module, tmp_path, monkeypatch, budget=100, step=1)
    # 1 s for the first batch and 10 s for the short epoch leave 89 s, of which 95% are planned for: 8 epochs of 10 s.
    assert answer["fitted"] == [(10, 1), (100, 1), (100, 8)]
    assert answer["seconds"] == 91 <= 100
    assert answer["epochs"] == 8
    with (tmp_path / "out" / "predictions.csv").open(newline="") as file:
        assert sorted({Path(name).parts[0] for name, label in csv.reader(file)}) == ["test"]


def test_where_no_epoch_fits_it_is_one_over_part_of_the_images(
    task_module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = competed(task_module, tmp_path, monkeypatch, budget=100, step=20)
    # The first batch alone takes more than a tenth of the budget, so nothing else is timed.
    assert answer["fitted"] == [(10, 1), (38, 1)]
    assert answer["seconds"] == 96 <= 100
    assert "one over 38% of the images" in answer["notes"][0]
