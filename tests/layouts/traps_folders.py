"""Folders that tempt to a wrong reading: clutter, hidden folders, spelling, copies of splits, links."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.layouts.cases import Case, Reads, Refuses
from tests.layouts.folders import INSECTS, TEST, TRAIN, VAL
from tests.layouts.levels import named_classes
from tests.layouts.pictures import classes, images, picture, put, splits, total


def _clutter(root: Path) -> Path:
    """What notebooks, macOS, Windows, NAS boxes and version control leave among images."""
    data = classes(root / "d", INSECTS)
    for label in INSECTS:
        put(data / label / ".ipynb_checkpoints" / "001-checkpoint.jpg", picture(label, "001.jpg"))
        put(data / label / "._001.jpg", b"\0\5\26\7\0\2\0\0Mac OS X")
        put(data / label / ".DS_Store", b"\0\0\0\1Bud1")
        put(data / label / "Thumbs.db", b"\xd0\xcf\x11\xe0")
        put(data / label / "desktop.ini", "[.ShellClassInfo]\n")
        put(data / "__MACOSX" / label / "._001.jpg", b"\0\5\26\7\0\2\0\0Mac OS X")
    for folder in (".ipynb_checkpoints", ".git", ".cache", ".Trash-1000", "$RECYCLE.BIN", "@eaDir"):
        images(data / folder, 2, "?", "x{number}.jpg")
    return data


def _hidden_class(root: Path) -> Path:
    return classes(root / "ammunition", {".22lr": 5, ".308 Winchester": 4, "9mm": 5})


def _accents(root: Path) -> Path:
    """The same name in one code point and in two, as macOS writes it."""
    for split, form in (("train", "NFC"), ("test", "NFD")):
        for label in ("café", "thé"):
            images(root / "d" / split / unicodedata.normalize(form, label), 4, label, of=split)
    return root / "d"


def _accents_side_by_side(root: Path) -> Path:
    for form in ("NFC", "NFD"):
        images(root / "d" / unicodedata.normalize(form, "café"), 4, "café", form + "{number}.jpg")
    images(root / "d" / "thé", 4, "thé")
    return root / "d"


def _case_across_splits(root: Path) -> Path:
    return splits(root / "d", {"train": {"Cat": 5, "Dog": 5}, "test": {"cat": 2, "dog": 2}})


def _two_for_one_split(root: Path) -> Path:
    return splits(root / "d", {"train": TRAIN, "val": VAL, "validation": VAL, "test": TEST})


def _originals_beside(root: Path) -> Path:
    """Somebody cut train/ and val/ out of class folders that are still there."""
    data = classes(root / "d", INSECTS)
    for label, count in INSECTS.items():
        for number in range(1, count + 1):
            split = "val" if number % 3 == 0 else "train"
            put(data / split / label / f"{number:03}.jpg", (data / label / f"{number:03}.jpg").read_bytes())
    return data


def _test_in_one_folder(name: str) -> Callable[[Path], Path]:
    """Keras wants a folder in test/, too: whatever it is called, it is no class."""

    def build(root: Path) -> Path:
        splits(root / "d", {"train": TRAIN, "val": VAL})
        images(root / "d" / "test" / name, 5, "?", "{number}.jpg")
        return root / "d"

    return build


def _empty_class(root: Path) -> Path:
    data = classes(root / "d", {"cat": 5, "dog": 5})
    (data / "horse").mkdir()
    return data


def _links(root: Path) -> Path:
    """Splits made of links to images elsewhere, and a class folder that is a link."""
    for label in ("cat", "dog"):
        for name in images(root / "store" / label, 6, label):
            split = "test" if name.endswith(("3.jpg", "6.jpg")) else "train"
            link = root / "d" / split / label / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(root / "store" / label / name)
    images(root / "store" / "cow", 4, "cow")
    (root / "d" / "train" / "cow").symlink_to(root / "store" / "cow")
    return root / "d"


def _loop(root: Path) -> Path:
    data = classes(root / "d", INSECTS)
    (data / "ant" / "again").symlink_to(data)
    return data


def _pet_images(root: Path) -> Path:
    """Microsoft's cats and dogs: two damaged files, and documents beside."""
    data = classes(root / "kagglecatsanddogs_5340" / "PetImages", {"Cat": 6, "Dog": 6}, "{number}.jpg")
    put(data / "Cat" / "666.jpg")
    put(data / "Dog" / "11702.jpg", picture("Dog", "11702.jpg")[:60])
    put(data / "Cat" / "Thumbs.db", b"\xd0\xcf\x11\xe0")
    put(data.parent / "MSR-LA - 3467.docx", b"PK\3\4")
    put(data.parent / "readme[1].txt", "Cats and dogs\n")
    return data.parent


