"""The task of a tool, and the result that it hands back."""

from __future__ import annotations

import csv
import json
import math
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

Predict = Callable[[Sequence[Path]], list[str]]
"""Files of images -> the classes that they show, by a network that was trained."""

TIMED_IMAGES = 96
"""At least so many are in the short epoch that is timed."""
MARGIN = 0.95
"""The planned share of the time that is left."""
LONG = 0.1
"""A share of the budget: if the first, short epoch takes longer, it is the only one."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One cell of the race.

    Args:
        data: a folder with train/, val/ and test/, each with a folder per class.
        budget: seconds since `began`, by time.time(), until the network has to be trained.
        weights: a state_dict of timm's tf_efficientnet_lite0 to start from, or None for a start from scratch.
        epochs: instead of the budget.
        output: a folder for what the tool leaves behind, and for its answer.
    """

    data: str
    budget: float
    began: float
    seed: int
    weights: str | None
    epochs: int | None
    output: str

    @classmethod
    def given(cls) -> Task:
        """The one that the command line names."""
        return cls(**json.loads(Path(sys.argv[1]).read_text()))

    @property
    def left(self) -> float:
        """Seconds."""
        return self.budget - (time.time() - self.began)

    @property
    def classes(self) -> list[str]:
        return sorted(folder.name for folder in (Path(self.data) / "train").iterdir())


def pictures(data: Path, split: str) -> list[Path]:
    """The images of a split."""
    return sorted((data / split).glob("*/*"))


def part_of(data: Path, part: Path, share: float) -> Path:
    """A folder like `data` with links to a share of the images of each class, at least one; without test images."""
    for split in ("train", "val"):
        for folder in sorted((data / split).iterdir()):
            (part / split / folder.name).mkdir(parents=True, exist_ok=True)
            images = sorted(folder.iterdir())
            for image in random.Random(0).sample(images, math.ceil(share * len(images))):
                (part / split / folder.name / image.name).symlink_to(image.resolve())
    return part


def answer(
    task: Task,
    predict: Predict,
    *,
    package: str,
    network: str,
    size: int,
    epochs: float,
    trained: float,
    notes: Sequence[str] = (),
) -> None:
    """Answers the test images and writes everything down.

    Args:
        trained: seconds from the start of the task to the trained network.
    """
    images = pictures(Path(task.data), "test")
    started = time.time()
    labels = predict(images)
    with (Path(task.output) / "predictions.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            (str(image.relative_to(task.data)), label) for image, label in zip(images, labels, strict=True)
        )
    record = {
        "network": network,
        "size": size,
        "epochs": round(epochs, 3),
        "seconds": round(trained, 1),
        "answering": round(time.time() - started, 1),
        "notes": list(notes),
        "versions": {name: version(name) for name in (package, "torch", "torchvision")},
    }
    (Path(task.output) / "answer.json").write_text(json.dumps(record))


def compete(
    fit: Callable[[Task, Path, int], Predict],
    *,
    package: str,
    network: str,
    size: int,
    batch: int,
    notes: Sequence[str] = (),
) -> None:
    """Trains for as many epochs as end within the budget, and answers.

    A short epoch is timed for that, after a shorter one that gets everything going (or only that one, where it takes
    long). Where not one epoch would end in time, it is one over as many images of each class as do.

    Args:
        fit: trains a new network on a folder for so many epochs.
        batch: images in a batch.
    """
    task = Task.given()
    data, output = Path(task.data), Path(task.output)
    epochs, share, said = task.epochs or 1, 1.0, list(notes)
    if task.epochs is None:
        images = len(pictures(data, "train"))
        epoch = 0.0
        for name, steps in (("first", 1), ("timed", math.ceil(TIMED_IMAGES / batch))):
            short = part_of(data, output / name, min(1.0, steps * batch / images))
            started = time.time()
            fit(task, short, 1)
            taken = time.time() - started
            epoch = taken / (len(pictures(short, "train")) // batch) * (images / batch)
            if taken > LONG * task.budget:
                break
        fitting = MARGIN * task.left / epoch
        epochs = max(1, math.floor(fitting))
        if fitting < 1:
            share = max(fitting, batch / images)
            data = part_of(data, output / "part", share)
            said.append(f"not one epoch fits: one over {100 * share:.0f}% of the images")
    predict = fit(task, data, epochs)
    trained = time.time() - task.began
    answer(
        task,
        predict,
        package=package,
        network="tf_efficientnet_lite0" if task.weights else network,
        size=size,
        epochs=epochs * share,
        trained=trained,
        notes=said,
    )


def workers() -> int:
    """Processes that load images: as many as there are cores for this one, at most four."""
    return min(4, len(os.sched_getaffinity(0)))
