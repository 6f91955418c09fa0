"""Trains the runs of real learning curves, and keeps which test images each got right.

A curve is of a draw: some of a data set's training images, "all" that somebody has. Every seed has a quarter and a half
of them of its own, as in `compare --learning-curve`, and as many other images of the set again for what twice as many
bring: which ones somebody would collect is not known either.

Small networks, small images, few epochs: a run takes seconds. Batches and learning rates are those that the
recipe has for so many images.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Iterable, Iterator
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
from skipwise.data.subsets import nested_part
from skipwise.training.folder.predictions import read_predictions
from skipwise.training.folder.record import RunSpec
from skipwise.training.loop.recipe import Recipe, RecipeOptions, choose_recipe, for_part, rescaled
from skipwise.training.machine.execution import Execution
from skipwise.training.planning.inputs import choose_preprocessing, with_statistics
from skipwise.training.run.runner import execute_run

KEPT = Path(__file__).parent
PARTS = {"quarter": 0.25, "half": 0.5, "all": 1.0, "twice": 2.0}
MOST_DRAWS = 6


@dataclass(frozen=True, kw_only=True)
class Task:
    """Images, how many of them a curve is of, and how long networks are trained.

    Args:
        data: a data set's name, or a file below --data.
        size: in pixels a side.
        sizes: the numbers of training images that somebody has, a curve for each and for each draw.
        test: how many test images.
        groups: the column of a table that says what belongs together; groups stay whole.
        mirror: whether a mirrored image keeps its class.
        same_steps: whether parts are trained for as many steps as all images, in batches of the same size, instead of
            for as many epochs.
    """

    data: str
    size: int
    epochs: int
    sizes: tuple[int, ...]
    test: int
    model: str = "resnet20"
    width: float = 0.5
    groups: str | None = None
    mirror: bool = True
    same_steps: bool = False


TASKS = {
    "digits": Task(data="digits", size=16, epochs=8, sizes=(150, 300, 600), test=597, mirror=False),
    "signs": Task(data="sign-digits.csv", size=20, epochs=10, sizes=(150, 300, 600), test=700, groups="pupil"),
    "fashion": Task(data="fashion_mnist", size=16, epochs=8, sizes=(250, 1000), test=2000),
    "cifar10": Task(data="cifar10.zip", size=16, epochs=8, sizes=(250, 1000), test=2000),
}
TASKS |= {
    "cifar10-wide": replace(TASKS["cifar10"], model="resnet18", width=0.25),
    "cifar10-steps": replace(TASKS["cifar10"], sizes=(1000,), same_steps=True),
}


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run of a curve: with so many images in all, of this draw, on a part of them."""

    images: int
    draw: int
    part: str
    seed: int

    @property
    def kind(self) -> str:
        """The runs that differ only in their seed have one name."""
        return kind(self.images, self.draw, self.part)


def kind(images: int, draw: int, part: str) -> str:
    """Names the runs on a part of a draw."""
    return f"n{images}-d{draw}-{part}"


class Pool:
    """A data set's images, those to train on and those to test with."""

    def __init__(self, task: Task, data: Path) -> None:
        named = "." not in task.data
        path = task.data if named else str(data / task.data)
        reading = ReadingOptions(group=task.groups)
        prepared = prepare(Request(data=path, reading=reading, val_share=0.0, img_size=task.size), seed=0)
        self.preprocessing: Preprocessing = choose_preprocessing(prepared, (), task.size)
        images = prepared.images(PixelFormat.from_preprocessing(self.preprocessing), packed=True)
        ids = np.array(prepared.source.groups) if task.groups else np.arange(len(images.ids))
        self.task, self.groups = task, np.unique(ids, return_inverse=True)[1].astype(np.int64)
        self.images = replace(images, split=self._split(images))
        self.preprocessing = with_statistics(self.preprocessing, images.pixels, self.images.members("train"))

    def _split(self, images: Images) -> NDArray[np.str_]:
        """So many test images, of the set's own where it has enough; the others are to train on."""
        rng = np.random.default_rng(0)
        there = images.members("test")
        if len(there) >= self.task.test and not self.task.groups:
            split = np.where(images.split == "test", "", images.split).astype("<U5")
            split[rng.permutation(there)[: self.task.test]] = "test"
            return split
        members = np.flatnonzero(images.split != "")
        share = self.task.test / len(members)
        tested = nested_part(images.labels[members], share, seed=1_000_000, groups=self.groups[members])
        split = np.full(len(images.split), "", dtype="<U5")
        split[members] = np.where(tested, "test", "train")
        return split

    def seen_by(self, run: Run) -> Images:
        """The images as a run sees them."""
        members = self.images.members("train")
        drawn = self._part(members, run.images / len(members), seed=2_000_000 + run.draw)
        if run.part in ("quarter", "half"):
            drawn = self._part(drawn, PARTS[run.part], seed=run.seed)
        elif run.part == "twice":
            others = np.setdiff1d(members, drawn)
            drawn = np.union1d(drawn, self._part(others, run.images / len(others), seed=3_000_000 + run.seed))
        split = np.where(self.images.split == "test", "test", "").astype("<U5")
        split[drawn] = "train"
        return replace(self.images, split=split)

    def _part(self, members: NDArray[np.int64], share: float, *, seed: int) -> NDArray[np.int64]:
        labels, groups = self.images.labels[members], self.groups[members]
        return members[nested_part(labels, share, seed=seed, groups=groups)]

    def recipe(self, run: Run) -> Recipe:
        """The recipe for so many images."""
        asked = RecipeOptions(recipe="fast", epochs=self.task.epochs)
        whole = choose_recipe(asked, mirrors=self.task.mirror, images=run.images)
        share = PARTS[run.part]
        if self.task.same_steps:
            return replace(whole, epochs=round(whole.epochs / share))
        if share < 1:
            return for_part(whole, run.images, share)
        return choose_recipe(asked, mirrors=self.task.mirror, images=round(run.images * share))


