"""The class is in the file name: the pattern that would fit is offered, and nothing is guessed."""

from __future__ import annotations

from pathlib import Path

from tests.layouts.cases import Asks, Case, Reads, Refuses
from tests.layouts.pictures import images, put
from tests.layouts.text_lists import lines


def _market(root: Path) -> Path:
    data = root / "Market-1501-v15.09.15"
    for folder, first in (("bounding_box_train", 2), ("bounding_box_test", 9), ("query", 9)):
        for person in range(first, first + 3):
            images(data / folder, 3, str(person), f"{person:04}_c{{number}}s1_000451_03.jpg", of=folder)
    put(data / "readme.txt", "Market-1501\n")
    return data


def _utk(root: Path) -> Path:
    for age, gender, race in ((26, 0, 1), (26, 1, 0), (61, 0, 3), (1, 1, 2)):
        images(root / "UTKFace", 3, str(age), f"{age}_{gender}_{race}_2017011617474{{number:04}}.jpg.chip.jpg")
    return root / "UTKFace"


def _food11(root: Path) -> Path:
    for split, count in (("training", 5), ("validation", 2), ("evaluation", 2)):
        for label in range(3):
            images(root / "Food-11" / split, count, str(label), f"{label}_{{number}}.jpg", first=0, of=split)
    return root / "Food-11"


def _pets(root: Path) -> Path:
    for label in ("Abyssinian", "american_bulldog", "Egyptian_Mau"):
        images(root / "images", 4, label, label + "_{number}.jpg")
    put(root / "images" / "Abyssinian_34.mat", b"MATLAB 5.0 MAT-file".ljust(128))
    return root / "images"


def _create_ml(root: Path) -> Path:
    """Create ML's labeledFiles: the label is the name up to the first period."""
    for label in ("buffalo", "cheetah"):
        images(root / "Training Data", 5, label, label + ".{number}.jpg")
    return root / "Training Data"


def _darknet(root: Path) -> Path:
    """The labels of labels.txt are looked for in the names; the lists hold another computer's paths."""
    data = root / "cifar"
    labels = ("airplane", "automobile", "frog")
    for split, count in (("train", 4), ("test", 2)):
        names = []
        for number, label in enumerate(labels):
            names += images(data / split, count, label, f"{{number}}_{label}.png", first=10 * number, of=split)
        lines(data / f"{split}.list", (f"/home/pjreddie/darknet/data/cifar/{split}/{name}" for name in sorted(names)))
    lines(data / "labels.txt", labels)
    return data


def _brackets(root: Path) -> Path:
    """As Windows numbers files that are renamed together."""
    for label in ("rust", "leaf spot"):
        images(root / "leaves", 5, label, label + " ({number}).jpg")
    return root / "leaves"


def _cameras(root: Path) -> Path:
    """The beginnings of these names are no classes."""
    for camera in ("IMG", "DSC"):
        images(root / "photos", 5, camera, camera + "_{number:04}.jpg")
    return root / "photos"


def _hashes(root: Path) -> Path:
    images(root / "photos", 8, "?", "{number:032x}.jpg", first=0x5F3A9B1C)
    return root / "photos"


def _unpaired(root: Path) -> Path:
    """As CycleGAN's sets: two kinds of pictures in four folders, which are no train and test of classes below them."""
    for folder, count in (("trainA", 5), ("trainB", 5), ("testA", 2), ("testB", 2)):
        images(root / "horse2zebra" / folder, count, folder[-1], "n02381460_{number}.jpg", of=folder)
    return root / "horse2zebra"


_OFFERED = Asks(says=("--label-regex",))

CASES = (
    Case(name="market-1501", build=_market, expected=_OFFERED),
    Case(name="utkface", build=_utk, expected=_OFFERED),
    Case(name="food-11", build=_food11, expected=_OFFERED),
    Case(
        name="food-11-with-the-pattern",
        build=_food11,
        expected=Reads(classes={"0": 9, "1": 9, "2": 9}, splits={"train": 15, "val": 6, "test": 6}, left_out=0),
        options={"label_regex": r"(\d+)_\d+\.jpg$"},
    ),
    Case(name="pets-images-alone", build=_pets, expected=Asks(says=("--label-regex", "Abyssinian"))),
    Case(
        name="pets-images-with-the-pattern",
        build=_pets,
        expected=Reads(classes={"Abyssinian": 4, "Egyptian_Mau": 4, "american_bulldog": 4}, splits=None, left_out=0),
        options={"label_regex": r"([^/]+)_\d+\.jpg$"},
    ),
    Case(name="create-ml-labeled-files", build=_create_ml, expected=Asks(says=("--label-regex", "buffalo"))),
    Case(name="darknet-cifar", build=_darknet, expected=_OFFERED),
    Case(name="unpaired-pictures", build=_unpaired, expected=Refuses(says=("trainA|class|label",))),
    Case(name="numbers-in-brackets", build=_brackets, expected=Asks(says=("--label-regex", "rust"))),
    Case(
        name="camera-names",
        build=_cameras,
        expected=Refuses(says=(r"(?s)\A(?!.*label-regex.{0,40}(IMG|DSC))", "folder|table|class|label")),
    ),
    Case(name="hashes-for-names", build=_hashes, expected=Refuses(says=("folder|table|class|label",))),
    Case(
        name="label-regex-that-fits-nothing",
        build=_pets,
        expected=Refuses(says=("label-regex", r"\b12\b|Abyssinian|american_bulldog|Egyptian_Mau")),
        options={"label_regex": r"(zebra)\d"},
    ),
)
