"""Published sets as they unzip, copies and all: what is beside the classes, tables of pixels, labels by folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tests.layouts.cases import Asks, Case, Reads, Refuses
from tests.layouts.pictures import put
from tests.layouts.tables import table
from tests.layouts.trees import plant, tree


def _pixels(file: Path, count: int, *, header: str = "pixel{}", side: int = 28) -> None:
    """A class and the pixels of a square image in each line; no header line where `header` is ""."""
    values = np.random.default_rng(count).integers(0, 256, (count, side * side))
    values[0, 0] = 255
    lines = [f"{number % 4}," + ",".join(map(str, row)) for number, row in enumerate(values)]
    names = [header.format(number) for number in range(side * side)]
    put(file, "\n".join([*([",".join(["label", *names])] if header else []), *lines]) + "\n")


def _pixel_tables(*files: str, header: str = "pixel{}", beside: Sequence[str] = ()) -> Callable[[Path], Path]:
    def build(root: Path) -> Path:
        plant(root / "d", *beside)
        for file in files:
            _pixels(root / "d" / file, 24 if "train" in file else 12, header=header)
        return root / "d"

    return build


def _mura(root: Path) -> Path:
    """A table without a header, with a line for each study: the folder and its class."""
    for split in ("train", "valid"):
        lines = []
        for number in range(6):
            part, result = ("XR_ELBOW", "XR_WRIST")[number // 3], number % 2
            study = f"{split}/{part}/patient{number:05}/study1_{('negative', 'positive')[result]}"
            plant(root / "d", f"{study}/image{{1,2}}.png")
            lines.append(f"MURA-v1.1/{study}/,{result}")
        put(root / "d" / f"{split}_labeled_studies.csv", "\n".join(lines) + "\n")
        paths = sorted(each.relative_to(root / "d").as_posix() for each in (root / "d" / split).rglob("*.png"))
        put(root / "d" / f"{split}_image_paths.csv", "\n".join(f"MURA-v1.1/{path}" for path in paths) + "\n")
    return root / "d"


def _idrid(root: Path) -> Path:
    """The same names in training and test, told apart by folders and tables that are counted up."""
    for folder, labels, count in (
        ("a. Training Set", "a. Grading_Training", 6),
        ("b. Testing Set", "b. Grading_Testing", 4),
    ):
        names = plant(root / "d" / "1. Images" / folder, f"IDRiD_{{001..{count:03}}}.jpg")
        rows = [(name.removesuffix(".jpg"), str(number % 2)) for number, name in enumerate(names)]
        table(root / "d" / "2. Groundtruths" / f"{labels} Labels.csv", ("Image name", "Retinopathy grade"), rows)
    return root / "d"


def _camera_traps(*header: str, joined: bool) -> Callable[[Path], Path]:
    """The same names in each site; a site in one column, and the rest of the path or its folder in another."""

    def build(root: Path) -> Path:
        rows = []
        for number, name in enumerate(plant(root / "d", "{S1,S2}/100RECNX/IMG_*.JPG 4")):
            site, folder, file = name.split("/")
            where = (site, f"{folder}/{file}") if joined else (file, f"{site}\\{folder}")
            rows.append((*where, ("deer", "empty")[number % 2]))
        return table(root / "d" / "timelapse.csv", header, rows).parent

    return build


def _quoted_lists(*labels: str) -> Callable[[Path], Path]:
    def build(root: Path) -> Path:
        names = plant(root / "d" / "images", "#.jpg 12")
        rows = [(name, labels[number % 2]) for number, name in enumerate(names)]
        return table(root / "d" / "full_df.csv", ("filename", "labels"), rows).parent

    return build


def _splits_by_folder(*tables: str) -> Callable[[Path], Path]:
    """Only the images' folders say the split: in one table of all, or in a table for each."""

    def build(root: Path) -> Path:
        rows = []
        for split, count in (("train", 8), ("test", 4)):
            names = plant(root / "d" / split, f"{split}_#.jpg {count}")
            rows.append([(f"{split}/{name}", ("cat", "dog")[number % 2]) for number, name in enumerate(names)])
        parts = rows if len(tables) == 2 else [[*rows[0], *rows[1]]]
        for name, part in zip(tables, parts, strict=True):
            table(root / "d" / name, ("path", "label"), part)
        return root / "d"

    return build


def _takes_place(name: str, lines: Sequence[str], classes: dict[str, int], left_out: int, *says: str) -> Case:
    return Case(
        name=name, build=tree(*lines), expected=Reads(classes=classes, splits=None, left_out=left_out, says=says)
    )


_FOUR = {"0": 9, "1": 9, "2": 9, "3": 9}
_SPLIT = {"train": 24, "test": 12}

