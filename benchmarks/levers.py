"""The value of each lever of a recipe: narrow networks, fewer images, validation images only.

    python benchmarks/levers.py --data cifar10.zip [--model resnet18] [--arms base,muon,...] [--seeds 2] [--processes 2]

Every arm trains on the same part of the *training* images and is judged on another part of them; test images are not
touched. Arms cost the same: one that makes steps cheaper gets more epochs. The processes share the arms, and what is
done is kept in --output, so that the command can be stopped and given again.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np

from skipwise.core.errors import Busy, SkipwiseError
from skipwise.core.files.locks import locked
from skipwise.core.machine.system import describe_machine, keep_freed_memory
from skipwise.data.batches.batches import Augmentation
from skipwise.data.image.preprocess import Preprocessing
from skipwise.data.images import Images
from skipwise.data.prepare import Request, prepare
from skipwise.data.scan.inspection import PixelFormat
from skipwise.training.folder.record import RunSpec, find_run
from skipwise.training.loop.recipe import Recipe, rescaled
from skipwise.training.loop.schedule import relative_cost
from skipwise.training.machine.execution import Execution
from skipwise.training.planning.inputs import choose_preprocessing, with_statistics
from skipwise.training.run.runner import execute_run

BASE = Recipe(
    name="levers",
    epochs=8,
    batch_size=128,
    lr=0.2,
    momentum=0.9,
    weight_decay=5e-4,
    label_smoothing=0.1,
    warmup=0.25,
    augmentation=Augmentation(mirror=True, shift=1 / 8),
)
MUON = replace(BASE, optimizer="muon", lr=0.4, vector_lr=0.25, momentum=0.6, batch_size=256)
ALTERNATE = replace(BASE.augmentation, alternate=True)
GROWING = {"min_size": 0.625, "full_size_from": 0.7}

LEVERS: dict[str, dict[str, Any]] = {
    "": {},
    "line": {"lr_decay": "linear"},
    "no-smoothing": {"label_smoothing": 0.0},
    "smoothing-0.2": {"label_smoothing": 0.2},
    "alternate": {"augmentation": ALTERNATE},
    "cutout": {"augmentation": replace(BASE.augmentation, cutout=0.25)},
    "alternate-cutout": {"augmentation": replace(ALTERNATE, cutout=0.25)},
    "alternate-cutout-growing": {"augmentation": replace(ALTERNATE, cutout=0.25), **GROWING},
    "shift-2": {"augmentation": replace(BASE.augmentation, shift=1 / 16)},
    "growing": GROWING,
    "norm-bias-8": {"norm_bias_lr": 8.0},
    "dirac": {"dirac": True},
    "whiten": {"whiten": True},
    "average": {"average": 0.02},
    "norm-momentum-0.4": {"norm_momentum": 0.4},
    "warmup-0.1": {"warmup": 0.1},
    "norms-decay": {"vector_weight_decay": 5e-4},
}
RATES: dict[str, Recipe] = {
    "sgd-batch-256": replace(BASE, batch_size=256, lr=0.4),
    "sgd-batch-64": replace(BASE, batch_size=64, lr=0.1),
    "sgd-lr-0.1": replace(BASE, lr=0.1),
    "sgd-lr-0.4": replace(BASE, lr=0.4),
    "muon-lr-0.025": replace(MUON, lr=0.025, vector_lr=4.0),
    "muon-lr-0.05": replace(MUON, lr=0.05, vector_lr=2.0),
    "muon-lr-0.1": replace(MUON, lr=0.1, vector_lr=1.0),
    "muon-lr-0.2": replace(MUON, lr=0.2, vector_lr=0.5),
    "muon-lr-0.8": replace(MUON, lr=0.8, vector_lr=0.125),
    "muon-momentum-0.9": replace(MUON, momentum=0.9, lr=0.15, vector_lr=0.5),
    "muon-batch-128": replace(MUON, batch_size=128, lr=0.28),
    "muon-batch-512": replace(MUON, batch_size=512, lr=0.56),
    "muon-decay-5e-3": replace(MUON, weight_decay=5e-3),
    "muon-decay-2e-2": replace(MUON, weight_decay=2e-2),
    "muon-decay-5e-3-cutout": replace(MUON, weight_decay=5e-3, augmentation=replace(BASE.augmentation, cutout=0.25)),
    "muon-decay-5e-3-whiten": replace(MUON, weight_decay=5e-3, whiten=True),
    "muon-vector-rate-1": replace(MUON, vector_lr=1.0),
}
ARMS: dict[str, Recipe] = RATES | {
    "-".join(filter(None, (name, lever))): replace(base, **change)
    for name, base in (("sgd", BASE), ("muon", MUON))
    for lever, change in LEVERS.items()
}
"""Each lever alone, on both optimizers, and both at other rates, batches and decays."""


def load(data: str, train: int, val: int) -> Images:
    """A part of the training images to train on, another to judge by, and no test images."""
    prepared = prepare(Request(data=data, val_share=0.0), seed=0)
    images = prepared.images(PixelFormat.from_preprocessing(choose_preprocessing(prepared, (), None)), packed=True)
    members = np.random.default_rng(0).permutation(np.flatnonzero(images.split == "train"))
    if len(members) < train + val:
        raise SkipwiseError(f"{data} has {len(members):,} training images; choose a smaller --train or --val.")
    split = np.full(len(images.split), "", dtype=images.split.dtype)
    split[members[:train]], split[members[train : train + val]] = "train", "val"
    return replace(images, split=split)


def spec(arm: str, seed: int, images: Images, options: argparse.Namespace) -> RunSpec:
    size, channels = images.pixels.shape[1], images.pixels.shape[3]
    bare = Preprocessing(size=size, channels=channels, mean=(), std=())
    recipe = ARMS[arm]
    if options.batch_size is not None:
        recipe = rescaled(recipe, options.batch_size)
    epochs = round(options.epochs / relative_cost(recipe, size))
    return RunSpec(
        model=options.model,
        seed=seed,
        stem="small",
        width=options.width,
        pretrained=False,
        classes=images.classes,
        preprocessing=with_statistics(bare, images.pixels, images.members("train")),
        fingerprint=images.fingerprint,
        recipe=replace(recipe, name=arm, epochs=epochs),
        execution=Execution(device="cpu", precision="fp32", threads=1),
    )


def work(options: argparse.Namespace) -> None:
    """Does runs that nobody has done yet."""
    os.nice(options.nice)
    keep_freed_memory()
    images = load(options.data, options.train, options.val)
    for seed in range(options.seeds):
        for arm in options.arms:
            folder = options.output / f"{options.model}-{arm}-s{seed}"
            folder.mkdir(parents=True, exist_ok=True)
            try:
                with locked(folder):
                    record = execute_run(spec(arm, seed, images, options), images, folder)
            except Busy:  # one of the others does it
                continue
            print(arm, seed, record.reason or f"{record.val.accuracy:.4f} {record.seconds:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="cifar10")
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=float, default=8, help="what an arm may cost, in epochs at full size")
    parser.add_argument("--train", type=int, default=15_000)
    parser.add_argument("--val", type=int, default=10_000)
    parser.add_argument("--batch-size", type=int, help="of all arms, the rates scaled with it; else each has its own")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--nice", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("runs/levers"))
    options = parser.parse_args()
    options.arms = options.arms.split(",")
    team = [multiprocessing.Process(target=work, args=(options,)) for _ in range(options.processes)]
    for process in team:
        process.start()
    for process in team:
        process.join()

    images = load(options.data, options.train, options.val)
    arms, base = {}, {}
    for arm in options.arms:
        found = {}
        for seed in range(options.seeds):
            record = find_run(spec(arm, seed, images, options), options.output / f"{options.model}-{arm}-s{seed}")
            if record is not None and record.val is not None:
                found[seed] = 100 * record.val.accuracy
        if not found:
            continue
        if arm == options.arms[0]:
            base = found
        against = [value - base[seed] for seed, value in found.items() if seed in base]
        spread = stdev(found.values()) if len(found) > 1 else 0.0
        arms[arm] = {"median": round(float(np.median(list(found.values()))), 2), "spread": round(spread, 2)}
        gain = f"{mean(against):+6.2f} against {options.arms[0]}" if against else ""
        print(f"{arm:24} {mean(found.values()):6.2f} %  {gain}  ({len(found)} seeds)")
    line = {"benchmark": "levers", "machine": describe_machine().processor, "model": options.model, "arms": arms}
    print(json.dumps({**line, "ratios": {}}))


if __name__ == "__main__":
    main()
