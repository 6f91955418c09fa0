"""What annotation tools export for classification, as tables, lists and folders."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.layouts.cases import Case, Reads, Refuses
from tests.layouts.pictures import classes, images, put, splits, total, zipped
from tests.layouts.tables import table
from tests.layouts.text_lists import lines

COUNTS = {"cat": 5, "dog": 4}
PARTS = {"train": {"Daisy": 4, "Rose": 3}, "valid": {"Daisy": 2, "Rose": 1}, "test": {"Daisy": 1, "Rose": 1}}


def exported(folder: Path, pattern: str = "{label}_{number:02}.jpg") -> list[tuple[str, str]]:
    """Images in one folder; (name, class) of each."""
    return [(name, label) for label, count in COUNTS.items() for name in images(folder, count, label, pattern)]


def _roboflow_folders(root: Path) -> Path:
    data = splits(root / "flowers.v1i.folder", PARTS, "{split}{number}_jpg.rf.0a1b2c3d4e5f.jpg")
    put(data / "README.dataset.txt", "# flowers > raw\n")
    put(data / "README.roboflow.txt", "flowers - v1 raw\nIt includes 12 images.\n")
    return data


def _roboflow_one_hot(*, several: bool = False, without: bool = False) -> Callable[[Path], Path]:
    """`_classes.csv` beside the images of each split, with spaces behind its commas."""

    def build(root: Path) -> Path:
        data = root / "flowers.v1i.multiclass"
        for split, counts in PARTS.items():
            rows = ["filename, Daisy, Rose"]
            for label, count in counts.items():
                pattern = split + label + "{number}_jpg.rf.0a1b2c3d4e5f.jpg"
                for name in images(data / split, count, label, pattern):
                    rows.append(f"{name}, {int(label == 'Daisy' or several)}, {int(label == 'Rose')}")
            if without and split == "train":
                rows.append(images(data / split, 1, "?", "nothing_jpg.rf.ffff.jpg")[0] + ", 0, 0")
            lines(data / split / "_classes.csv", rows)
        put(data / "README.roboflow.txt", "flowers - v1 raw\n")
        return data

    return build


def _label_studio_csv(*, with_images: bool) -> Callable[[Path], Path]:
    """Uploaded files have eight letters and a hyphen before their names."""

    def build(root: Path) -> Path:
        rows = exported(root / "images", "a1b2c3d4-{label}_{number}.jpg" if with_images else "{label}_{number}.jpg")
        header = ("image", "id", "choice", "annotator", "annotation_id", "created_at", "updated_at", "lead_time")
        out = []
        for index, (name, label) in enumerate(rows, 1):
            where = f"images/{name}" if with_images else f"/data/upload/3/{index:08x}-{name}"
            date = "2024-05-01T10:00:00.000000Z"
            out.append((where, str(index), label, "1", str(50 + index), date, date, "3.25"))
        return table(root / "project-3-at-2024-05-02-10-11-0a1b2c3d.csv", header, out)

    return build


def _label_studio_several(root: Path) -> Path:
    rows = exported(root / "images")
    out = [(f"images/{n}", str(i), '{"choices": ["cat", "dog"]}', "1") for i, (n, _) in enumerate(rows)]
    return table(root / "project.csv", ("image", "id", "choice", "annotator"), out)


def _via(*, hash_mark: bool = False, regions: bool = False) -> Callable[[Path], Path]:
    """The VGG image annotator: attributes of the file, or of regions in it, as JSON in a cell."""

    def build(root: Path) -> Path:
        header = ["filename", "file_size", "file_attributes", "region_count", "region_id"]
        header += ["region_shape_attributes", "region_attributes"]
        header[0] = "#" * hash_mark + header[0]
        shape = json.dumps({"name": "rect", "x": 1, "y": 1, "width": 4, "height": 4})
        out = []
        for name, label in exported(root / "d"):
            if regions:
                out += [(name, "400", "{}", "2", str(n), shape, json.dumps({"kind": label})) for n in range(2)]
            else:
                out.append((name, "400", json.dumps({"kind": label, "caption": ""}), "0", "0", "{}", "{}"))
        return table(root / "d" / "via_export_csv.csv", header, out).parent

    return build


def _vertex(names: Sequence[str], *, prefix: str = "gs://my-bucket/pets/") -> Callable[[Path], Path]:
    """No header line; what the image is for, its address, its label."""

    def build(root: Path) -> Path:
        rows = exported(root / "d")
        out = [f"{names[i % len(names)]},{prefix}{name},{label}" for i, (name, label) in enumerate(rows)]
        return lines(root / "d" / "import.csv", out).parent

    return build


def _automl_without_uses(root: Path) -> Path:
    rows = exported(root / "d")
    return lines(root / "d" / "all_data.csv", (f"gs://my-bucket/{name},{label}" for name, label in rows)).parent


def _image_net_txt(root: Path) -> Path:
    """Datumaro's imagenet_txt, which CVAT exports as well."""
    data = root / "d"
    lines(data / "synsets.txt", COUNTS)
    for split, first in (("train", 1), ("val", 20)):
        rows = []
        for number, (label, count) in enumerate(COUNTS.items()):
            names = images(data / "images" / label, count, label, "img{number}.jpg", first=first)
            rows += [f"{label}/{name} {number}" for name in names]
        lines(data / f"{split}.txt", rows)
    return data