CASES = (
    *(
        Case(name=f"pixels-{files[0]}", build=_pixel_tables(*files), expected=Reads(classes=_FOUR, splits=_SPLIT))
        for files in (
            ("fashion-mnist_test.csv", "fashion-mnist_train.csv"),
            ("sign_mnist_test/sign_mnist_test.csv", "sign_mnist_train/sign_mnist_train.csv"),
        )
    ),
    Case(
        name="pixels-beside-a-few-pictures",
        build=_pixel_tables("mnist_train.csv", "mnist_test.csv", beside=("amer_sign{1,2}.png",)),
        expected=Reads(classes=_FOUR, splits=_SPLIT),
    ),
    Case(
        name="pixels-without-a-header",
        build=_pixel_tables("mnist_train.csv", "mnist_test.csv", header=""),
        expected=Reads(classes=_FOUR, splits=_SPLIT, says=("first number",)),
    ),
    Case(
        name="pixels-of-two-kinds",
        build=_pixel_tables("hmnist_28_28_L.csv", "hmnist_28_28_RGB.csv"),
        expected=Asks(says=("hmnist_28_28_L", "hmnist_28_28_RGB", "give one")),
    ),
    Case(name="mura", build=_mura, expected=Reads(classes={"0": 12, "1": 12}, splits={"train": 12, "test": 12})),
    Case(name="idrid", build=_idrid, expected=Reads(classes={"0": 5, "1": 5}, splits={"train": 6, "test": 4})),
    Case(
        name="camera-traps-by-site",
        build=_camera_traps("Site", "RelativePath", "Species", joined=True),
        expected=Reads(classes={"deer": 4, "empty": 4}, splits=None, says=("'Site' is taken",)),
    ),
    Case(
        name="camera-traps-by-folder",
        build=_camera_traps("File", "RelativePath", "Species", joined=False),
        expected=Reads(classes={"deer": 4, "empty": 4}, splits=None, says=("'RelativePath' is taken",)),
    ),
    Case(
        name="labels-in-lists-of-one",
        build=_quoted_lists("['N']", "['D']"),
        expected=Reads(classes={"N": 6, "D": 6}, splits=None),
    ),
    Case(
        name="labels-in-lists-of-several",
        build=_quoted_lists("['N', 'G']", "['D']"),
        expected=Refuses(says=("several", "labels")),
    ),
    Case(
        name="splits-by-folder-in-a-table",
        build=_splits_by_folder("labels.csv"),
        expected=Reads(classes={"cat": 6, "dog": 6}, splits={"train": 8, "test": 4}),
    ),
    Case(
        name="splits-by-folder-in-two-tables",
        build=_splits_by_folder("part1.csv", "part2.csv"),
        expected=Reads(classes={"cat": 6, "dog": 6}, splits={"train": 8, "test": 4}),
    ),
    Case(
        name="plant-diseases-with-a-test",
        build=tree("New(Augmented)/New(Augmented)/{train,valid}/{Scab,healthy}/#.JPG 3", "test/test/AppleScab*.JPG 3"),
        expected=Reads(
            classes={"Scab": 6, "healthy": 6}, splits={"train": 6, "test": 6}, left_out=3, says=("test/test",)
        ),
    ),
    _takes_place(
        "simpsons",
        (
            "simpsons_dataset/{bart,lisa}/pic_*.jpg 4",
            "simpsons_dataset/simpsons_dataset/{bart,lisa}/pic_*.jpg 4",
            "kaggle_simpson_testset/kaggle_simpson_testset/{bart,lisa}_{0..3}.jpg",
            "annotation.txt",
        ),
        {"bart": 4, "lisa": 4},
        16,
        "kaggle_simpson_testset",
    ),
    _takes_place(
        "artworks",
        ("images/images/{Duerer,Monet}/a_*.jpg 3", "resized/resized/{Duerer,Monet}_{1..3}.jpg"),
        {"Duerer": 3, "Monet": 3},
        6,
        "resized",
    ),
    _takes_place(
        "birds-and-segmentations",
        ("CUB/images/{001.Albatross,002.Auklet}/#.jpg 3", "segmentations/{001.Albatross,002.Auklet}/#.png 3"),
        {"001.Albatross": 3, "002.Auklet": 3},
        6,
        "segmentations",
    ),
    _takes_place(
        "slides-and-thumbnails",
        ("Photos/{Benign,Invasive}/b*.tif 3", "WSI/thumbnails/A01.png"),
        {"Benign": 3, "Invasive": 3},
        1,
        "thumbnails",
    ),
    Case(
        name="a-copy-on-another-level",
        build=tree("data/natural_images/{car,cat}/#.jpg 3", "natural_images/{car,cat}/#.jpg 3"),
        expected=Asks(says=("--class-level", "'car', 'cat'")),
    ),
    Case(
        name="labeled-and-unlabeled-in-train",
        build=tree("train/labeled/{cat,dog}/#.jpg 4", "train/unlabeled/#.jpg 4", "test/{cat,dog}/#.jpg 4"),
        expected=Reads(classes={"cat": 8, "dog": 8}, splits={"train": 8, "test": 8}, left_out=4, says=("unlabeled",)),
    ),
    *(
        Case(
            name=f"splits-{names[0]}",
            build=tree(f"{{{','.join(names)}}}/{{cat,dog}}/#.jpg 4"),
            expected=Reads(classes={"cat": 12, "dog": 12}, splits={"train": 8, "val": 8, "test": 8}),
        )
        for names in (
            ("Training", "PublicTest", "PrivateTest"),
            ("1. Train", "2. Validation", "3. Test"),
            ("a) Training", "b) Validation", "c) Test"),
        )
    ),
    Case(
        name="answers-of-a-detector",
        build=lambda root: (
            put(
                root / "d" / "md.json",
                json.dumps(
                    {
                        "images": [
                            {"file": name, "detections": [{"category": "1", "conf": 0.9, "bbox": [0, 0, 0.1, 0.1]}]}
                            for name in plant(root / "d", "{S1,S2}/IMG_*.JPG 4")
                        ],
                        "detection_categories": {"1": "animal", "2": "person"},
                    }
                ),
            ).parent
        ),
        expected=Refuses(says=("animal|class",)),
    ),
)
