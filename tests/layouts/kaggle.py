"""Competitions and data sets as Kaggle gives them: a table, images by id, and a test part without labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.layouts.cases import Asks, Case, Reads
from tests.layouts.pictures import classes, images, put, total
from tests.layouts.tables import table


def ids(
    folder: Path, counts: Mapping[str, int], pattern: str, *, suffix: str = ".jpg", first: int = 1
) -> list[tuple[str, str]]:
    """Writes images numbered through into one folder; (id, class) of each, the classes mixed."""
    rows, number = [], first
    for label, count in counts.items():
        for name in images(folder, count, label, pattern + suffix, first=number):
            rows.append((name.removesuffix(suffix), label))
        number += count
    return sorted(rows, key=lambda row: hash_of(row[0]))


def hash_of(name: str) -> int:
    """An order that has nothing to do with the classes."""
    return int.from_bytes(name.encode(), "big") * 2654435761 % 2**32


def _id_labels(root: Path) -> Path:
    data = root / "competition"
    table(data / "train.csv", ("id", "label"), ids(data / "train", {"cat": 6, "dog": 5}, "{number:04x}"))
    unlabelled = images(data / "test", 7, "?", "{number:08x}.jpg")
    table(data / "sample_submission.csv", ("id", "label"), [(name[:-4], "cat") for name in unlabelled])
    return data


def _with_test_table(root: Path) -> Path:
    data = root / "aptos2019-blindness-detection"
    rows = ids(data / "train_images", {"0": 6, "1": 3, "2": 4, "4": 2}, "{number:012x}", suffix=".png")
    table(data / "train.csv", ("id_code", "diagnosis"), rows)
    unlabelled = images(data / "test_images", 5, "?", "{number:012x}.png", first=1000)
    table(data / "test.csv", ("id_code",), [(name[:-4],) for name in unlabelled])
    table(data / "sample_submission.csv", ("id_code", "diagnosis"), [(name[:-4], "0") for name in unlabelled])
    return data


def _ham(root: Path) -> Path:
    data = root / "ham10000"
    counts = {"nv": 9, "mel": 5, "bkl": 4}
    half = {label: count // 2 for label, count in counts.items()}
    rest = {label: count - half[label] for label, count in counts.items()}
    rows = ids(data / "HAM10000_images_part_1", half, "ISIC_{number:07}", first=24306)
    rows += ids(data / "HAM10000_images_part_2", rest, "ISIC_{number:07}", first=29306)
    header = ("lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization")
    lines = [
        (f"HAM_{index // 2:07}", image, label, "histo", f"{40 + index % 5 * 5}.0", "male", "back")
        for index, (image, label) in enumerate(sorted(rows, key=lambda row: (row[1], row[0])))
    ]
    table(data / "HAM10000_metadata.csv", header, lines)
    numbered = tuple(f"pixel{index:04}" for index in range(64))
    pixel_rows = [(*(str(index + column) for column in range(64)), "0") for index in range(18)]
    table(data / "hmnist_8_8_L.csv", (*numbered, "label"), pixel_rows)
    return data


def _cats_and_dogs(root: Path) -> Path:
    images(root / "train", 6, "cat", "cat.{number}.jpg", first=0)
    images(root / "train", 6, "dog", "dog.{number}.jpg", first=0)
    return root / "train"


def _cats_dogs_and_test(root: Path) -> Path:
    data = _cats_and_dogs(root / "dogs-vs-cats").parent
    images(data / "test1", 4, "?", "{number}.jpg")
    table(data / "sampleSubmission.csv", ("id", "label"), [(str(number), "0") for number in range(1, 5)])
    return data


def _seedlings(root: Path) -> Path:
    data = root / "plant-seedlings-classification"
    classes(data / "train", {"Black-grass": 5, "Common Chickweed": 6, "Maize": 4}, "{number:09x}.png")
    unlabelled = images(data / "test", 4, "?", "{number:09x}.png")
    table(data / "sample_submission.csv", ("file", "species"), [(name, "Maize") for name in unlabelled])
    return data


def _one_hot_and_text(root: Path) -> Path:
    """A file with a picture for each row, and a note that is no table."""
    data = root / "plant-pathology-2020-fgvc7"
    diseases = ("healthy", "multiple_diseases", "rust", "scab")
    rows = ids(data / "images", dict(zip(diseases, (5, 3, 4, 4), strict=True)), "Train_{number}", first=0)
    lines = [(image, *(str(int(label == disease)) for disease in diseases)) for image, label in rows]
    table(data / "train.csv", ("image_id", *diseases), lines)
    unlabelled = [name[:-4] for name in images(data / "images", 6, "?", "Test_{number}.jpg", first=0)]
    table(data / "test.csv", ("image_id",), [(image,) for image in unlabelled])
    table(data / "sample_submission.csv", ("image_id", *diseases), [(i, *("0.25",) * 4) for i in unlabelled])
    put(data / "notes.txt", "Leaves of apple trees.\n")
    return data


CASES = (
    Case(
        name="kaggle-id-label",
        build=_id_labels,
        expected=Reads(classes={"cat": 6, "dog": 5}, splits=None, left_out=7, says=(r"train\.csv",)),
    ),
    Case(
        name="aptos",
        build=_with_test_table,
        expected=Reads(classes={"0": 6, "1": 3, "2": 4, "4": 2}, splits=None, left_out=5, says=(r"train\.csv",)),
    ),
    Case(
        name="ham10000",
        build=_ham,
        expected=Reads(classes={"nv": 9, "mel": 5, "bkl": 4}, splits=None, left_out=0, says=("lesion_id",), group=True),
        decodes=True,
    ),
    Case(
        name="kaggle-table-alone",
        build=lambda root: _id_labels(root) / "train.csv",
        expected=Reads(classes={"cat": 6, "dog": 5}, splits=None),
    ),
    Case(
        name="ham10000-table-alone",
        build=lambda root: _ham(root) / "HAM10000_metadata.csv",
        expected=Reads(classes={"nv": 9, "mel": 5, "bkl": 4}, splits=None, says=("lesion_id",), group=True),
    ),
    Case(
        name="ham10000-by-lesion",
        build=_ham,
        expected=Reads(classes={"nv": 9, "mel": 5, "bkl": 4}, splits=None, left_out=0, groups=9),
        options={"group": "lesion_id"},
    ),
    Case(name="dogs-vs-cats-flat", build=_cats_and_dogs, expected=Asks(says=("--label-regex", "cat", "dog"))),
    Case(
        name="dogs-vs-cats-with-the-pattern",
        build=_cats_and_dogs,
        expected=Reads(classes={"cat": 6, "dog": 6}, splits=None, left_out=0),
        options={"label_regex": r"(cat|dog)\.\d+"},
    ),
    Case(name="dogs-vs-cats-with-test1", build=_cats_dogs_and_test, expected=Asks(says=("--label-regex",))),
    Case(
        name="plant-seedlings",
        build=_seedlings,
        expected=Reads(classes={"Black-grass": 5, "Common Chickweed": 6, "Maize": 4}, splits=None, left_out=4),
    ),
    Case(
        name="plant-pathology-2020",
        build=_one_hot_and_text,
        expected=Reads(
            classes=total({"healthy": 5, "multiple_diseases": 3, "rust": 4, "scab": 4}), splits=None, left_out=6
        ),
    ),
)
