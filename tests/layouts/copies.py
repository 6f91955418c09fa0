"""The same pictures more than once: copies of the set, views of it, masks, thumbnails, augmented images, domains."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from tests.layouts.cases import Asks, Case, Reads, Refuses
from tests.layouts.folders import INSECTS, TEST, TRAIN
from tests.layouts.pictures import classes, images, picture, put, splits, total

LEAVES = {"Apple___Apple_scab": 5, "Apple___healthy": 4, "Tomato___Leaf_Mold": 4}


def _views(*names: str, same_names: bool = True) -> Callable[[Path], Path]:
    """The names of the published segmented view end otherwise."""

    def build(root: Path) -> Path:
        data = root / "plantvillage dataset"
        for view in names:
            for label, count in LEAVES.items():
                for number in range(count):
                    end = {"segmented": "_final_masked"}.get(view, "") if same_names else f"_{view}"
                    stem = f"{number:03}-FREC_Scab 3335{end}"
                    file = put(data / view / label / f"{stem}.png", picture(label, f"{number}.png"))
                    if view == "grayscale":
                        Image.open(file).convert("L").save(file)
                    elif view == "segmented":
                        array = np.array(Image.open(file))
                        array[:3] = 0
                        Image.fromarray(array).save(file)
        return data

    return build


def _domains(root: Path) -> Path:
    """Different pictures of the same classes; which level the user means can't be known."""
    for domain in ("art_painting", "cartoon", "photo", "sketch"):
        classes(root / "PACS" / domain, {"dog": 3, "elephant": 3, "guitar": 2}, "pic_{number:03}.jpg", of=domain)
    return root / "PACS"


def _office(root: Path) -> Path:
    """As Office-31 is unpacked: a folder `images` in each domain."""
    for domain in ("amazon", "dslr", "webcam"):
        pattern = "frame_{number:04}.jpg"
        classes(root / "office31" / domain / "images", {"back_pack": 3, "bike": 3, "mug": 3}, pattern, of=domain)
    return root / "office31"


def _patients_on_top(root: Path) -> Path:
    """As IDC_regular: a folder for each patient, the classes 0 and 1 in it."""
    for patient in (10253, 10254, 10255, 12748):
        for label in ("0", "1"):
            pattern = f"{patient}_idx5_x1{{number:03}}_y1001_class{label}.png"
            images(root / "IDC_regular_ps50_idx5" / str(patient) / label, 3, label, pattern)
    return root / "IDC_regular_ps50_idx5"


def _domains_with_splits(root: Path) -> Path:
    """The domains hold splits: names of splits decide only within them."""
    for domain in ("clipart", "real"):
        splits(root / "d" / domain, {"train": TRAIN, "test": TEST}, domain + "_{number:03}.jpg")
    return root / "d"


def _masks(root: Path) -> Path:
    """As the ultrasound set BUSI: a mask beside each image."""
    data = root / "Dataset_BUSI_with_GT"
    for label, count in (("benign", 5), ("malignant", 4), ("normal", 4)):
        for number in range(1, count + 1):
            put(data / label / f"{label} ({number}).png", picture(label, f"{number}.png"))
            mask = Image.new("1", (12, 12))
            mask.paste(1, (3, 3, 6 + number, 9))
            mask.save(data / label / f"{label} ({number})_mask.png")
    return data


def _masks_beside_images(root: Path) -> Path:
    """A segmentation set, which has no classes of images."""
    data = root / "segmentation"
    for number in range(8):
        put(data / "images" / f"{number:03}.jpg", picture("scene", f"{number}.jpg"))
        Image.new("L", (12, 12), 255 * (number % 2)).save(put(data / "masks" / f"{number:03}.png"))
    return data


def _masks_below(root: Path) -> Path:
    """As COVID-19 Radiography: images/ and masks/ in each class, a table of the names of each class beside."""
    data = root / "COVID-19_Radiography_Dataset"
    for label in ("COVID", "Normal", "Viral Pneumonia"):
        for number in range(1, 5):
            put(data / label / "images" / f"{label}-{number}.png", picture(label, f"{number}.png"))
            Image.new("L", (12, 12), 255).save(put(data / label / "masks" / f"{label}-{number}.png"))
        put(data / f"{label}.metadata.xlsx", b"PK\3\4")
    put(data / "README.md.txt", "COVID-19 Radiography\n")
    return data


def _thumbnails(root: Path) -> Path:
    data = classes(root / "d", INSECTS)
    for label, count in INSECTS.items():
        for number in range(1, count + 1):
            small = Image.open(data / label / f"{number:03}.jpg").resize((8, 8))
            small.save(put(data / "thumbnails" / label / f"{number:03}.jpg"))
    return data


def _thumbnails_in_classes(root: Path) -> Path:
    data = classes(root / "d", INSECTS)
    for label, count in INSECTS.items():
        for number in range(1, count + 1):
            put(data / label / "@eaDir" / f"{number:03}.jpg" / "SYNOPHOTO_THUMB_S.jpg", picture(label, "thumb.jpg"))
            put(data / label / ".thumbnails" / f"{number:03}.jpg", picture(label, "thumb.jpg"))
    return data


