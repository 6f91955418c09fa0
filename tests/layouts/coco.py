"""COCO's JSON and what is built on it: iNaturalist, camera traps; and Hugging Face's image folders with metadata."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.layouts.cases import Case, Reads, Refuses
from tests.layouts.pictures import images, put
from tests.layouts.tables import table

NAMES = ("cat", "dog", "bird")


def coco(
    file: Path,
    rows: Sequence[tuple[str, Sequence[int]]],
    *,
    names: Sequence[str] = NAMES,
    boxes: bool = True,
    first: int = 1,
    more: Callable[[int], dict[str, Any]] = lambda _: {},
) -> Path:
    """Writes a COCO file of (image, its categories' numbers); `more` is added to each image's entry."""
    kinds = [{"id": first + number, "name": name, "supercategory": "animal"} for number, name in enumerate(names)]
    listed, made = [], []
    for number, (name, categories) in enumerate(rows, 1):
        listed.append({"id": number, "file_name": name, "width": 24, "height": 24, **more(number)})
        for place, category in enumerate(categories):
            box = {"bbox": [place, 1, 6, 6], "area": 36, "iscrowd": 0, "segmentation": []} if boxes else {}
            made.append({"id": len(made) + 1, "image_id": number, "category_id": first + category, **box})
    about = {"info": {"year": 2024}, "licenses": [], "images": listed, "annotations": made, "categories": kinds}
    return put(file, json.dumps(about))


def _rows(folder: Path, counts: Sequence[int] = (5, 4, 3), *, of: str = "") -> list[tuple[str, list[int]]]:
    rows: list[tuple[str, list[int]]] = []
    for number, count in enumerate(counts):
        pattern = f"{12 * (number + 1):06}{{number:06}}.png"
        rows += [(name, [number]) for name in images(folder, count, NAMES[number], pattern, of=of)]
    return sorted(rows, key=lambda row: hash_of(row[0]))


def hash_of(name: str) -> int:
    """An order that has nothing to do with the classes."""
    return int(name[:12]) * 2654435761 % 4093


def _one_file(root: Path) -> Path:
    data = root / "d"
    return coco(data / "annotations" / "instances.json", _rows(data / "images")).parent.parent


def _no_boxes(root: Path) -> Path:
    return coco(root / "d" / "labels.json", _rows(root / "d" / "data"), boxes=False, first=0)


def _two_of_a_kind(root: Path) -> Path:
    """Several boxes of one category are one label; an image without any has none."""
    rows = [(name, kinds * 2) for name, kinds in _rows(root / "d" / "images")]
    rows += [(name, []) for name in images(root / "d" / "images", 2, "?", "empty{number}.png")]
    return coco(root / "d" / "instances.json", rows).parent


def _splits(root: Path) -> Path:
    """As published: train2017, val2017 and a file for each."""
    data = root / "coco"
    coco(data / "annotations" / "instances_train2017.json", _rows(data / "train2017", of="train"))
    coco(data / "annotations" / "instances_val2017.json", _rows(data / "val2017", (2, 2, 1), of="val"))
    images(data / "test2017", 3, "?", "{number:012}.png")
    return data


def _roboflow(root: Path) -> Path:
    """A file in each split's folder, and a category 0 that stands for all."""
    for split, counts in (("train", (4, 3, 2)), ("valid", (1, 1, 1))):
        rows = [(name, [kinds[0] + 1]) for name, kinds in _rows(root / "d" / split, counts, of=split)]
        coco(root / "d" / split / "_annotations.coco.json", rows, names=("pets", *NAMES), first=0)
    return root / "d"


def _several(root: Path) -> Path:
    rows = [
        (name, [0, 1] if number % 2 else kinds) for number, (name, kinds) in enumerate(_rows(root / "d" / "images"))
    ]
    return coco(root / "d" / "instances.json", rows).parent


def _camera_traps(root: Path) -> Path:
    """iWildCam: the place of the camera and the sequence are in each image's entry."""
    data = root / "iwildcam2020-wilds"
    rows = _rows(data / "train")
    images(data / "test", 3, "?", "test{number}.png")

    def more(number: int) -> dict[str, Any]:
        return {"location": number % 4, "seq_id": f"s{number // 2}", "seq_num_frames": 2, "frame_num": number % 2}

    coco(
        data / "iwildcam2020_train_annotations.json", rows, names=("empty", *NAMES[1:]), boxes=False, first=0, more=more
    )
    put(data / "iwildcam2020_test_information.json", json.dumps({"images": [], "categories": []}))
    return data


def _inaturalist_2018(root: Path) -> Path:
    """Supercategories on top, numbers below; the JSON has the species."""
    data = root / "inat2018"
    tree = (
        ("Aves", "2761", "Buteo lineatus"),
        ("Aves", "2762", "Buteo jamaicensis"),
        ("Plantae", "6021", "Acer rubrum"),
    )
    for split, count in (("train", 4), ("val", 2)):
        rows = []
        for number, (above, folder, _) in enumerate(tree):
            where = f"train_val2018/{above}/{folder}"
            names = images(data / where, count, folder, f"{split}{{number:028x}}.jpg", of=split)
            rows += [(f"{where}/{name}", [number]) for name in names]
        coco(data / f"{split}2018.json", rows, names=[species for _, _, species in tree], boxes=False, first=0)
    images(data / "test2018", 3, "?", "{number:032x}.jpg")
    return data


def _inaturalist_2021(root: Path) -> Path:
    data = root / "inat2021"
    species = ("00000_Animalia_Annelida_Clitellata_Lumbricus_terrestris", "00001_Plantae_Tracheophyta_Acer_rubrum")
    for split, count in (("train_mini", 4), ("val", 2)):
        rows = []
        for number, folder in enumerate(species):
            names = images(data / split / folder, count, folder, f"{{number:08x}}-{split}.jpg", of=split)
            rows += [(f"{split}/{folder}/{name}", [number]) for name in names]
        coco(data / f"{split}.json", rows, names=("Lumbricus terrestris", "Acer rubrum"), boxes=False, first=0)
    return data


def _taxonomy(root: Path) -> Path:
    """The folders of iNaturalist 2018 without the JSON."""
    _inaturalist_2018(root)
    return root / "inat2018" / "train_val2018"


def _metadata(kind: str) -> Callable[[Path], Path]:
    """Hugging Face's image folder: metadata in each split's folder, `file_name` in it."""

    def build(root: Path) -> Path:
        data = root / "d"
        for split, count in (("train", 4), ("test", 2)):
            rows = [
                (n, k)
                for k in ("cat", "dog")
                for n in images(data / split, count, k, f"{k}{{number:04}}.png", of=split)
            ]
            if kind == "csv":
                text = ("A small animal, indoors", "Another one")
                lines = [(name, text[number % 2], label) for number, (name, label) in enumerate(rows)]
                table(data / split / "metadata.csv", ("file_name", "caption", "label"), lines)
            else:
                items = [json.dumps({"file_name": name, "label": label}) for name, label in rows]
                put(data / split / "metadata.jsonl", "\n".join(items))
        put(data / "README.md", "---\nlicense: mit\n---\n")
        return data

    return build


_READ = Reads(classes=dict(zip(NAMES, (5, 4, 3), strict=True)), splits=None, left_out=0)
_PETS = Reads(classes={"cat": 6, "dog": 6}, splits={"train": 8, "test": 4}, left_out=0)
_INAT = Reads(
    classes={"Buteo lineatus": 6, "Buteo jamaicensis": 6, "Acer rubrum": 6}, splits={"train": 12, "test": 6}, left_out=3
)

CASES = (
    Case(name="coco-one-file", build=_one_file, expected=_READ, decodes=True),
    Case(name="coco-without-boxes", build=_no_boxes, expected=_READ),
    Case(
        name="coco-several-of-one-kind",
        build=_two_of_a_kind,
        expected=Reads(classes=_READ.classes, splits=None, left_out=2),
    ),
    Case(
        name="coco-splits",
        build=_splits,
        expected=Reads(classes={"cat": 7, "dog": 6, "bird": 4}, splits={"train": 12, "test": 5}, left_out=3),
    ),
    Case(
        name="coco-roboflow",
        build=_roboflow,
        expected=Reads(classes={"cat": 5, "dog": 4, "bird": 3}, splits={"train": 9, "test": 3}, left_out=0),
    ),
    Case(
        name="coco-several-categories",
        build=_several,
        expected=Refuses(says=("several|more than one", "--crop-boxes")),
    ),
    Case(
        name="coco-cropped",
        build=_several,
        expected=Reads(classes={"cat": 10, "dog": 7, "bird": 1}, splits=None, left_out=0),
        options={"crop_boxes": True},
        decodes=True,
    ),
    Case(
        name="iwildcam",
        build=_camera_traps,
        expected=Reads(classes={"empty": 5, "dog": 4, "bird": 3}, splits=None, left_out=3, group=True),
    ),
    Case(
        name="inaturalist-2018",
        build=_inaturalist_2018,
        expected=Reads(**{**_INAT.__dict__, "otherwise_named": ({"2761": 6, "2762": 6, "6021": 6},)}),
    ),
    Case(
        name="inaturalist-2021",
        build=_inaturalist_2021,
        expected=Reads(
            classes={"Lumbricus terrestris": 6, "Acer rubrum": 6},
            splits={"train": 8, "test": 4},
            left_out=0,
            otherwise_named=(
                {
                    "00000_Animalia_Annelida_Clitellata_Lumbricus_terrestris": 6,
                    "00001_Plantae_Tracheophyta_Acer_rubrum": 6,
                },
            ),
        ),
    ),
    Case(
        name="taxonomy-folders",
        build=_taxonomy,
        expected=Reads(classes={"Aves": 12, "Plantae": 6}, splits=None, left_out=0, says=("--class-level|--group",)),
    ),
    Case(name="imagefolder-metadata-csv", build=_metadata("csv"), expected=_PETS),
    Case(name="imagefolder-metadata-jsonl", build=_metadata("jsonl"), expected=_PETS),
)
