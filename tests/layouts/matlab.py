"""Sets whose labels or splits are in MATLAB files (version 5, which scipy reads)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.io import savemat

from tests.layouts.arrays import TEST, TRAIN, counted, parts, stack
from tests.layouts.cases import Case, Reads
from tests.layouts.pictures import images, put


def _svhn(root: Path) -> Path:
    """Cropped digits; the digit 0 has the label 10."""
    data = root / "svhn"
    data.mkdir()
    for name, counts in (("train", TRAIN), ("test", TEST)):
        array, labels = stack(counts, grey=False, side=32)
        numbers = np.where(labels, labels, 10)[:, None]
        savemat(data / f"{name}_32x32.mat", {"X": array.transpose(1, 2, 3, 0), "y": numbers})
    return data


def _cars(root: Path) -> Path:
    """Flat folders for the splits; labels in .mat files."""
    data = root / "stanford_cars"
    kinds = ("AM General Hummer SUV 2000", "Acura RL Sedan 2012")
    fields = [(name, "O") for name in ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class", "fname")]
    (data / "devkit").mkdir(parents=True)
    savemat(data / "devkit" / "cars_meta.mat", {"class_names": np.array(kinds, dtype=object)[None]})
    for split, count in (("train", 8), ("test", 4)):
        names = images(data / f"cars_{split}", count, "car", "{number:05}.jpg", of=split)
        rows = np.array([[(1, 1, 8, 8, number % 2 + 1, name) for number, name in enumerate(names)]], dtype=fields)
        file = "cars_train_annos.mat" if split == "train" else "cars_test_annos_withlabels.mat"
        savemat(data / "devkit" / file, {"annotations": rows})
    return data


def _flowers102(root: Path) -> Path:
    data = root / "flowers-102"
    images(data / "jpg", 12, "flower", "image_{number:05}.jpg")
    savemat(data / "imagelabels.mat", {"labels": np.arange(12)[None] % 3 + 1})
    parts = np.arange(1, 13)
    savemat(data / "setid.mat", {"trnid": parts[None, :6], "valid": parts[None, 6:9], "tstid": parts[None, 9:]})
    return data


def _dogs(root: Path) -> Path:
    """Class folders; the split in .mat files beside; the annotations are XML without a suffix."""
    data = root / "stanford_dogs"
    names = []
    for label in ("n02085620-Chihuahua", "n02085782-Japanese_spaniel"):
        wnid = label.partition("-")[0]
        names += [f"{label}/{name}" for name in images(data / "Images" / label, 6, label, wnid + "_{number}.jpg")]
    for name in names:
        put(data / "Annotation" / name.removesuffix(".jpg"), "<annotation></annotation>")
    for split, some in (("train", names[::2]), ("test", names[1::2]), ("file", names)):
        column = np.array([[name] for name in some], dtype=object)
        savemat(data / f"{split}_list.mat", {"file_list": column, "labels": np.ones((len(some), 1))})
    return data


CASES = (
    Case(
        name="svhn-cropped",
        build=_svhn,
        expected=Reads(
            classes={"10": 7, "1": 6, "2": 4},
            splits={"train": 12, "test": 5},
            otherwise_named=(counted(TRAIN, TEST),),
            or_refused=(r"svhn|\.mat",),
        ),
        decodes=True,
        pixels=parts(TRAIN, TEST, grey=False, side=32),
    ),
    Case(
        name="stanford-cars-mat",
        build=_cars,
        expected=Reads(
            classes={"AM General Hummer SUV 2000": 6, "Acura RL Sedan 2012": 6},
            splits={"train": 8, "test": 4},
            left_out=0,
            otherwise_named=({"1": 6, "2": 6},),
            or_refused=(r"\.mat",),
        ),
    ),
    Case(
        name="flowers-102-mat",
        build=_flowers102,
        expected=Reads(
            classes={"1": 4, "2": 4, "3": 4},
            splits={"train": 6, "val": 3, "test": 3},
            left_out=0,
            or_refused=(r"imagelabels\.mat|torchvision:Flowers102",),
        ),
    ),
    Case(
        name="stanford-dogs",
        build=_dogs,
        expected=Reads(
            classes={"n02085620-Chihuahua": 6, "n02085782-Japanese_spaniel": 6},
            splits={"train": 6, "test": 6},
            left_out=0,
            or_unsplit=r"train_list|\.mat",
        ),
    ),
)
