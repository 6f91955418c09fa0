"""ImageNet in the forms in which it is handed on, and what is made from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy.io import savemat

from tests.layouts.cases import Case, Reads
from tests.layouts.pictures import classes, images, picture, put, splits, total
from tests.layouts.tables import table

WORDS = {
    "n01440764": "tench, Tinca tinca",
    "n01443537": "goldfish, Carassius auratus",
    "n02102040": "English springer, English springer spaniel",
}
TRAIN = dict(zip(WORDS, (6, 5, 4), strict=True))
VAL = dict(zip(WORDS, (3, 2, 2), strict=True))


def _named(counts: Mapping[str, int]) -> dict[str, int]:
    """The same classes by their words."""
    return {WORDS[wnid]: count for wnid, count in counts.items()}


def _train(folder: Path) -> Path:
    for wnid, count in TRAIN.items():
        images(folder / wnid, count, wnid, f"{wnid}_{{number}}.JPEG", first=26)
    return folder


def _val(folder: Path, pattern: str) -> list[tuple[str, str]]:
    """Numbered images in one folder, the classes mixed; (name, wnid) of each."""
    wnids = [wnid for number in range(3) for wnid, count in VAL.items() if number < count]
    rows = [(pattern.format(number=number), wnid) for number, wnid in enumerate(wnids, 1)]
    for name, wnid in rows:
        put(folder / name, picture(wnid, name))
    return rows


def _mapping(file: Path) -> None:
    put(file, "".join(f"{wnid} {words}\n" for wnid, words in WORDS.items()))


def _both_folders(root: Path) -> Path:
    data = splits(root / "imagenet", {"val": VAL}, "ILSVRC2012_val_{number:08}.JPEG")
    _train(data / "train")
    return data


def _kaggle(root: Path) -> Path:
    data = root / "imagenet-object-localization-challenge"
    inner = data / "ILSVRC" / "Data" / "CLS-LOC"
    _train(inner / "train")
    rows = _val(inner / "val", "ILSVRC2012_val_{number:08}.JPEG")
    unlabelled = images(inner / "test", 4, "?", "ILSVRC2012_test_{number:08}.JPEG")
    _mapping(data / "LOC_synset_mapping.txt")
    box = "{} 1 1 8 8 "
    table(
        data / "LOC_val_solution.csv",
        ("ImageId", "PredictionString"),
        [(name[:-5], box.format(wnid)) for name, wnid in rows],
    )
    trained = [(path.stem, path.parent.name) for path in sorted((inner / "train").rglob("*.JPEG"))]
    table(
        data / "LOC_train_solution.csv",
        ("ImageId", "PredictionString"),
        [(stem, box.format(wnid)) for stem, wnid in trained],
    )
    table(
        data / "LOC_sample_submission.csv",
        ("ImageId", "PredictionString"),
        [(name[:-5], box.format("n01440764")) for name in unlabelled],
    )
    sets = data / "ILSVRC" / "ImageSets" / "CLS-LOC"
    put(sets / "train_cls.txt", "".join(f"{w}/{stem} {n}\n" for n, (stem, w) in enumerate(trained, 1)))
    put(sets / "val.txt", "".join(f"{name[:-5]} {n}\n" for n, (name, _) in enumerate(rows, 1)))
    put(sets / "test.txt", "".join(f"{name[:-5]} {n}\n" for n, name in enumerate(unlabelled, 1)))
    for stem, wnid in trained:
        put(data / "ILSVRC" / "Annotations" / "CLS-LOC" / "train" / wnid / f"{stem}.xml", "<annotation/>")
    return data


def _devkit(root: Path) -> Path:
    """The numbers of the ground truth are those of meta.mat, in another order than that of the folders."""
    data = root / "imagenet"
    _train(data / "train")
    rows = _val(data / "val", "ILSVRC2012_val_{number:08}.JPEG")
    order = ("n02102040", "n01440764", "n01443537")
    kit = data / "ILSVRC2012_devkit_t12"
    fields = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("gloss", "O"), ("num_children", "O")]
    synsets = np.array([[(n, w, WORDS[w], "a fish or a dog", 0)] for n, w in enumerate(order, 1)], dtype=fields)
    (kit / "data").mkdir(parents=True)
    savemat(kit / "data" / "meta.mat", {"synsets": synsets})
    put(
        kit / "data" / "ILSVRC2012_validation_ground_truth.txt",
        "".join(f"{order.index(wnid) + 1}\n" for _, wnid in rows),
    )
    put(kit / "readme.txt", "ImageNet Large Scale Visual Recognition Challenge 2012\n")
    return data


def _meta_lists(root: Path) -> Path:
    """As Caffe and OpenMMLab keep it: numbers in lists beside, folders only for training."""
    data = root / "imagenet"
    _train(data / "train")
    rows = _val(data / "val", "ILSVRC2012_val_{number:08}.JPEG")
    numbers = {wnid: number for number, wnid in enumerate(WORDS)}
    trained = [(path.name, path.parent.name) for path in sorted((data / "train").rglob("*.JPEG"))]
    put(data / "meta" / "train.txt", "".join(f"{w}/{name} {numbers[w]}\n" for name, w in trained))
    put(data / "meta" / "val.txt", "".join(f"{name} {numbers[w]}\n" for name, w in rows))
    _mapping(data / "meta" / "synset_words.txt")
    return data


def _tiny(root: Path) -> Path:
    data = root / "tiny-imagenet-200"
    for wnid, count in TRAIN.items():
        names = images(data / "train" / wnid / "images", count, wnid, f"{wnid}_{{number}}.JPEG", first=0)
        put(data / "train" / wnid / f"{wnid}_boxes.txt", "".join(f"{name}\t0\t0\t62\t62\n" for name in names))
    rows = _val(data / "val" / "images", "val_{number}.JPEG")
    put(data / "val" / "val_annotations.txt", "".join(f"{name}\t{wnid}\t0\t32\t44\t62\n" for name, wnid in rows))
    images(data / "test" / "images", 5, "?", "test_{number}.JPEG", first=0)
    put(data / "wnids.txt", "".join(f"{wnid}\n" for wnid in reversed(WORDS)))
    more = {**WORDS, "n00001740": "entity", "n00001930": "physical entity"}
    put(data / "words.txt", "".join(f"{wnid}\t{words}\n" for wnid, words in more.items()))
    return data


def _imagenette(root: Path) -> Path:
    """Its table has five columns of labels, four of them false."""
    data = root / "imagenette2-160"
    _train(data / "train")
    splits(data, {"val": VAL}, "ILSVRC2012_val_{number:08}.JPEG")
    wnids = list(WORDS)
    lines = []
    for path in sorted(data.rglob("*.JPEG")):
        wnid, split = path.parent.name, path.parent.parent.name
        noisy = wnids[(wnids.index(wnid) + len(lines) % 2) % 3]
        name = path.relative_to(data).as_posix()
        lines.append((name, wnid, wnid, wnid, noisy, noisy, str(split == "val")))
    header = ("path", *(f"noisy_labels_{share}" for share in (0, 1, 5, 25, 50)), "is_valid")
    table(data / "noisy_imagenette.csv", header, lines)
    put(data / ".DS_Store", b"\0\0\0\1Bud1")
    return data


def _ultralytics(root: Path) -> Path:
    """As `yolo classify train data=...` wants it, with what it leaves behind."""
    data = splits(root / "insects", {"train": TRAIN, "val": VAL, "test": VAL}, "{split}{number}.jpg")
    put(data / "train.cache", b"\x80\x04\x95")
    put(data / "val.cache", b"\x80\x04\x95")
    return data


def _fastai(root: Path) -> Path:
    data = root / "food"
    classes(data / "train", TRAIN)
    classes(data / "valid", VAL, first=50)
    images(data / "test", 3, "?", first=90)
    put(data / "models" / "stage-1.pth", b"PK\3\4")
    return data


_ALL = total(TRAIN, VAL)
_READ = Reads(classes=_ALL, splits={"train": 15, "test": 7}, left_out=0, otherwise_named=(_named(_ALL),))
_NUMBERS = dict(zip("012", _ALL.values(), strict=True))

CASES = (
    Case(name="imagenet-folders", build=_both_folders, expected=_READ),
    Case(
        name="imagenet-kaggle",
        build=_kaggle,
        expected=Reads(
            classes=_ALL,
            splits={"train": 15, "test": 7},
            left_out=4,
            otherwise_named=(_named(_ALL),),
            says=(r"\bval\b",),
        ),
    ),
    Case(
        name="imagenet-devkit",
        build=_devkit,
        expected=Reads(
            classes=_ALL,
            splits={"train": 15, "test": 7},
            left_out=0,
            otherwise_named=(_named(_ALL),),
            or_refused=(r"\bval\b",),
        ),
    ),
    Case(
        name="imagenet-meta-lists",
        build=_meta_lists,
        expected=Reads(
            classes=_ALL, splits={"train": 15, "test": 7}, left_out=0, otherwise_named=(_named(_ALL), _NUMBERS)
        ),
    ),
    Case(
        name="tiny-imagenet",
        build=_tiny,
        expected=Reads(
            classes=_ALL,
            splits={"train": 15, "test": 7},
            left_out=5,
            otherwise_named=(_named(_ALL),),
            says=(r"\bval\b",),
        ),
        decodes=True,
    ),
    Case(name="imagenette", build=_imagenette, expected=_READ),
    Case(
        name="ultralytics-classify",
        build=_ultralytics,
        expected=Reads(classes=total(TRAIN, VAL, VAL), splits={"train": 15, "val": 7, "test": 7}, left_out=0),
    ),
    Case(name="fastai", build=_fastai, expected=Reads(classes=_ALL, splits={"train": 15, "test": 7}, left_out=3)),
)
