"""Trains the networks that mock comparisons are drawn from, one seed of all of them after the other.

A quarter of the width, few images, small ones, few epochs: a run takes seconds, and networks come out as different,
and as uncertain, as they do in a quick comparison.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from coverage_real.answers import Trained, add, begin, done
from skipwise.core.errors import SkipwiseError
from skipwise.core.machine.system import keep_freed_memory
from skipwise.data.image.preprocess import Preprocessing
from skipwise.data.images import Images
from skipwise.data.prepare import Request, prepare
from skipwise.data.scan.inspection import PixelFormat
from skipwise.data.sources import ReadingOptions
from skipwise.training.folder.predictions import read_predictions
from skipwise.training.folder.record import RunSpec
from skipwise.training.loop.recipe import RecipeOptions, choose_recipe
from skipwise.training.machine.execution import Execution
from skipwise.training.planning.inputs import choose_preprocessing, with_statistics
from skipwise.training.run.runner import execute_run

NETWORKS = ("resnet18", "se_resnet18", "plain18", "mobilenet_v2")
WIDTH = 0.25


@dataclass(frozen=True, kw_only=True)
class Task:
    """Images, and how long networks are trained on them.

    Args:
        file: below --data.
        size: in pixels a side.
        train: how many of the training images are used, None for all.
        groups: the column of a table that says what belongs together; then there is no given split, and the groups
            are dealt out, `share` of them to training and the rest to testing.
        mirror: whether a mirrored image keeps its class.
    """

    file: str
    size: int
    epochs: int
    train: int | None = None
    groups: str | None = None
    share: float = 0.5
    mirror: bool = True


TASKS = {
    "cifar10": Task(file="cifar10.zip", size=16, epochs=4, train=5_000),
    "signs": Task(file="sign-digits.csv", size=24, epochs=12, groups="pupil", share=0.4, mirror=True),
}


def load(task: Task, data: Path) -> tuple[Images, Preprocessing, tuple[str, ...]]:
    """The images with the split that is used here, how pixels become input, and the groups of the test images."""
    reading = ReadingOptions(group=task.groups)
    path = str(data / task.file)
    prepared = prepare(Request(data=path, reading=reading, val_share=0.0, img_size=task.size), seed=0)
    preprocessing = choose_preprocessing(prepared, (), task.size)
    images = prepared.images(PixelFormat.from_preprocessing(preprocessing), packed=True)
    groups = np.array(prepared.source.groups or [])
    images = replace(images, split=_split(task, images, groups))
    preprocessing = with_statistics(preprocessing, images.pixels, images.members("train"))
    return images, preprocessing, tuple(groups[images.members("test")].tolist()) if task.groups else ()


def _split(task: Task, images: Images, groups: NDArray[np.str_]) -> NDArray[np.str_]:
    rng = np.random.default_rng(0)
    if task.groups:
        names = rng.permutation(np.unique(groups))
        training = names[: round(task.share * len(names))]
        return np.where(np.isin(groups, training), "train", "test").astype(images.split.dtype)
    split = np.where(images.split == "test", "test", "").astype(images.split.dtype)
    split[rng.permutation(images.members("train"))[: task.train]] = "train"
    return split


def train(name: str, data: Path, folder: Path, *, seeds: Iterable[int], processes: int, patience: int) -> None:
    """Trains every network with every seed that is not kept yet, so many runs at a time.

    Args:
        patience: added to the niceness of the processes.
    """
    team = [
        multiprocessing.Process(target=_work, args=(name, data, folder, list(seeds), processes, turn, patience))
        for turn in range(processes)
    ]
    for process in team:
        process.start()
    for process in team:
        process.join()
    if any(process.exitcode for process in team):
        raise SkipwiseError("A training process ended early; give the same command again to go on.")


def _work(name: str, data: Path, folder: Path, seeds: list[int], processes: int, turn: int, patience: int) -> None:
    """This process's share of the runs: one in `processes`."""
    os.nice(patience)
    keep_freed_memory()
    task = TASKS[name]
    images, preprocessing, groups = load(task, data)
    members = images.members("train")
    recipe = choose_recipe(RecipeOptions(recipe="fast", epochs=task.epochs), mirrors=task.mirror, images=len(members))
    trained = Trained(
        name=name,
        networks=NETWORKS,
        width=WIDTH,
        size=task.size,
        train=len(members),
        test=len(images.members("test")),
        fingerprint=images.fingerprint,
        recipe=recipe,
        torch=str(torch.__version__),
        groups=groups,
    )
    begin(folder, trained)
    runs = [(network, seed) for seed in seeds for network in NETWORKS]
    for network, seed in runs[turn::processes]:
        if seed in done(folder, network):
            continue
        spec = RunSpec(
            model=network,
            seed=seed,
            stem="small",
            width=WIDTH,
            classes=images.classes,
            preprocessing=preprocessing,
            fingerprint=images.fingerprint,
            recipe=recipe,
            execution=Execution(device="cpu", precision="fp32", threads=1),
        )
        with tempfile.TemporaryDirectory() as scratch:
            record = execute_run(spec, images, Path(scratch))
            if record.status == "failed":
                raise SkipwiseError(f"{network} with seed {seed} failed: {record.reason}.")
            answers = read_predictions(Path(scratch), "test")
        right = answers.logits.argmax(axis=1) == answers.labels
        add(folder, network, seed, right)
        print(f"{name} {network} {seed}: {right.mean():.4f}, {record.seconds:.0f} s", flush=True)
