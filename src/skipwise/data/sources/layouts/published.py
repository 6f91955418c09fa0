"""The layout of published data sets that have index files of their own kind."""

from __future__ import annotations

import re
from collections.abc import Callable

from skipwise.core.text import count
from skipwise.data.names import stem
from skipwise.data.options import ReadingOptions
from skipwise.data.sources.labelled import LabelledImage
from skipwise.data.sources.labels import quoted_list
from skipwise.data.sources.place import Place
from skipwise.data.sources.source import Reading
from skipwise.data.sources.table_files.reading import read_tables
from skipwise.data.sources.table_files.table import Table


def recognise(place: Place, options: ReadingOptions) -> Callable[[], Reading] | None:
    """Recognises CUB-200-2011, Oxford Flowers, Oxford-IIIT Pets, and ImageNet as published, by their index files."""
    if not place.names or options != ReadingOptions(skip_unread_formats=options.skip_unread_formats):
        return None
    documents = {name.rpartition("/")[2]: name for name in reversed(place.documents)}
    for index, name, read in (
        (("images.txt", "image_class_labels.txt", "train_test_split.txt"), "CUB-200-2011", _cub),
        (("imagelabels.mat", "setid.mat"), "Oxford Flowers", _flowers),
        (("trainval.txt", "test.txt", "list.txt"), "Oxford-IIIT Pets", _pets),
        (("ILSVRC2012_validation_ground_truth.txt", "meta.mat"), "ImageNet", _imagenet),
    ):
        if all(file in documents for file in index) and (rows := read(place, documents)):
            return lambda rows=rows, name=name, index=index: _reading(place, rows, name, index)  # type: ignore[misc]
    return None


def _reading(place: Place, rows: list[LabelledImage], name: str, index: tuple[str, ...]) -> Reading:
    used = {row.file for row in rows}
    classes = sorted({row.label for row in rows})
    return Reading(
        name=place.name,
        container=place.container,
        rows=rows,
        description=(
            f"{name} by its {' and '.join(index[:2])} ({count(len(rows), 'image')}, {count(len(classes), 'class')}: "
            f"{quoted_list(classes, 3)})"
        ),
        entries=place.pictures,
        left_out=[*(each for each in place.names if each not in used), *place.unread, *place.hidden],
    )


def _tables(place: Place, name: str) -> list[Table]:
    data = place.read(name)
    return [] if data is None else read_tables(name, data)


def _pairs(place: Place, name: str) -> dict[str, str]:
    """A table of two columns as a dictionary."""
    return {row[0]: row[1] for table in _tables(place, name) for row in table.rows if len(row) == 2}


def _cub(place: Place, documents: dict[str, str]) -> list[LabelledImage]:
    """CUB: lists of paths, classes and training images, each by the image's number."""
    paths = _pairs(place, documents["images.txt"])
    labels, training = (_pairs(place, documents[f"{name}.txt"]) for name in ("image_class_labels", "train_test_split"))
    names = _pairs(place, documents["classes.txt"]) if "classes.txt" in documents else {}
    folder = documents["images.txt"].rpartition("/")[0]
    rows = []
    for number, path in paths.items():
        file = place.index.find(path, f"{folder}/images" if folder else "images", prefer="images")
        if file is None or number not in labels:
            return []
        label = labels[number]
        rows.append(LabelledImage(file, names.get(label, label), "train" if training.get(number) == "1" else "test"))
    return rows


def _flowers(place: Place, documents: dict[str, str]) -> list[LabelledImage]:
    """Flowers: a list of labels in order, and the numbers of the images in each split."""
    labels = next(iter(_columns(place, documents["imagelabels.mat"]).values()), [])
    numbers = _columns(place, documents["setid.mat"])
    pictures = {int(digits[0]): name for name in place.names if (digits := re.findall("[0-9]{1,9}", stem(name)))}
    rows = []
    for key, split in (("trnid", "train"), ("valid", "val"), ("tstid", "test")):
        for cell in numbers.get(key, []):
            number = int(cell) if re.fullmatch("[0-9]{1,9}", cell) else 0
            if number not in pictures or not 1 <= number <= len(labels):
                return []
            rows.append(LabelledImage(pictures[number], labels[number - 1], split))
    return rows


def _columns(place: Place, name: str) -> dict[str, list[str]]:
    """The columns of a MATLAB file by name."""
    tables = _tables(place, name)
    return {key: [row[number] for row in table.rows] for table in tables for number, key in enumerate(table.header)}


def _pets(place: Place, documents: dict[str, str]) -> list[LabelledImage]:
    """Pets: lists of name, breed, species and number. The names of images begin with the breed."""
    rows = []
    for file, split in (("trainval.txt", "train"), ("test.txt", "test")):
        for table in _tables(place, documents[file]):
            for row in table.rows:
                name = place.index.find(row[0], prefer="images")
                breed = re.fullmatch(r"(.+)_\d+", row[0])
                if len(row) != 4 or name is None or breed is None:
                    return []
                rows.append(LabelledImage(name, breed[1], split))
    return rows


def _imagenet(place: Place, documents: dict[str, str]) -> list[LabelledImage]:
    """ImageNet: class folders for training, a list of class numbers for validation, and the classes by number."""
    truth = [
        row[0] for table in _tables(place, documents["ILSVRC2012_validation_ground_truth.txt"]) for row in table.rows
    ]
    validation = sorted(name for name in place.names if "ILSVRC2012_val_" in name)
    synsets: dict[str, str] = {}
    for table in _tables(place, documents["meta.mat"]):
        if {"ILSVRC2012_ID", "WNID"} <= set(table.header):
            number, word = table.header.index("ILSVRC2012_ID"), table.header.index("WNID")
            synsets = {row[number]: row[word] for row in table.rows}
    if len(truth) != len(validation) or not set(truth) <= synsets.keys():
        return []
    rows = [LabelledImage(name, synsets[label], "val") for name, label in zip(validation, truth, strict=True)]
    known = set(synsets.values())
    return rows + [
        LabelledImage(name, folder, "train")
        for name in place.names
        if "/" in name and (folder := name.split("/")[-2]) in known
    ]
