"""Benchmark of image sizes and stems: which learn most in the same time, and how many epochs a network needs.

    python benchmarks/sizes.py --signs FOLDER --cifar10 cifar10.zip [--budgets 2,6,20] [--seeds 2] [--quick]

What a step costs is measured for all settings in turn, once, and kept in --output. A budget is what so many epochs of
resnet18 at 96 pixels with the ImageNet stem cost on the same images; every setting gets the epochs that this affords,
and trains so many. So nothing depends on what else the machine does while it trains. Judged on validation images; test
images are not touched. With --learnt, both networks train for so many epochs at 64 pixels instead.

FOLDER has sign-digits.csv and, beside it, what sign-digits.zip holds; these are split by pupil. What is done is kept,
so that the command can be stopped, given again, and given with more budgets and seeds.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, median

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.model_selection import train_test_split

from skipwise.core.machine.system import describe_machine, keep_freed_memory
from skipwise.cost.interleaved import interleaved
from skipwise.data.image.preprocess import Preprocessing
from skipwise.data.images import Images
from skipwise.data.prepare import Prepared, Request, prepare
from skipwise.data.scan.inspection import PixelFormat
from skipwise.data.sources import ReadingOptions
from skipwise.nets.create import create_model
from skipwise.training.folder.record import RunSpec
from skipwise.training.loop.optimizer import make_optimizer, set_learning_rate
from skipwise.training.loop.recipe import Recipe, RecipeOptions, choose_recipe
from skipwise.training.loop.schedule import relative_cost
from skipwise.training.machine.execution import Execution
from skipwise.training.planning.inputs import with_statistics
from skipwise.training.run.runner import execute_run

Setting = tuple[str, int]
"""A stem, and pixels a side."""
SETTINGS: dict[str, tuple[Setting, ...]] = {
    "signs": (("small", 32), ("small", 64), ("imagenet", 64), ("imagenet", 96), ("imagenet", 128)),
    "cifar10": (("small", 32), ("imagenet", 64), ("imagenet", 96)),
}
UNIT: Setting = ("imagenet", 96)
LEARNT_AT: Setting = ("imagenet", 64)
MODELS = ("resnet18", "mobilenet_v2")
MOST_EPOCHS = 200
TIMED = 32
"""Images in a timed batch; the optimizer's step, which larger ones share, is timed alone."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One run: which images, network, setting, epochs and seed."""

    data: str
    model: str
    setting: Setting
    epochs: int
    seed: int

    @property
    def folder(self) -> str:
        stem, size = self.setting
        return f"{self.data}-{self.model}-{stem}-{size}-e{self.epochs}-s{self.seed}"