def _cvat_folders(root: Path) -> Path:
    classes(root / "work", COUNTS, "{label}_{number}.jpg")
    images(root / "work" / "no_label", 2, "?", "frame_{number:06}.jpg")
    return zipped(root / "work", root / "task_7_imagenet.zip")


def _teachable_machine(root: Path) -> Path:
    """A zip for each class, as its samples are downloaded."""
    for number, (label, count) in enumerate(COUNTS.items(), 1):
        images(root / f"w{number}", count, label, "{number}.jpg", first=0)
        put(root / f"w{number}" / "metadata.json", '{"type": "image"}')
        (root / "d").mkdir(exist_ok=True)
        zipped(root / f"w{number}", root / "d" / f"{label}-samples.zip")
    return root / "d"


def _teachable_machine_project(root: Path) -> Path:
    classes(root / "work", COUNTS, "{number}.jpg")
    put(root / "work" / "manifest.json", '{"type": "image", "classes": ["cat", "dog"]}')
    return zipped(root / "work", root / "project.zip")


def _yolo(root: Path) -> Path:
    """A detection set: images and labels in folders of the same splits."""
    data = root / "signs"
    for split, count in (("train", 5), ("val", 2)):
        for name in images(data / "images" / split, count, "sign", "{number:04}.jpg", of=split):
            put(data / "labels" / split / f"{name[:-4]}.txt", "0 0.5 0.5 0.2 0.2\n1 0.1 0.1 0.1 0.1\n")
    put(data / "data.yaml", "train: images/train\nval: images/val\nnc: 2\nnames: [stop, yield]\n")
    return data


def _pascal(root: Path) -> Path:
    data = root / "VOCdevkit" / "VOC2012"
    names = images(data / "JPEGImages", 6, "?", "2008_{number:06}.jpg")
    for name in names:
        objects = "<object><name>dog</name></object><object><name>person</name></object>"
        put(data / "Annotations" / f"{name[:-4]}.xml", f"<annotation>{objects}</annotation>")
    lines(data / "ImageSets" / "Main" / "train.txt", (name[:-4] for name in names))
    lines(data / "ImageSets" / "Main" / "dog_train.txt", (f"{name[:-4]}  1" for name in names))
    return root / "VOCdevkit"


_READ = Reads(classes=COUNTS, splits=None, left_out=0)
_FLOWERS = total(*PARTS.values())
_THREE = {"train": 7, "val": 3, "test": 2}

CASES = (
    Case(
        name="roboflow-folders",
        build=_roboflow_folders,
        expected=Reads(classes=_FLOWERS, splits=_THREE, left_out=0),
    ),
    Case(
        name="roboflow-one-hot",
        build=_roboflow_one_hot(),
        expected=Reads(classes=_FLOWERS, splits=_THREE, left_out=0),
    ),
    Case(
        name="roboflow-one-hot-without-a-label",
        build=_roboflow_one_hot(without=True),
        expected=Reads(classes=_FLOWERS, splits=_THREE, left_out=1),
    ),
    Case(
        name="roboflow-several-labels",
        build=_roboflow_one_hot(several=True),
        expected=Refuses(says=("several|more than one|multi-?label",)),
    ),
    Case(name="label-studio-csv", build=_label_studio_csv(with_images=True), expected=_READ),
    Case(name="label-studio-csv-of-uploads", build=_label_studio_csv(with_images=False), expected=_READ),
    Case(
        name="label-studio-csv-several",
        build=_label_studio_several,
        expected=Refuses(says=("several|more than one|multi-?label",)),
    ),
    Case(name="via-csv", build=_via(), expected=_READ),
    Case(name="via-csv-of-version-1", build=_via(hash_mark=True), expected=_READ),
    Case(
        name="via-csv-regions",
        build=_via(regions=True),
        expected=Reads(classes=COUNTS, splits=None, or_refused=("region|boxes|crop",)),
    ),
    Case(
        name="vertex-csv",
        build=_vertex(("training", "training", "training", "validation", "test")),
        expected=Reads(classes=COUNTS, splits={"train": 6, "val": 2, "test": 1}, left_out=0),
    ),
    Case(
        name="automl-csv",
        build=_vertex(("TRAIN", "TEST", "TRAIN", "VALIDATION")),
        expected=Reads(classes=COUNTS, splits={"train": 5, "val": 2, "test": 2}, left_out=0),
    ),
    Case(name="automl-csv-unassigned", build=_vertex(("UNASSIGNED",)), expected=_READ),
    Case(name="automl-csv-two-columns", build=_automl_without_uses, expected=_READ),
    Case(
        name="datumaro-imagenet-txt",
        build=_image_net_txt,
        expected=Reads(classes={"cat": 10, "dog": 8}, splits={"train": 9, "test": 9}, left_out=0),
    ),
    Case(
        name="cvat-imagenet-zip",
        build=_cvat_folders,
        expected=Reads(classes=COUNTS, splits=None, left_out=2, says=("no_label",)),
        decodes=True,
    ),
    Case(name="teachable-machine-samples", build=_teachable_machine, expected=Refuses(says=(r"-samples\.zip",))),
    Case(name="teachable-machine-project", build=_teachable_machine_project, expected=_READ, decodes=True),
    Case(name="yolo-detection", build=_yolo, expected=Refuses(says=("detection|boxes|classification",))),
    Case(name="pascal-voc", build=_pascal, expected=Refuses(says=("detection|boxes|objects|classification|several",))),
)
