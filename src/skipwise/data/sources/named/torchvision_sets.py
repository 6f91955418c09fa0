"""torchvision's classification data sets by name: `torchvision:Flowers102`."""

from __future__ import annotations

import os.path
from pathlib import Path
from typing import Any

import numpy as np

from skipwise.core.errors import SkipwiseError, unknown_name
from skipwise.core.reporting import Progress
from skipwise.core.text import count
from skipwise.data.containers import Entry, Folder
from skipwise.data.sources.arrays.array_sets import array_set
from skipwise.data.sources.labelled import LabelledImage
from skipwise.data.sources.named.torchvision_files import open_parts
from skipwise.data.sources.source import Reading, Source

_TRAIN = {"train": {"train": True}, "test": {"train": False}}
_TWO = {"train": {"split": "train"}, "test": {"split": "test"}}
_THREE = {split: {"split": split} for split in ("train", "val", "test")}
SETS: dict[str, dict[str, dict[str, Any]]] = {
    "CIFAR10": _TRAIN,
    "CIFAR100": _TRAIN,
    "Country211": {"train": {"split": "train"}, "val": {"split": "valid"}, "test": {"split": "test"}},
    "DTD": _THREE,
    "EuroSAT": {"": {}},
    "FGVCAircraft": _THREE,
    "FashionMNIST": _TRAIN,
    "Flowers102": _THREE,
    "Food101": _TWO,
    "GTSRB": _TWO,
    "Imagenette": {"train": {"split": "train"}, "val": {"split": "val"}},
    "KMNIST": _TRAIN,
    "MNIST": _TRAIN,
    "OxfordIIITPet": {"train": {"split": "trainval"}, "test": {"split": "test"}},
    "RenderedSST2": _THREE,
    "SEMEION": {"": {}},
    "STL10": _TWO,
    "SUN397": {"": {}},
    "SVHN": _TWO,
    "StanfordCars": _TWO,
    "USPS": _TRAIN,
}
"""The data sets with one class per image, and the arguments of torchvision's class for each of their splits."""

_PAIRS = (("_samples", ""), ("samples", ""), ("_image_files", "_labels"), ("_images", "_labels"))
"""The attributes of torchvision's classes with the images' paths and labels, together or in two lists."""


def open_torchvision(name: str, progress: Progress | None = None) -> Source:
    """Opens a torchvision data set with its own splits. It is downloaded unless it is in ./data or the cache.

    Raises:
        SkipwiseError: there is no classification data set of that name, or it cannot be downloaded.
    """
    if name not in SETS:
        raise unknown_name("classification set in torchvision", name, SETS)
    parts = open_parts(name, name, SETS[name], progress)
    in_memory = all(hasattr(part, "data") for part in parts.values())
    return (_in_memory if in_memory else _in_files)(name, parts)


def _in_memory(name: str, parts: dict[str, Any]) -> Source:
    arrays: dict[str, Any] = {}
    for split, part in parts.items():
        arrays[f"{split}_images"] = np.asarray(part.data)
        arrays[f"{split}_labels"] = np.asarray(part.targets if hasattr(part, "targets") else part.labels)
    names = getattr(next(iter(parts.values())), "classes", None)
    if names:
        arrays["class_names"] = np.array([str(each) for each in names])
    return array_set(name, arrays, f"torchvision's {name}").source()


def _in_files(name: str, parts: dict[str, Any]) -> Source:
    classes = [_text(each) for each in getattr(next(iter(parts.values())), "classes", None) or []]
    rows = [
        # Paths are relative to the root of the file system, since the files may be in ./data or in the cache.
        LabelledImage(
            str(Path(path).absolute()).lstrip("/"), classes[label] if label < len(classes) else str(label), split
        )
        for split, part in parts.items()
        for path, label in _pairs(name, part)
    ]
    entries = {}
    for row in rows:
        status = Path("/", row.file).stat()
        entries[row.file] = Entry(row.file, status.st_size, status.st_mtime_ns)
    return Reading(
        name=name,
        container=Folder(Path("/")),
        rows=rows,
        description=(
            f"torchvision's {name} ({count(len(rows), 'image')}, {count(len({row.label for row in rows}), 'class')})"
        ),
        entries=entries,
        top=os.path.commonpath([row.file.rpartition("/")[0] for row in rows]) + "/",
    ).source()


def _pairs(name: str, part: Any) -> list[tuple[Any, int]]:
    for paths, labels in _PAIRS:
        found = getattr(part, paths, None)
        if found is not None:
            return list(found) if not labels else list(zip(found, getattr(part, labels), strict=True))
    raise SkipwiseError(
        f"This version of torchvision stores the images of {name} in an unknown way; install another version of it."
    )


def _text(name: Any) -> str:
    return " ".join(name) if isinstance(name, tuple) else str(name)