@dataclass(frozen=True)
class StepSeconds:
    """Seconds for the gradients of `TIMED` images, and for the optimizer's step."""

    gradients: float
    update: float

    def run(self, recipe: Recipe, size: int, images: int) -> float:
        """Seconds of all steps of a recipe."""
        step = self.gradients * recipe.batch_size / TIMED + self.update
        return step * (images // recipe.batch_size) * recipe.epochs * relative_cost(recipe, size)


class Data:
    """A data set's images: part of the training images to train on, other ones to judge by, no test images."""

    def __init__(self, kind: str, where: str, options: argparse.Namespace) -> None:
        self.settings = SETTINGS[kind]
        self.name = kind
        if kind == "signs":
            reading = ReadingOptions(group="pupil")
            table = str(Path(where) / "sign-digits.csv")
            self.prepared: Prepared = prepare(Request(data=table, reading=reading, val_share=0.3), seed=0)
            self.split = np.where(self.prepared.split == "test", "", self.prepared.split)
        else:
            self.name = f"{kind}-{options.train}"
            self.prepared = prepare(Request(data=where, val_share=0.0), seed=0)
            members = np.flatnonzero(self.prepared.split == "train")
            labels = self.prepared.source.labels[members]
            train, val = train_test_split(
                members, train_size=options.train, test_size=options.val, stratify=labels, random_state=0
            )
            self.split = np.full(len(self.prepared.split), "", dtype=self.prepared.split.dtype)
            self.split[train], self.split[val] = "train", "val"
        self.train_count = int((self.split == "train").sum())
        self.val_count = int((self.split == "val").sum())

    def preprocessing(self, size: int) -> Preprocessing:
        return Preprocessing(
            size=size, channels=self.prepared.channels, mean=(), std=(), levels=self.prepared.scan.levels
        )

    def images(self, size: int) -> Images:
        whole = self.prepared.images(PixelFormat.from_preprocessing(self.preprocessing(size)), packed=True)
        return replace(whole, split=self.split)

    def recipe(self, epochs: int) -> Recipe:
        mirrors = self.prepared.source.mirrors
        return choose_recipe(RecipeOptions(recipe="standard", epochs=epochs), mirrors=mirrors, images=self.train_count)


def measured(folder: Path, *, quick: bool) -> dict[str, dict[str, StepSeconds]]:
    """Measures the cost of a step, by network and setting, in float32 on one thread; all settings in turn."""
    path = folder / "costs.json"
    settings = list(dict.fromkeys(setting for each in SETTINGS.values() for setting in each))
    if not path.exists():
        arms: dict[str, Callable[[], object]] = {}
        for model in MODELS:
            for stem, size in settings:
                network = create_model(model, num_classes=10, stem=stem, seed=0)
                network.to(memory_format=torch.channels_last)
                optimizer = make_optimizer(
                    network, choose_recipe(RecipeOptions(recipe="standard"), mirrors=True, images=1280)
                )
                set_learning_rate(optimizer, 0.0)
                images = torch.randn(TIMED, 3, size, size).to(memory_format=torch.channels_last)

                def gradients(network: torch.nn.Module = network, images: torch.Tensor = images) -> None:
                    network.zero_grad(set_to_none=True)
                    F.cross_entropy(network(images), torch.arange(TIMED) % 10).backward()

                arms[f"{model} {stem} {size}"] = gradients
                arms[f"{model} {stem} {size} update"] = optimizer.step
        timings = interleaved(arms, seconds=0 if quick else 60, least_rounds=2 if quick else 5)
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({name: vars(timing) for name, timing in timings.items()}, indent=1))
    found = {name: timing["median"] for name, timing in json.loads(path.read_text()).items()}
    return {
        model: {
            f"{stem} {size}": StepSeconds(found[f"{model} {stem} {size}"], found[f"{model} {stem} {size} update"])
            for stem, size in settings
        }
        for model in MODELS
    }


def named(setting: Setting) -> str:
    return f"{setting[0]} {setting[1]}"


def affordable(data: Data, cost: StepSeconds, size: int, budget: float) -> int:
    """The most epochs whose steps take no longer than `budget` seconds; 0 if not even one does."""
    for epochs in range(1, MOST_EPOCHS + 1):
        if cost.run(data.recipe(epochs), size, data.train_count) > budget:
            return epochs - 1
    return MOST_EPOCHS


def run(cell: Cell, data: Data, output: Path) -> float | None:
    """Validation accuracy in percent of a cell, which is trained unless it was; None for a run that failed."""
    stem, size = cell.setting
    images = data.images(size)
    spec = RunSpec(
        model=cell.model,
        seed=cell.seed,
        stem=stem,
        width=1.0,
        pretrained=False,
        classes=images.classes,
        preprocessing=with_statistics(data.preprocessing(size), images.pixels, images.members("train")),
        fingerprint=images.fingerprint,
        recipe=data.recipe(cell.epochs),
        execution=Execution(device="cpu", precision="fp32", threads=1),
    )
    record = execute_run(spec, images, output / cell.folder)
    return None if record.val is None else 100 * record.val.accuracy


