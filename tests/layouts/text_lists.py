"""Sets whose labels or splits are in text files beside the images."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.layouts.cases import Asks, Case, Reads
from tests.layouts.pictures import classes, images, put

COUNTS = {"001.Black_footed_Albatross": 6, "002.Laysan_Albatross": 5, "003.Sooty_Albatross": 4}


def lines(file: Path, rows: Iterable[str]) -> Path:
    """Writes a text file, a row a line."""
    return put(file, "".join(f"{row}\n" for row in rows))


def halves(names: list[str]) -> tuple[list[str], list[str]]:
    """Two of three, and the third."""
    return [n for i, n in enumerate(names) if i % 3 != 2], names[2::3]


def _cub(root: Path) -> Path:
    data = root / "CUB_200_2011"
    names = []
    for label, count in COUNTS.items():
        pattern = label.partition(".")[2] + "_{number:04}.jpg"
        names += [f"{label}/{name}" for name in images(data / "images" / label, count, label, pattern)]
    numbers = {label: number for number, label in enumerate(COUNTS, 1)}
    lines(data / "images.txt", (f"{n} {name}" for n, name in enumerate(names, 1)))
    lines(data / "image_class_labels.txt", (f"{n} {numbers[x.partition('/')[0]]}" for n, x in enumerate(names, 1)))
    lines(data / "classes.txt", (f"{number} {label}" for label, number in numbers.items()))
    lines(data / "train_test_split.txt", (f"{n} {int(n % 3 != 0)}" for n, _ in enumerate(names, 1)))
    lines(data / "bounding_boxes.txt", (f"{n} 1.0 1.0 6.0 6.0" for n, _ in enumerate(names, 1)))
    lines(data / "parts" / "parts.txt", ["1 back", "2 beak"])
    lines(data / "attributes" / "image_attribute_labels.txt", ["1 1 0 3 27.708", "1 2 1 3 27.708"])
    put(data / "README", "The Caltech-UCSD Birds-200-2011 Dataset\n")
    return data


def _cub_and_masks(root: Path) -> Path:
    """As downloaded: attributes.txt beside the folder, and the masks in a folder of the same classes."""
    _cub(root / "cub")
    for label, count in COUNTS.items():
        species = label.partition(".")[2]
        images(root / "cub" / "segmentations" / label, count, label, species + "_{number:04}.png")
    lines(root / "cub" / "attributes.txt", ["1 has_bill_shape::curved_(up_or_down)"])
    return root / "cub"


def _food(root: Path) -> Path:
    data = root / "food-101"
    counts = {"apple_pie": 6, "baby_back_ribs": 6, "waffles": 3}
    stems = []
    for label, count in counts.items():
        named = images(data / "images" / label, count, label, "{number}.jpg", first=1005649)
        stems += [f"{label}/{name[:-4]}" for name in named]
    train, test = halves(stems)
    lines(data / "meta" / "train.txt", train)
    lines(data / "meta" / "test.txt", test)
    lines(data / "meta" / "classes.txt", counts)
    lines(data / "meta" / "labels.txt", ["Apple pie", "Baby back ribs", "Waffles"])
    put(data / "meta" / "train.json", "{}")
    put(data / "meta" / "test.json", "{}")
    put(data / "README.txt", "The Food-101 Data Set\n")
    put(data / "license_agreement.txt", "The images are property of Foodspotting.\n")
    return data


def _dtd(root: Path) -> Path:
    """Ten splits of the same images; the first is the one that is reported."""
    data = root / "dtd"
    names = []
    for label in ("banded", "blotchy"):
        stems = images(data / "images" / label, 6, label, label + "_{number:04}.jpg", first=2)
        names += [f"{label}/{name}" for name in stems]
    for split in range(1, 11):
        for part, name in enumerate(("train", "val", "test")):
            lines(data / "labels" / f"{name}{split}.txt", names[(part + split) % 3 :: 3])
    lines(data / "labels" / "labels_joint_anno.txt", (f"{name} {name.partition('/')[0]} grid" for name in names))
    put(data / "imdb" / "imdb.mat", b"MATLAB 5.0 MAT-file".ljust(128))
    return data


def _aircraft(root: Path) -> Path:
    """One list for each of three labellings."""
    data = root / "fgvc-aircraft-2013b" / "data"
    kinds = {
        "707-320": ("Boeing 707", "Boeing"),
        "737-200": ("Boeing 737", "Boeing"),
        "737-300": ("Boeing 737", "Boeing"),
        "A310": ("A310", "Airbus"),
    }
    rows = []
    for number, (variant, (family, maker)) in enumerate(kinds.items()):
        stems = images(data / "images", 6, variant, "{number:07}.jpg", first=34309 + 100 * number)
        rows += [(name[:-4], {"variant": variant, "family": family, "manufacturer": maker}) for name in stems]
    for labelling in ("variant", "family", "manufacturer"):
        for part, split in enumerate(("train", "val", "test")):
            some = rows[part::3]
            lines(data / f"images_{labelling}_{split}.txt", (f"{stem} {labels[labelling]}" for stem, labels in some))
        both = [row for number, row in enumerate(rows) if number % 3 != 2]
        lines(data / f"images_{labelling}_trainval.txt", (f"{stem} {labels[labelling]}" for stem, labels in both))
    lines(data / "images_box.txt", (f"{stem} 1 1 8 8" for stem, _ in rows))
    lines(data / "variants.txt", kinds)
    lines(data / "families.txt", ["A310", "Boeing 707", "Boeing 737"])
    lines(data / "manufacturers.txt", ["Airbus", "Boeing"])
    return data.parent


def _rvl(root: Path) -> Path:
    data = root / "rvl-cdip"
    rows = []
    for number in range(18):
        letter, hexed = "abcdef"[number % 6], f"{number:03}e31d00"
        where = f"images{letter}/{letter}/{'abc'[number % 3]}/{'xyz'[number % 3]}/{letter}{hexed}"
        name = images(data / "images" / where, 1, str(number % 3), "503210033+-0034.tif")[0]
        rows.append(f"{where}/{name} {number % 3}")
    for part, split in enumerate(("train", "train", "train", "val", "test", "test")):
        with (data / f"{split}.part").open("a") as file:
            file.writelines(f"{row}\n" for row in rows[part * 3 : part * 3 + 3])
    (data / "labels").mkdir()
    for split in ("train", "val", "test"):
        (data / f"{split}.part").rename(data / "labels" / f"{split}.txt")
    put(data / "readme.txt", "The RVL-CDIP dataset\n")
    return data


def _places_lists(root: Path) -> Path:
    """Class folders below a folder for each letter; val flat; numbers in lists."""
    data = root / "places365"
    kinds = ("/a/airfield", "/a/alley", "/b/bedroom", "/a/apartment_building/outdoor")
    trained, validated, number = [], [], 0
    for index, kind in enumerate(kinds):
        names = images(data / f"data_large_standard{kind}", 4, kind, "{number:08}.jpg")
        trained += [f"{kind}/{name} {index}" for name in names]
        for _ in range(2):
            number += 1
            name = images(data / "val_large", 1, kind, "Places365_val_{number:08}.jpg", first=number)[0]
            validated.append(f"{name} {index}")
    lines(data / "filelist" / "places365_train_standard.txt", trained)
    lines(data / "filelist" / "places365_val.txt", validated)
    lines(data / "filelist" / "categories_places365.txt", (f"{kind} {index}" for index, kind in enumerate(kinds)))
    return data


def _places_folders(root: Path) -> Path:
    data = root / "places365_standard"
    counts = {"airfield": 4, "alley": 4, "bedroom": 4}
    classes(data / "train", counts, "{number:08}.jpg")
    classes(data / "val", counts, "{number:08}.jpg", first=100)
    for split in ("train", "val"):
        lines(data / f"{split}.txt", sorted(p.relative_to(data).as_posix() for p in (data / split).rglob("*.jpg")))
    return data


def _indoor(root: Path) -> Path:
    data = root / "indoorCVPR_09"
    counts = {"airport_inside": 6, "kitchen": 6, "winecellar": 3}
    names = []
    for label, count in counts.items():
        names += [f"{label}/{n}" for n in images(data / "Images" / label, count, label, label[:3] + "_{number}.jpg")]
    train, test = halves(names)
    lines(data / "TrainImages.txt", train)
    lines(data / "TestImages.txt", test)
    return data


def _sun(root: Path) -> Path:
    """Two levels, in some classes three, and the first of them a letter."""
    data = root / "SUN397"
    kinds = ("/a/abbey", "/a/apartment_building/outdoor", "/k/kitchen")
    names = []
    for kind in kinds:
        pattern = "sun_" + kind[3:6] + "{number:017x}.jpg"
        names += [f"{kind}/{name}" for name in images(data / kind[1:], 4, kind, pattern)]
    lines(data / "ClassName.txt", kinds)
    for split in range(1, 11):
        lines(data / f"Training_{split:02}.txt", names[split % 2 :: 2])
        lines(data / f"Testing_{split:02}.txt", names[(split + 1) % 2 :: 2])
    return data


def _garbage(root: Path) -> Path:
    data = root / "garbage-classification"
    kinds = ("glass", "paper", "cardboard", "plastic", "metal", "trash")
    rows = []
    for number, kind in enumerate(kinds, 1):
        folder = data / "Garbage classification" / "Garbage classification" / kind
        rows += [(name, number) for name in images(folder, 4, kind, kind + "{number}.jpg")]
    lines(data / "one-indexed-files.txt", (f"{name} {number}" for name, number in rows))
    lines(data / "zero-indexed-files.txt", (f"{name} {number - 1}" for name, number in rows))
    for split, which in (("train", (0, 1)), ("val", (2,)), ("test", (3,))):
        some = [f"{name} {number}" for index, (name, number) in enumerate(rows) if index % 4 in which]
        lines(data / f"one-indexed-files-notrash_{split}.txt", some)
    return data


_CUB = Reads(
    classes=COUNTS,
    splits={"train": 10, "test": 5},
    left_out=0,
    otherwise_named=({name.partition(".")[2]: count for name, count in COUNTS.items()},),
)
_SUN = {"/a/abbey": 4, "/a/apartment_building/outdoor": 4, "/k/kitchen": 4}
_PLACES = {"/a/airfield": 6, "/a/alley": 6, "/b/bedroom": 6, "/a/apartment_building/outdoor": 6}

CASES = (
    Case(name="cub-200-2011", build=_cub, expected=_CUB),
    Case(
        name="cub-200-2011-with-segmentations",
        build=_cub_and_masks,
        expected=Reads(**{**_CUB.__dict__, "left_out": 15, "says": ("segmentations",)}),
    ),
    Case(
        name="food-101",
        build=_food,
        expected=Reads(
            classes={"apple_pie": 6, "baby_back_ribs": 6, "waffles": 3},
            splits={"train": 10, "test": 5},
            left_out=0,
            otherwise_named=({"Apple pie": 6, "Baby back ribs": 6, "Waffles": 3},),
        ),
    ),
    Case(
        name="dtd",
        build=_dtd,
        expected=Reads(
            classes={"banded": 6, "blotchy": 6},
            splits={"train": 4, "val": 4, "test": 4},
            left_out=0,
            or_unsplit="labels/|train1|splits?",
        ),
    ),
    Case(name="fgvc-aircraft", build=_aircraft, expected=Asks(says=("variant", "famil", "manufacturer"))),
    Case(
        name="rvl-cdip",
        build=_rvl,
        expected=Reads(classes={"0": 6, "1": 6, "2": 6}, splits={"train": 9, "val": 3, "test": 6}, left_out=0),
    ),
    Case(
        name="places365-lists",
        build=_places_lists,
        expected=Reads(
            classes=_PLACES,
            splits={"train": 16, "test": 8},
            left_out=0,
            otherwise_named=(
                dict(zip("0123", _PLACES.values(), strict=True)),
                {name[3:]: count for name, count in _PLACES.items()},
                {name[1:]: count for name, count in _PLACES.items()},
            ),
        ),
    ),
    Case(
        name="places365-standard",
        build=_places_folders,
        expected=Reads(classes={"airfield": 8, "alley": 8, "bedroom": 8}, splits={"train": 12, "test": 12}, left_out=0),
    ),
    Case(
        name="indoor67",
        build=_indoor,
        expected=Reads(
            classes={"airport_inside": 6, "kitchen": 6, "winecellar": 3}, splits={"train": 10, "test": 5}, left_out=0
        ),
    ),
    Case(
        name="sun397",
        build=_sun,
        expected=Reads(
            classes=_SUN,
            splits={"train": 6, "test": 6},
            left_out=0,
            otherwise_named=(
                {name[1:]: count for name, count in _SUN.items()},
                {name[3:]: count for name, count in _SUN.items()},
            ),
            or_unsplit="Training_01|splits?",
            or_refused=("--class-level",),
        ),
    ),
    Case(
        name="garbage-classification",
        build=_garbage,
        expected=Reads(
            classes=dict.fromkeys(("cardboard", "glass", "metal", "paper", "plastic", "trash"), 4),
            splits={"train": 12, "val": 6, "test": 6},
            left_out=0,
            or_unsplit=r"one-indexed|\.txt",
        ),
    ),
)
