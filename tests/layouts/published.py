"""Well-known sets in folders, as they are unpacked, with everything that lies beside."""

from __future__ import annotations

from pathlib import Path

from tests.layouts.cases import Case, Reads
from tests.layouts.folders import TEST, TRAIN
from tests.layouts.pictures import classes, images, put, splits, total
from tests.layouts.tables import table
from tests.layouts.text_lists import lines


def _cifar_png(root: Path) -> Path:
    data = splits(root / "cifar10", {"train": TRAIN, "test": TEST}, "{number:04}.png")
    lines(data / "labels.txt", TRAIN)
    return data


def _caltech101(root: Path) -> Path:
    data = root / "caltech-101"
    counts = {"BACKGROUND_Google": 5, "Faces_easy": 4, "accordion": 4, "yin_yang": 3}
    classes(data / "101_ObjectCategories", counts, "image_{number:04}.jpg")
    for label, count in counts.items():
        for number in range(1, count + 1):
            put(data / "Annotations" / label / f"annotation_{number:04}.mat", b"MATLAB 5.0 MAT-file".ljust(128))
    put(data / "Annotations" / "show_annotation.m", "function show_annotation\n")
    put(data / "101_ObjectCategories" / "tmp", "x")
    return data


def _caltech256(root: Path) -> Path:
    data = root / "256_ObjectCategories"
    for label, number in (("001.ak47", 1), ("002.american-flag", 2), ("257.clutter", 257)):
        images(data / label, 4, label, f"{number:03}_{{number:04}}.jpg")
    put(data / "056.dog" / "greg" / "vision309" / "notes.txt", "in the published archive\n")
    images(data / "056.dog", 3, "056.dog", "056_{number:04}.jpg")
    return data


def _lfw(root: Path) -> Path:
    """Many classes of one image."""
    people = {"Aaron_Eckhart": 1, "Aaron_Guiel": 1, "Abba_Eban": 1, "George_W_Bush": 9, "Abdullah_Gul": 3}
    for person, count in people.items():
        images(root / "lfw" / person, count, person, person + "_{number:04}.jpg")
    return root / "lfw"


def _lfw_kaggle(root: Path) -> Path:
    """Tables of pairs and of names beside the folders; none lists images with labels."""
    data = root / "lfw-dataset"
    _lfw(root / "x").rename(data.parent / "y")
    (data / "lfw-deepfunneled").mkdir(parents=True)
    (root / "y").rename(data / "lfw-deepfunneled" / "lfw-deepfunneled")
    table(data / "lfw_allnames.csv", ("name", "images"), [("Aaron_Eckhart", "1"), ("George_W_Bush", "9")])
    table(data / "people.csv", ("name", "images"), [("George_W_Bush", "9"), ("Abdullah_Gul", "3")])
    pairs = [("George_W_Bush", "1", "4"), ("Abdullah_Gul", "1", "2")]
    table(data / "matchpairsDevTest.csv", ("name", "imagenum1", "imagenum2"), pairs)
    table(data / "pairs.csv", ("name", "imagenum1", "imagenum2", ""), [(*pair, "") for pair in pairs])
    return data


def _uc_merced(root: Path) -> Path:
    for label in ("agricultural", "airplane", "beach"):
        images(root / "UCMerced_LandUse" / "Images" / label, 4, label, label + "{number:02}.tif", first=0)
    put(root / "UCMerced_LandUse" / "readme.txt", "UC Merced Land Use\n")
    return root / "UCMerced_LandUse"


def _eurosat(root: Path) -> Path:
    for label in ("AnnualCrop", "Forest", "SeaLake"):
        images(root / "EuroSAT" / "2750" / label, 5, label, label + "_{number}.jpg")
    return root / "EuroSAT"


def _eurosat_kaggle(root: Path) -> Path:
    """A table for each split and a map of numbers; the class folders agree with them."""
    data = root / "EuroSAT"
    kinds = ("AnnualCrop", "Forest", "SeaLake")
    rows = []
    for number, label in enumerate(kinds):
        names = images(data / label, 6, label, label + "_{number}.jpg")
        rows += [(f"{label}/{name}", str(number), label) for name in names]
    for name, which in (("train", (0, 1, 2, 3)), ("validation", (4,)), ("test", (5,))):
        some = [row for index, row in enumerate(rows) if index % 6 in which]
        header = ("", "Filename", "Label", "ClassName")
        table(data / f"{name}.csv", header, [(str(index), *row) for index, row in enumerate(some)])
    put(data / "label_map.json", '{"AnnualCrop": 0, "Forest": 1, "SeaLake": 2}')
    return data


