"""Folders: classes, splits in all their spellings, what lies beside them, classes within classes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.layouts.cases import Case, Reads, Refuses
from tests.layouts.pictures import classes, images, put, splits, total

INSECTS = {"ant": 6, "bee": 5, "wasp": 4}
TRAIN = {"ant": 8, "bee": 6, "wasp": 5}
VAL = {"ant": 3, "bee": 2, "wasp": 2}
TEST = {"ant": 4, "bee": 3, "wasp": 3}

SPELLINGS: tuple[tuple[str, ...], ...] = (
    ("train", "test"),
    ("Train", "Test"),
    ("TRAIN", "TEST"),
    ("training", "testing"),
    ("training_set", "test_set"),
    ("train_set", "test_set"),
    ("train_data", "test_data"),
    ("train_images", "test_images"),
    ("seg_train", "seg_test"),
    ("animals-train", "animals-test"),
    ("training", "holdout"),
    ("train", "val"),
    ("train", "valid"),
    ("train", "validation"),
    ("train", "dev"),
    ("train", "eval"),
    ("Training", "Validation"),
    ("training_data", "validation_data"),
    ("train", "val", "test"),
    ("train", "valid", "test"),
    ("Train", "Validation", "Test"),
    ("training", "validation", "testing"),
    ("train_set", "val_set", "test_set"),
    ("train", "dev", "holdout"),
    ("train", "eval", "test"),
)
"""Names of train, (val,) test, as they are found."""


def _spelt(names: tuple[str, ...]) -> Case:
    def build(root: Path) -> Path:
        counts = (TRAIN, TEST) if len(names) == 2 else (TRAIN, VAL, TEST)
        return splits(root / "insects", dict(zip(names, counts, strict=True)))

    if len(names) == 2:
        expected = Reads(classes=total(TRAIN, TEST), splits={"train": 19, "test": 10}, left_out=0, says=names)
    else:
        given = {"train": 19, "val": 7, "test": 10}
        expected = Reads(classes=total(TRAIN, VAL, TEST), splits=given, left_out=0, says=names)
    return Case(name=f"folders-{'-'.join(names)}", build=build, expected=expected)


def _wrapped(*wrappers: str) -> Callable[[Path], Path]:
    def build(root: Path) -> Path:
        classes(root.joinpath("photos", *wrappers), INSECTS)
        put(root / "photos" / "README.md", "# Photographs\n")
        return root / "photos"

    return build


def _plain(root: Path) -> Path:
    classes(root / "photos", INSECTS)
    for name in ("README.md", "LICENSE.txt", "CITATION.cff", "dataset.yaml", "checksums.md5"):
        put(root / "photos" / name, f"{name} of the photographs\n")
    return root / "photos"


def _seg(root: Path) -> Path:
    data = root / "intel"
    splits(data, {"seg_train/seg_train": TRAIN, "seg_test/seg_test": TEST}, "{number:05}.jpg")
    images(data / "seg_pred" / "seg_pred", 7, "?", "{number}.jpg")
    return data


def _wrapped_splits(root: Path) -> Path:
    return splits(root / "cats", {"training_set/training_set": TRAIN, "test_set/test_set": TEST})


def _around_splits(root: Path) -> Path:
    splits(root / "d" / "archive" / "dataset", {"train": TRAIN, "valid": VAL, "test": TEST})
    put(root / "d" / "archive" / "license.txt", "CC-BY\n")
    return root / "d"


def _unlabelled_test(root: Path) -> Path:
    splits(root / "d", {"train": TRAIN})
    images(root / "d" / "test", 5, "?", "{number}.jpg")
    return root / "d"


def _unlabelled_beside_val(root: Path) -> Path:
    splits(root / "d", {"train": TRAIN, "val": VAL})
    images(root / "d" / "test", 5, "?", "{number}.jpg")
    return root / "d"


def _unlabelled_class(root: Path) -> Path:
    classes(root / "d", INSECTS)
    images(root / "d" / "unlabeled", 9, "?")
    return root / "d"


def _loose(root: Path) -> Path:
    classes(root / "d", INSECTS)
    images(root / "d", 2, "?", "cover{number}.jpg")
    return root / "d"


def _sample(root: Path) -> Path:
    splits(root / "d", {"train": TRAIN, "val": VAL, "test": TEST, "sample": {"ant": 2, "bee": 2}})
    return root / "d"


def _extra(root: Path) -> Path:
    splits(root / "d", {"train": TRAIN, "test": TEST})
    images(root / "d" / "screenshots", 3, "?")
    put(root / "d" / "models" / "best.h5", b"\x89HDF\r\n\x1a\n")
    put(root / "d" / "notebooks" / "explore.ipynb", "{}")
    return root / "d"


def _train_only(root: Path) -> Path:
    return splits(root / "d", {"train": TRAIN})


def _nested(root: Path) -> Path:
    data = root / "animals"
    classes(data / "cat", {"persian": 3, "siamese": 3})
    images(data / "dog", 5, "dog")
    images(data / "horse" / "heavy" / "percheron", 4, "percheron")
    return data


def _groceries(root: Path) -> Path:
    """The depth of Grocery Store, with its folder of sample pictures, without its lists."""
    for split, count in (("train", 4), ("val", 1), ("test", 3)):
        top = root / "GroceryStoreDataset" / "dataset" / split
        for leaf in ("Fruit/Apple/Golden-Delicious", "Fruit/Apple/Granny-Smith", "Fruit/Avocado"):
            images(top / leaf, count, leaf, Path(leaf).name + "_{number:03}.jpg")
        images(top / "Packages/Milk/Arla-Standard-Milk", count, "milk", "Arla-Standard-Milk_{number:03}.jpg")
        if split != "val":
            images(top / "Vegetables/Carrots", count, "carrot", "Carrots_{number:03}.jpg")
    images(root / "GroceryStoreDataset" / "sample_images" / "natural", 4, "?", "sample{number}.jpg")
    put(root / "GroceryStoreDataset" / "README.md", "# Grocery Store\n")
    return root / "GroceryStoreDataset"


def _absent(split: str) -> Callable[[Path], Path]:
    def build(root: Path) -> Path:
        counts = {"train": dict(TRAIN), "val": dict(VAL), "test": dict(TEST)}
        del counts[split]["wasp"]
        return splits(root / "d", counts)

    return build


_GROCERIES = {"Fruit": 24, "Packages": 8, "Vegetables": 7}
_LEAVES = {"persian": 3, "siamese": 3, "dog": 5, "percheron": 4}

CASES = (
    *(_spelt(names) for names in SPELLINGS),
    Case(name="class-folders", build=_plain, expected=Reads(classes=INSECTS, splits=None, left_out=0), decodes=True),
    Case(name="wrapped-once", build=_wrapped("birds-v2"), expected=Reads(classes=INSECTS, splits=None, left_out=0)),
    Case(name="wrapped-twice", build=_wrapped("a", "b"), expected=Reads(classes=INSECTS, splits=None, left_out=0)),
    Case(
        name="wrapped-in-images",
        build=_wrapped("data", "images"),
        expected=Reads(classes=INSECTS, splits=None, left_out=0),
    ),
    Case(
        name="intel-scenes",
        build=_seg,
        expected=Reads(classes=total(TRAIN, TEST), splits={"train": 19, "test": 10}, left_out=7),
    ),
    Case(
        name="training_set-in-training_set",
        build=_wrapped_splits,
        expected=Reads(classes=total(TRAIN, TEST), splits={"train": 19, "test": 10}, left_out=0),
    ),
    Case(
        name="splits-wrapped-twice",
        build=_around_splits,
        expected=Reads(classes=total(TRAIN, VAL, TEST), splits={"train": 19, "val": 7, "test": 10}, left_out=0),
    ),
    Case(
        name="train-and-unlabelled-test",
        build=_unlabelled_test,
        expected=Reads(classes=TRAIN, splits=None, left_out=5, says=(r"\btest\b",)),
    ),
    Case(
        name="train-val-and-unlabelled-test",
        build=_unlabelled_beside_val,
        expected=Reads(classes=total(TRAIN, VAL), splits={"train": 19, "test": 7}, left_out=5, says=(r"\bval\b",)),
    ),
    Case(
        name="unlabelled-folder-beside-classes",
        build=_unlabelled_class,
        expected=Reads(classes=INSECTS, splits=None, left_out=9, says=("unlabeled",)),
    ),
    Case(name="loose-beside-classes", build=_loose, expected=Reads(classes=INSECTS, splits=None, left_out=2)),
    Case(
        name="sample-beside-splits",
        build=_sample,
        expected=Reads(
            classes=total(TRAIN, VAL, TEST),
            splits={"train": 19, "val": 7, "test": 10},
            left_out=4,
            says=("sample",),
        ),
    ),
    Case(
        name="other-folders-beside-splits",
        build=_extra,
        expected=Reads(classes=total(TRAIN, TEST), splits={"train": 19, "test": 10}, left_out=3, says=("screenshots",)),
    ),
    Case(name="train-only", build=_train_only, expected=Reads(classes=TRAIN, splits=None, left_out=0)),
    Case(
        name="nested-unequally",
        build=_nested,
        expected=Reads(classes={"cat": 6, "dog": 5, "horse": 4}, splits=None, left_out=0, says=("--class-level leaf",)),
    ),
    Case(
        name="nested-unequally-leaf",
        build=_nested,
        expected=Reads(classes=_LEAVES, splits=None, left_out=0),
        options={"class_level": "leaf"},
    ),
    Case(
        name="grocery-store-folders",
        build=_groceries,
        expected=Reads(
            classes=_GROCERIES,
            splits={"train": 20, "val": 4, "test": 15},
            left_out=4,
            says=("--class-level leaf", "sample_images"),
        ),
    ),
    Case(
        name="class-missing-in-val",
        build=_absent("val"),
        expected=Reads(
            classes=total(TRAIN, {"ant": 3, "bee": 2}, TEST),
            splits={"train": 19, "val": 5, "test": 10},
            left_out=0,
            says=("wasp", r"\bval\b"),
        ),
    ),
    Case(
        name="class-missing-in-test",
        build=_absent("test"),
        expected=Reads(
            classes=total(TRAIN, VAL, {"ant": 4, "bee": 3}),
            splits={"train": 19, "val": 7, "test": 7},
            left_out=0,
            says=("wasp", r"\btest\b"),
        ),
    ),
    Case(name="class-missing-in-train", build=_absent("train"), expected=Refuses(says=("wasp", "train"))),
)