def _other_suffix(root: Path) -> Path:
    """The name says JPEG, the bytes are PNG, as browsers save them; capital letters."""
    for label in ("cat", "dog"):
        for number in range(4):
            put(root / "d" / label / f"{number}.JPG", picture(label, f"{number}.png"))
    return root / "d"


def _no_suffix(root: Path) -> Path:
    for label in ("cat", "dog"):
        for number in range(4):
            put(root / "d" / label / f"{number:08x}", picture(label, f"{number}.jpg"))
    return root / "d"


def _simple(counts: Mapping[str, Mapping[str, int]], *beside: str) -> Callable[[Path], Path]:
    def build(root: Path) -> Path:
        for name in beside:
            put(root / "d" / name, "x\n")
        return splits(root / "d", counts)

    return build


_DIGITS = {str(number): 3 for number in range(10)}
_INSECTS = Reads(classes=INSECTS, splits=None)


CASES = (
    Case(name="clutter", build=_clutter, expected=_INSECTS),
    Case(
        name="hidden-class-folders",
        build=_hidden_class,
        expected=Reads(
            classes={".22lr": 5, ".308 Winchester": 4, "9mm": 5}, splits=None, left_out=0, or_refused=(r"\.22lr",)
        ),
    ),
    Case(
        name="accents-in-two-forms",
        build=_accents,
        expected=Reads(classes={"café": 8, "thé": 8}, splits={"train": 8, "test": 8}, left_out=0),
    ),
    Case(
        name="accents-side-by-side",
        build=_accents_side_by_side,
        expected=Reads(classes={"café": 8, "thé": 4}, splits=None, or_refused=("caf",)),
    ),
    Case(name="class-folders-by-case", build=named_classes("Ant", "ant", "bee"), expected=Refuses(says=("Ant", "ant"))),
    Case(name="class-folders-by-space", build=named_classes(" ant", "ant", "bee"), expected=Refuses(says=("ant",))),
    Case(name="class-folders-by-case-across-splits", build=_case_across_splits, expected=Refuses(says=("cat",))),
    Case(
        name="two-folders-for-one-split",
        build=_two_for_one_split,
        expected=Refuses(says=(r"\bval\b", r"\bvalidation\b")),
    ),
    Case(
        name="originals-beside-splits",
        build=_originals_beside,
        expected=Reads(
            classes=INSECTS, splits={"train": 11, "test": 4}, left_out=15, says=("ant",), or_refused=("ant|class",)
        ),
    ),
    *(
        Case(
            name=f"test-in-one-folder-{name}",
            build=_test_in_one_folder(name),
            expected=Reads(
                classes=total(TRAIN, VAL),
                splits={"train": 19, "test": 7},
                left_out=5,
                says=(r"\btest\b",),
                or_refused=(name,),
            ),
        )
        for name in ("test", "unknown", "images")
    ),
    Case(
        name="empty-class-folder",
        build=_empty_class,
        expected=Reads(classes={"cat": 5, "dog": 5}, splits=None, says=("horse",), or_refused=("horse",)),
    ),
    Case(
        name="links",
        build=_links,
        expected=Reads(
            classes={"cat": 6, "cow": 4, "dog": 6}, splits={"train": 12, "test": 4}, says=("cow",), left_out=0
        ),
    ),
    Case(name="link-to-what-is-around", build=_loop, expected=Reads(classes=INSECTS, splits=None)),
    Case(
        name="pet-images-with-damaged-files",
        build=_pet_images,
        expected=Reads(classes={"Cat": 7, "Dog": 7}, splits=None, left_out=0),
    ),
    Case(
        name="png-called-jpg",
        build=_other_suffix,
        expected=Reads(classes={"cat": 4, "dog": 4}, splits=None, left_out=0),
        decodes=True,
    ),
    Case(
        name="no-suffix",
        build=_no_suffix,
        expected=Reads(classes={"cat": 4, "dog": 4}, splits=None, or_refused=("suffix|extension|ending|no images",)),
    ),
    Case(
        name="cats-and-dogs-filtered",
        build=_simple({"train": {"cats": 5, "dogs": 5}, "validation": {"cats": 2, "dogs": 2}}, "vectorize.py"),
        expected=Reads(classes={"cats": 7, "dogs": 7}, splits={"train": 10, "test": 4}, left_out=0),
    ),
    Case(
        name="mnist-png",
        build=_simple({"training": _DIGITS, "testing": dict.fromkeys(_DIGITS, 1)}),
        expected=Reads(classes=dict.fromkeys(_DIGITS, 4), splits={"train": 30, "test": 10}, left_out=0),
    ),
)