def _flower_photos(root: Path) -> Path:
    data = classes(root / "flower_photos", {"daisy": 5, "roses": 5, "tulips": 4}, "{number:010}_a1b2c3.jpg")
    put(data / "LICENSE.txt", "All images are licensed under CC-BY.\n")
    return data


def _fruits(root: Path) -> Path:
    data = root / "fruits-360_dataset" / "fruits-360"
    counts = {"Apple Braeburn": 5, "Cocos": 4, "Plum 3": 4}
    splits(data, {"Training": counts, "Test": dict.fromkeys(counts, 2)}, "{number}_100.jpg")
    images(data / "test-multiple_fruits", 5, "?", "apple_apricot_{number}.jpg")
    put(data / "papers" / "Fruit recognition from images.pdf", b"%PDF-1.5")
    put(data / "LICENSE", "MIT\n")
    put(data / "readme.md", "# Fruits-360\n")
    return root / "fruits-360_dataset"


def _animals10(root: Path) -> Path:
    data = root / "animals10"
    classes(data / "raw-img", {"cane": 5, "cavallo": 4, "elefante": 4}, "OIP-{number:04}.jpeg")
    put(data / "translate.py", 'translate = {"cane": "dog", "cavallo": "horse", "elefante": "elephant"}\n')
    return data


def _asl(root: Path) -> Path:
    data = root / "asl_alphabet"
    for label in ("A", "B", "del", "nothing", "space"):
        folder = data / "asl_alphabet_train" / "asl_alphabet_train" / label
        images(folder, 4, label, label + "{number}.jpg")
        images(data / "asl_alphabet_test" / "asl_alphabet_test", 1, label, label + "_test.jpg")
    return data


def _stanford_cars_folders(root: Path) -> Path:
    """Tables without a header line, which agree with the folders, lie beside."""
    data = root / "stanford-car-dataset"
    kinds = {"AM General Hummer SUV 2000": 5, "Acura RL Sedan 2012": 5, "Ram C-V Cargo Van Minivan 2012": 4}
    splits(data / "car_data" / "car_data", {"train": kinds, "test": dict.fromkeys(kinds, 2)}, "{split}{number:05}.jpg")
    for split in ("train", "test"):
        rows = [
            (path.name, "1", "1", "8", "8", str(1 + list(kinds).index(path.parent.name)))
            for path in sorted((data / "car_data" / "car_data" / split).rglob("*.jpg"))
        ]
        put(data / f"anno_{split}.csv", "".join(",".join(row) + "\n" for row in rows))
    lines(data / "names.csv", kinds)
    return data


def _birds(root: Path) -> Path:
    """Folders for the splits and a table of all images that says the same; a stored network beside."""
    data = root / "100-bird-species"
    counts = {"ABBOTTS BABBLER": 5, "AZURE TIT": 4, "PARADISE TANAGER": 4}
    splits(
        data, {"train": counts, "valid": dict.fromkeys(counts, 1), "test": dict.fromkeys(counts, 1)}, "{number:03}.jpg"
    )
    rows = []
    for path in sorted(data.rglob("*.jpg")):
        label = path.parent.name
        number = str(list(counts).index(label))
        rows.append((number, path.relative_to(data).as_posix(), label, path.parent.parent.name, label.title()))
    table(data / "birds.csv", ("class id", "filepaths", "labels", "data set", "scientific name"), rows)
    put(data / "EfficientNetB0-525-(224 X 224)- 98.97.h5", b"\x89HDF\r\n\x1a\n")
    return data