def cells_of(
    data: Data, costs: dict[str, dict[str, StepSeconds]], options: argparse.Namespace
) -> dict[tuple[str, str, str], list[Cell]]:
    """The cells of each row (model, budget, setting), all seeds."""
    rows: dict[tuple[str, str, str], list[Cell]] = {}

    def add(model: str, title: str, setting: Setting, epochs: int) -> None:
        rows[model, title, named(setting)] = [
            Cell(data=data.name, model=model, setting=setting, epochs=epochs, seed=seed)
            for seed in range(options.seeds)
            if epochs
        ]

    for epochs in options.learnt:
        for model in options.models:
            add(model, f"{epochs} epochs planned", LEARNT_AT, epochs)
    unit = costs["resnet18"][named(UNIT)]
    for share in [] if options.learnt else options.budgets:
        budget = unit.run(data.recipe(share), UNIT[1], data.train_count)
        for model in options.models:
            for setting in data.settings:
                add(
                    model,
                    f"{share} epochs of resnet18 at {named(UNIT)}",
                    setting,
                    affordable(data, costs[model][named(setting)], setting[1], budget),
                )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--signs", help="the folder of sign-digits.csv")
    parser.add_argument("--cifar10", help="the archive of CIFAR-10")
    parser.add_argument("--models", default="resnet18", help="separated by commas")
    parser.add_argument("--budgets", default="2,6,20", help="epochs of resnet18 at 96 pixels, separated by commas")
    parser.add_argument("--learnt", default="", help="epochs to be planned, separated by commas, such as 2,4,8,16,40")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--train", type=int, default=5_000, help="training images of CIFAR-10")
    parser.add_argument("--val", type=int, default=2_000, help="validation images of CIFAR-10")
    parser.add_argument("--nice", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("runs/sizes"))
    parser.add_argument("--quick", action="store_true", help="scikit-learn's digits, a budget of one epoch, one seed")
    options = parser.parse_args()
    options.models = options.models.split(",")
    options.budgets = [1] if options.quick else [int(each) for each in options.budgets.split(",")]
    options.learnt = [int(each) for each in options.learnt.split(",") if each]
    options.seeds = 1 if options.quick else options.seeds
    os.nice(options.nice)
    torch.set_num_threads(1)
    keep_freed_memory()
    if options.quick:
        options.signs, options.cifar10, options.train, options.val = None, "digits", 256, 128
    costs = measured(options.output, quick=options.quick)
    for model, settings in costs.items():
        print(f"{model}: ", end="")
        print(", ".join(f"{key} {1000 * each.gradients / TIMED:.1f} ms" for key, each in settings.items()), end="")
        print(f" an image; update {1000 * median(each.update for each in settings.values()):.0f} ms a step", flush=True)
    arms: dict[str, dict[str, float]] = {}
    sets = {"signs": options.signs, "cifar10": options.cifar10}
    for name, where in sets.items():
        if where is None:
            continue
        data = Data(name, where, options)
        rows = cells_of(data, costs, options)
        # Seeds are the outer loop, so that every row has an answer early.
        done: dict[Cell, float | None] = {}
        for seed in range(options.seeds):
            for (model, title, _), cells in rows.items():
                for cell in cells:
                    if cell.seed == seed:
                        done[cell] = run(cell, data, options.output)
                        print(f"  {model}, {title}: {cell.folder} {done[cell]}", flush=True)
        counts = f"{data.train_count:,} training and {data.val_count:,} validation images"
        print(f"\n{data.name}: {counts}, {options.seeds} seeds")
        print("| network | budget | stem, pixels | epochs, steps | validation accuracy, mean (range) |")
        print("|---|---|---|---|---|")
        for (model, title, setting), cells in rows.items():
            found = [value for cell in cells if (value := done[cell]) is not None]
            if not found:
                print(f"| {model} | {title} | {setting} | 0 | - |")
                continue
            epochs = cells[0].epochs
            steps = epochs * (data.train_count // data.recipe(epochs).batch_size)
            print(
                f"| {model} | {title} | {setting} | {epochs}, {steps} | "
                f"{mean(found):.1f} ({min(found):.1f} to {max(found):.1f}) |"
            )
            arms[f"{data.name}, {model}, {title}, {setting}"] = {
                "median": round(median(found), 2),
                "spread": round(max(found) - min(found), 2),
            }
    machine = describe_machine().processor
    print(json.dumps({"benchmark": "sizes", "machine": machine, "arms": arms, "ratios": {}}))


if __name__ == "__main__":
    main()