def _augmented(root: Path) -> Path:
    """The same classes once more, mirrored and turned, in a folder of their own."""
    data = splits(root / "d", {"train": TRAIN, "test": TEST})
    for label in TRAIN:
        for file in sorted((data / "train" / label).iterdir()):
            Image.open(file).rotate(90).save(put(data / "train_augmented" / label / f"{file.stem}_rot90.jpg"))
    return data


def _malaria(root: Path) -> Path:
    """The whole set once more in a folder inside itself."""
    data = root / "cell_images"
    counts = {"Parasitized": 5, "Uninfected": 5}
    for folder in (data, data / "cell_images"):
        classes(folder, counts, "C100P61ThinF_IMG_{number:04}_cell_162.png")
        put(folder / "Parasitized" / "Thumbs.db", b"\xd0\xcf\x11\xe0")
    return data


def _rock_paper_scissors(root: Path) -> Path:
    data = classes(root / "rockpaperscissors", {"paper": 5, "rock": 4, "scissors": 5}, "{number:04}aXp7.png")
    classes(data / "rps-cv-images", {"paper": 5, "rock": 4, "scissors": 5}, "{number:04}aXp7.png")
    put(data / "README_rpc-cv-images.txt", "Rock Paper Scissors\n")
    return data


def _chest_xray(root: Path) -> Path:
    """Splits, the same splits once more, and what macOS put beside them."""
    data = root / "chest_xray"
    counts = {"train": {"NORMAL": 5, "PNEUMONIA": 7}, "val": {"NORMAL": 2, "PNEUMONIA": 2}}
    counts["test"] = {"NORMAL": 3, "PNEUMONIA": 4}
    for folder in (data, data / "chest_xray"):
        splits(folder, counts, "IM-{number:04}-0001.jpeg")
        put(folder / "train" / ".DS_Store", b"\0\0\0\1Bud1")
    for split, of_classes in counts.items():
        for label, count in of_classes.items():
            for number in range(1, count + 1):
                name = f"._IM-{number:04}-0001.jpeg"
                put(data / "__MACOSX" / "chest_xray" / split / label / name, b"\0\5\26\7\0\2\0\0Mac OS X")
    return data


_COPIES = {label: 3 * count for label, count in LEAVES.items()}
_VIEWS = ("color", "grayscale", "segmented")
_WHICH = Asks(says=("--class-level", r"\b1\b", r"\b2\b"))
_CHEST = {"train": 12, "val": 4, "test": 7}

CASES = (
    Case(name="plant-village-views", build=_views(*_VIEWS), expected=_WHICH),
    Case(name="views-with-names-of-their-own", build=_views(*_VIEWS, same_names=False), expected=_WHICH),
    Case(name="plant-village-one-view", build=_views("color"), expected=Reads(classes=LEAVES, splits=None, left_out=0)),
    Case(
        name="plant-village-views-level-1",
        build=_views(*_VIEWS),
        expected=Reads(classes=dict.fromkeys(_VIEWS, 13), splits=None, left_out=0),
        options={"class_level": "1"},
    ),
    Case(
        name="plant-village-views-level-2",
        build=_views(*_VIEWS),
        expected=Reads(classes=_COPIES, splits=None, left_out=0),
        options={"class_level": "2"},
    ),
    Case(name="domains", build=_domains, expected=_WHICH),
    Case(name="domains-with-a-folder-images", build=_office, expected=Asks(says=("--class-level",))),
    Case(name="domains-with-splits", build=_domains_with_splits, expected=Asks(says=("--class-level",))),
    Case(name="patients-above-classes", build=_patients_on_top, expected=_WHICH),
    Case(
        name="masks-beside-each-image",
        build=_masks,
        expected=Reads(classes={"benign": 5, "malignant": 4, "normal": 4}, splits=None, left_out=13, says=("mask",)),
    ),
    Case(name="segmentation-set", build=_masks_beside_images, expected=Refuses(says=("mask|segmentation",))),
    Case(
        name="masks-in-each-class",
        build=_masks_below,
        expected=Reads(
            classes={"COVID": 4, "Normal": 4, "Viral Pneumonia": 4}, splits=None, left_out=12, says=("masks",)
        ),
    ),
    Case(
        name="thumbnails-beside-classes",
        build=_thumbnails,
        expected=Reads(classes=INSECTS, splits=None, left_out=15, says=("thumbnails",)),
    ),
    Case(name="thumbnails-in-classes", build=_thumbnails_in_classes, expected=Reads(classes=INSECTS, splits=None)),
    Case(
        name="augmented-beside-splits",
        build=_augmented,
        expected=Reads(
            classes=total(TRAIN, TEST),
            splits={"train": 19, "test": 10},
            left_out=19,
            says=("train_augmented",),
            or_refused=("train_augmented",),
        ),
    ),
    Case(
        name="malaria-with-its-copy",
        build=_malaria,
        expected=Reads(classes={"Parasitized": 5, "Uninfected": 5}, splits=None, left_out=10, says=("cell_images",)),
    ),
    Case(
        name="rock-paper-scissors-with-its-copy",
        build=_rock_paper_scissors,
        expected=Reads(
            classes={"paper": 5, "rock": 4, "scissors": 5}, splits=None, left_out=14, says=("rps-cv-images",)
        ),
    ),
    Case(
        name="chest-xray-with-its-copy",
        build=_chest_xray,
        expected=Reads(classes={"NORMAL": 10, "PNEUMONIA": 13}, splits=_CHEST, left_out=23, says=("chest_xray",)),
    ),
)