def runs_of(task: Task, draws: Iterable[int], seeds: Iterable[int]) -> Iterator[Run]:
    """All runs, the seeds of a curve one after the other."""
    for images in task.sizes:
        for draw in draws:
            for seed in seeds:
                for part in PARTS:
                    yield Run(images=images, draw=draw, part=part, seed=seed)


def train(name: str, data: Path, folder: Path, *, draws: range, seeds: range, processes: int, patience: int) -> None:
    """Does every run that is not kept yet, so many at a time.

    Args:
        patience: added to the niceness of the processes.
    """
    team = [
        multiprocessing.Process(target=_work, args=(name, data, folder, draws, seeds, processes, turn, patience))
        for turn in range(processes)
    ]
    for process in team:
        process.start()
    for process in team:
        process.join()
    if any(process.exitcode for process in team):
        raise SkipwiseError("A training process ended early; give the same command again to go on.")


def _work(
    name: str, data: Path, folder: Path, draws: range, seeds: range, processes: int, turn: int, patience: int
) -> None:
    """This process's share of the runs: one in `processes`."""
    os.nice(patience)
    keep_freed_memory()
    task = TASKS[name]
    pool = Pool(task, data)
    tested = pool.images.members("test")
    first = Run(images=task.sizes[-1], draw=0, part="all", seed=0)
    kinds = (kind(images, draw, part) for images in task.sizes for draw in range(MOST_DRAWS) for part in PARTS)
    begin(
        folder,
        Trained(
            name=name,
            networks=tuple(kinds),
            width=task.width,
            size=task.size,
            train=len(pool.images.members("train")),
            test=len(tested),
            fingerprint=pool.images.fingerprint,
            recipe=pool.recipe(first),
            torch=str(torch.__version__),
            groups=tuple(map(str, pool.groups[tested].tolist())) if task.groups else (),
        ),
    )
    for run in list(runs_of(task, draws, seeds))[turn::processes]:
        if run.seed in done(folder, run.kind):
            continue
        images = pool.seen_by(run)
        recipe = pool.recipe(run)
        few = len(images.members("train"))
        if recipe.batch_size > few:
            recipe = rescaled(recipe, few)
        spec = RunSpec(
            model=task.model,
            seed=run.seed,
            stem="small",
            width=task.width,
            classes=images.classes,
            preprocessing=pool.preprocessing,
            fingerprint=images.fingerprint,
            recipe=recipe,
            execution=Execution(device="cpu", precision="fp32", threads=1),
        )
        with tempfile.TemporaryDirectory() as scratch:
            record = execute_run(spec, images, Path(scratch))
            if record.status == "failed":
                raise SkipwiseError(f"{run.kind} with seed {run.seed} failed: {record.reason}.")
            answers = read_predictions(Path(scratch), "test")
        right = answers.logits.argmax(axis=1) == answers.labels
        add(folder, run.kind, run.seed, right)
        print(f"{name} {run.kind} {run.seed}: {few} images, {right.mean():.4f}, {record.seconds:.0f} s", flush=True)
