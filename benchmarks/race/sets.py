"""The images, in train/, val/ and test/ folders of classes that every tool reads."""

from __future__ import annotations

import csv
import shutil
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from sklearn.datasets import load_digits

SHARES = {"test": 0.15, "val": 0.15}
"""Shares of pupils, or of the images of each class; the rest is for training."""
CIFAR_HELD_OUT = 2_500
"""Validation images, cut from the 50,000 for training, and test images: 10,000 would take longer than some budgets."""
Split = Iterable[tuple[str, str, str, bytes]]
"""Split, class, name and bytes of each image."""


def signs(data: Path) -> Split:
    """Hand signs, all of a pupil in one split."""
    with (data / "sign-digits.csv").open() as file:
        rows = list(csv.DictReader(file))
    pupils = sorted({row["pupil"] for row in rows})
    shuffled = [pupils[index] for index in np.random.default_rng(0).permutation(len(pupils))]
    split = {pupil: _split(place, len(pupils)) for place, pupil in enumerate(shuffled)}
    with zipfile.ZipFile(data / "sign-digits.zip") as archive:
        for row in rows:
            yield split[row["pupil"]], row["label"], Path(row["path"]).name, archive.read(row["path"])


def cifar10(data: Path) -> Split:
    """All training images, less those for validation, and part of the test images; the same number of each class."""
    with zipfile.ZipFile(data / "cifar10.zip") as archive:
        by_class: dict[tuple[str, str], list[str]] = defaultdict(list)
        for name in sorted(archive.namelist()):
            if name.endswith(".png"):
                given, label, _ = name.split("/")
                by_class[given, label].append(name)
        held_out = CIFAR_HELD_OUT * 2 // len(by_class)
        for (given, label), names in by_class.items():
            for place, index in enumerate(np.random.default_rng(0).permutation(len(names))):
                if given == "train" or place < held_out:
                    split = "val" if given == "train" and place < held_out else given
                    yield split, label, Path(names[index]).name, archive.read(names[index])


def photos(folder: Path) -> Split:
    """Any folder of classes."""
    for label in sorted(each for each in folder.iterdir() if each.is_dir()):
        images = sorted(each for each in label.iterdir() if each.is_file())
        for place, index in enumerate(np.random.default_rng(0).permutation(len(images))):
            yield _split(place, len(images)), label.name, images[index].name, images[index].read_bytes()


def _split(place: int, count: int) -> str:
    if place < SHARES["test"] * count:
        return "test"
    return "val" if place < (SHARES["test"] + SHARES["val"]) * count else "train"


def written(name: str, cache: Path, images: Split) -> Path:
    """The folder of a set, written unless it is there."""
    folder = cache / "sets" / name
    if not folder.exists():
        part = folder.with_name(f"{name}.part")
        shutil.rmtree(part, ignore_errors=True)
        for split, label, file, content in images:
            (part / split / label).mkdir(parents=True, exist_ok=True)
            (part / split / label / file).write_bytes(content)
        part.rename(folder)
    return folder


def quick(cache: Path) -> Path:
    """A few of scikit-learn's digits, in colour at 64 pixels."""
    folder = cache / "sets" / "quick"
    if not folder.exists():
        bunch = load_digits()
        order = np.argsort(bunch.target[:480], kind="stable")
        for place, index in enumerate(order):
            if place % 12 < 6:  # every class, half of its images
                split = ("train", "train", "train", "train", "val", "test")[place % 6]
                label = folder / split / str(bunch.target[index])
                label.mkdir(parents=True, exist_ok=True)
                grey = Image.fromarray((bunch.images[index] * 15).astype(np.uint8))
                grey.resize((64, 64)).convert("RGB").save(label / f"{index}.png")
    return folder


def lite0_weights(environment: Path, cache: Path) -> Path:
    """ImageNet weights of EfficientNet-Lite0, under the names that timm has for the same tensors in the same order."""
    path = cache / "tf_efficientnet_lite0.pth"
    if not path.exists():
        found = next(environment.rglob("efficientnet-lite0-*.pth"))
        given = torch.load(found, weights_only=True)
        names = timm.create_model("tf_efficientnet_lite0").state_dict()
        renamed = dict(zip(names, given.values(), strict=True))
        timm.create_model("tf_efficientnet_lite0").load_state_dict(renamed)
        torch.save(renamed, path.with_suffix(".part"))
        path.with_suffix(".part").rename(path)
    return path