def _jpeg_images(root: Path) -> Path:
    """Lists of classes, not of images, that are called like splits."""
    data = root / "Animals_with_Attributes2"
    classes(data / "JPEGImages", {"antelope": 4, "bat": 4, "zebra": 4}, "{label}_1{number:04}.jpg")
    lines(data / "classes.txt", ["\t1\tantelope", "\t2\tbat", "\t3\tzebra"])
    lines(data / "trainclasses.txt", ["antelope", "zebra"])
    lines(data / "testclasses.txt", ["bat"])
    put(data / "README-attributes.txt", "Animals with Attributes 2\n")
    return data


_TREES = {"AnnualCrop": 6, "Forest": 6, "SeaLake": 6}

CASES = (
    Case(
        name="cifar10-png",
        build=_cifar_png,
        expected=Reads(classes=total(TRAIN, TEST), splits={"train": 19, "test": 10}, left_out=0),
    ),
    Case(
        name="caltech-101",
        build=_caltech101,
        expected=Reads(
            classes={"BACKGROUND_Google": 5, "Faces_easy": 4, "accordion": 4, "yin_yang": 3}, splits=None, left_out=0
        ),
    ),
    Case(
        name="caltech-256",
        build=_caltech256,
        expected=Reads(
            classes={"001.ak47": 4, "002.american-flag": 4, "056.dog": 3, "257.clutter": 4}, splits=None, left_out=0
        ),
    ),
    Case(
        name="lfw",
        build=_lfw,
        expected=Reads(
            classes={"Aaron_Eckhart": 1, "Aaron_Guiel": 1, "Abba_Eban": 1, "Abdullah_Gul": 3, "George_W_Bush": 9},
            splits=None,
            left_out=0,
        ),
    ),
    Case(
        name="lfw-kaggle",
        build=_lfw_kaggle,
        expected=Reads(
            classes={"Aaron_Eckhart": 1, "Aaron_Guiel": 1, "Abba_Eban": 1, "Abdullah_Gul": 3, "George_W_Bush": 9},
            splits=None,
            left_out=0,
        ),
    ),
    Case(
        name="uc-merced",
        build=_uc_merced,
        expected=Reads(classes=dict.fromkeys(("agricultural", "airplane", "beach"), 4), splits=None, left_out=0),
    ),
    Case(name="eurosat", build=_eurosat, expected=Reads(classes=dict.fromkeys(_TREES, 5), splits=None, left_out=0)),
    Case(
        name="eurosat-kaggle",
        build=_eurosat_kaggle,
        expected=Reads(
            classes=_TREES,
            splits={"train": 12, "val": 3, "test": 3},
            left_out=0,
            otherwise_named=(dict.fromkeys("012", 6),),
        ),
    ),
    Case(
        name="flower-photos",
        build=_flower_photos,
        expected=Reads(classes={"daisy": 5, "roses": 5, "tulips": 4}, splits=None, left_out=0),
    ),
    Case(
        name="fruits-360",
        build=_fruits,
        expected=Reads(
            classes={"Apple Braeburn": 7, "Cocos": 6, "Plum 3": 6}, splits={"train": 13, "test": 6}, left_out=5
        ),
    ),
    Case(
        name="animals-10",
        build=_animals10,
        expected=Reads(classes={"cane": 5, "cavallo": 4, "elefante": 4}, splits=None, left_out=0),
    ),
    Case(
        name="asl-alphabet",
        build=_asl,
        expected=Reads(classes=dict.fromkeys(("A", "B", "del", "nothing", "space"), 4), splits=None, left_out=5),
    ),
    Case(
        name="stanford-cars-folders",
        build=_stanford_cars_folders,
        expected=Reads(
            classes={
                "AM General Hummer SUV 2000": 7,
                "Acura RL Sedan 2012": 7,
                "Ram C-V Cargo Van Minivan 2012": 6,
            },
            splits={"train": 14, "test": 6},
            left_out=0,
        ),
    ),
    Case(
        name="birds-folders-and-table",
        build=_birds,
        expected=Reads(
            classes={"ABBOTTS BABBLER": 7, "AZURE TIT": 6, "PARADISE TANAGER": 6},
            splits={"train": 13, "val": 3, "test": 3},
            left_out=0,
        ),
    ),
    Case(
        name="animals-with-attributes",
        build=_jpeg_images,
        expected=Reads(classes={"antelope": 4, "bat": 4, "zebra": 4}, splits=None, left_out=0),
    ),
)
