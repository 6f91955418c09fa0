"""Data sets that Skipwise knows by name. They are small enough to be held in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError, missing_extra
from skipwise.data.sources.arrays.array_sets import ArraySet
from skipwise.data.sources.layouts.arrays import read_idx
from skipwise.data.sources.named.backgrounds import NAME, make_backgrounds, photographs_of_arrays
from skipwise.data.sources.named.torchvision_files import open_parts

DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
"""The folder of Debian's package dataset-fashion-mnist."""


def digits() -> ArraySet:
    """1,797 handwritten digits of 8 x 8 pixels, which come with scikit-learn (Alpaydin and Kaynak 1998, UCI)."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise missing_extra("train", "scikit-learn") from error
    bunch = load_digits()
    return ArraySet(
        name="digits",
        description="the 1,797 handwritten digits of scikit-learn (8 x 8 pixels, 10 classes)",
        classes=tuple(str(digit) for digit in range(10)),
        labels=bunch.target.astype(np.int64),
        splits=None,
        pixels=np.round(bunch.images * (255 / 16)).astype(np.uint8)[..., None],  # stored as counts from 0 to 16
        mirrors=False,
    )


def fashion_mnist() -> ArraySet:
    """70,000 grey images of clothing, 28 x 28 pixels (Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747)."""
    classes = ["t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle-boot"]
    if (DEBIAN_FASHION_MNIST / "train-images-idx3-ubyte.gz").exists():
        parts = [
            (_idx(DEBIAN_FASHION_MNIST / f"{part}-images-idx3-ubyte.gz")[..., None],
             _idx(DEBIAN_FASHION_MNIST / f"{part}-labels-idx1-ubyte.gz"))
            for part in ("train", "t10k")
        ]  # fmt: skip
        return _joined("fashion_mnist", "Fashion-MNIST", classes, parts)
    sets = _downloaded("FashionMNIST", "Fashion-MNIST")
    return _joined(
        "fashion_mnist",
        "Fashion-MNIST",
        classes,
        [(part.data.numpy()[..., None], part.targets.numpy()) for part in sets],
    )


def cifar10() -> ArraySet:
    """60,000 photographs of 32 x 32 pixels in 10 classes (Krizhevsky 2009)."""
    sets = _downloaded("CIFAR10", "CIFAR-10")
    return _joined("cifar10", "CIFAR-10", sets[0].classes, [(part.data, np.array(part.targets)) for part in sets])


def cifar100() -> ArraySet:
    """60,000 photographs of 32 x 32 pixels in 100 classes (Krizhevsky 2009)."""
    sets = _downloaded("CIFAR100", "CIFAR-100")
    return _joined("cifar100", "CIFAR-100", sets[0].classes, [(part.data, np.array(part.targets)) for part in sets])


def backgrounds() -> ArraySet:
    """70,000 garments on photographs, made of Fashion-MNIST and CIFAR-10; see `named/backgrounds.py`."""
    return make_backgrounds(fashion_mnist(), photographs_of_arrays(cifar10()))


NAMED: dict[str, Callable[[], ArraySet]] = {
    "digits": digits,
    "fashion_mnist": fashion_mnist,
    "cifar10": cifar10,
    "cifar100": cifar100,
    NAME: backgrounds,
}


def _joined(name: str, title: str, classes: list[str], parts: list[tuple[NDArray[np.uint8], NDArray[Any]]]) -> ArraySet:
    """The training part and the test part as one data set with splits."""
    counts = [len(labels) for _, labels in parts]
    return ArraySet(
        name=name,
        description=(
            f"{title}, {counts[0]:,} images for training and {counts[1]:,} for testing in {len(classes)} classes"
        ),
        classes=tuple(classes),
        labels=np.concatenate([labels for _, labels in parts]).astype(np.int64),
        splits=("train",) * counts[0] + ("test",) * counts[1],
        pixels=np.concatenate([pixels for pixels, _ in parts]),
        mirrors=True,
    )


def _idx(path: Path) -> NDArray[np.uint8]:
    try:
        return read_idx(path.read_bytes(), str(path))
    except OSError as error:
        raise SkipwiseError(f"Can't read {path}: {error.strerror}; reinstall its package.") from error


def _downloaded(dataset: str, title: str) -> list[Any]:
    """The training and test parts of a torchvision data set."""
    return list(open_parts(dataset, title, {"train": {"train": True}, "test": {"train": False}}).values())
