"""Splits in unusual places: below the classes, beside them, in the names of tables; parts that lack classes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from tests.layouts.cases import Asks, Case, Reads, Refuses
from tests.layouts.pictures import classes, images, put, splits
from tests.layouts.tables import table

PARTS = {"train": {"cat": 5, "dog": 4}, "test": {"cat": 2, "dog": 2}}


def _below_classes(*names: str) -> Callable[[Path], Path]:
    """`cat/train/`, `cat/test/`: the class first, then the split."""

    def build(root: Path) -> Path:
        for name, counts in zip(names, PARTS.values(), strict=True):
            for label, count in counts.items():
                images(root / "d" / label / name, count, label, f"{name}{{number:03}}.jpg", of=name)
        return root / "d"

    return build


def _anomalies(root: Path) -> Path:
    """A category of MVTec AD: to train on there is only what is good."""
    data = root / "bottle"
    images(data / "train" / "good", 6, "good", "{number:03}.png", of="train")
    for label in ("good", "broken_large", "contamination"):
        images(data / "test" / label, 3, label, "{number:03}.png", of="test")
        for number in range(1, 4):
            if label != "good":
                Image.new("L", (12, 12), 255).save(put(data / "ground_truth" / label / f"{number:03}_mask.png"))
    put(data / "readme.txt", "MVTec AD\n")
    return data


def _part_beside_classes(part: str) -> Callable[[Path], Path]:
    """Class folders, and beside them one split with the same class folders in it."""

    def build(root: Path) -> Path:
        data = classes(root / "d", PARTS["train"])
        return splits(data, {part: PARTS["test"]})

    return build


def _other_names_in_test(root: Path) -> Path:
    """Words in train, numbers in test."""
    return splits(root / "d", {"train": {"cat": 5, "dog": 5}, "test": {"0": 2, "1": 2}})


def _data_and_test(root: Path) -> Path:
    """Traffic signs at Kaggle: numbered classes in DATA, loose pictures in TEST, names in a table."""
    data = root / "traffic_Data"
    for label in range(3):
        images(data / "DATA" / str(label), 4, str(label), f"00{label}_1_{{number:04}}.png")
    images(data / "TEST", 5, "?", "00{number:01}_1_0008_1_j.png")
    signs = ("Speed limit (5km/h)", "Speed limit (15km/h)", "Dont Go straight")
    table(data / "labels.csv", ("ClassId", "Name"), [(str(n), name) for n, name in enumerate(signs)])
    return data


def _tables(train: str, test: str, where: str) -> Callable[[Path], Path]:
    """A table for each split; `where` is the folder of a split's images."""

    def build(root: Path) -> Path:
        data = root / "d"
        for name, (split, counts) in zip((train, test), PARTS.items(), strict=True):
            rows = []
            for label, count in counts.items():
                folder = data / where.format(split=split)
                names = images(folder, count, label, split[:2] + label + "{number}.jpg", of=split)
                rows += [(picture, label) for picture in names]
            table(data / name.format(split=split), ("filename", "label"), rows)
        return data

    return build


def _views_of_a_size(root: Path) -> Path:
    """The pictures as they were, and once more, made smaller."""
    data = classes(root / "d" / "original", {"cat": 5, "dog": 4})
    for file in sorted(data.rglob("*.jpg")):
        Image.open(file).resize((8, 8)).save(put(root / "d" / "resized_8" / file.relative_to(data)))
    return root / "d"


_BOTH = {"cat": 7, "dog": 6}
_READ = Reads(classes=_BOTH, splits={"train": 9, "test": 4}, left_out=0)

CASES = (
    Case(name="splits-below-classes", build=_below_classes("train", "test"), expected=_READ),
    Case(name="splits-below-classes-spelt", build=_below_classes("Training", "Testing"), expected=_READ),
    Case(name="splits-below-classes-train-and-val", build=_below_classes("train", "val"), expected=_READ),
    Case(name="anomaly-detection", build=_anomalies, expected=Refuses(says=("broken_large", "train"))),
    *(
        Case(
            name=f"classes-beside-{part}",
            build=_part_beside_classes(part),
            # Never a third class called val: its images are the test set, or left out, or the user is asked.
            expected=Reads(
                classes=_BOTH,
                splits={"train": 9, "test": 4},
                says=(rf"\b{part}\b",),
                otherwise_named=({"cat": 5, "dog": 4},),
                or_unsplit=rf"\b{part}\b",
                or_refused=(rf"\b{part}\b",),
            ),
        )
        for part in ("val", "test", "validation")
    ),
    Case(name="other-names-in-test", build=_other_names_in_test, expected=Refuses(says=("'0'|\\b0\\b", "train"))),
    Case(
        name="data-beside-test",
        build=_data_and_test,
        expected=Reads(
            classes={"0": 4, "1": 4, "2": 4},
            splits=None,
            left_out=5,
            otherwise_named=({"Speed limit (5km/h)": 4, "Speed limit (15km/h)": 4, "Dont Go straight": 4},),
            or_refused=(r"\btest\b",),
        ),
    ),
    *(
        Case(name=f"tables-{name}", build=_tables(train, test, where), expected=_READ)
        for name, train, test, where in (
            ("train_labels", "train_labels.csv", "test_labels.csv", "{split}"),
            ("labels_train", "labels_train.csv", "labels_test.csv", "images"),
            ("in-split-folders", "{split}/labels.csv", "{split}/labels.csv", "{split}/images"),
            ("beside-images", "{split}/labels.csv", "{split}/labels.csv", "{split}"),
            ("in-annotations", "annotations/train.csv", "annotations/test.csv", "images/{split}"),
            ("Train-Test", "Train.csv", "Test.csv", "{split}_images"),
        )
    ),
    Case(
        name="views-of-another-size", build=_views_of_a_size, expected=Asks(says=("--class-level", r"\b1\b", r"\b2\b"))
    ),
)
