"""Which level of folders is the class: names of splits that are classes, patients and cameras, folds and dates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.layouts.cases import Asks, Case, Reads
from tests.layouts.pictures import classes, images, put, splits


def named_classes(*names: str, count: int = 5) -> Callable[[Path], Path]:
    """Class folders of these names, with images in them."""
    return lambda root: classes(root / "d", dict.fromkeys(names, count))


def _class_called_train(root: Path) -> Path:
    vehicles = {"bus": 5, "car": 4, "train": 5}
    return splits(root / "vehicles", {"train": vehicles, "test": dict.fromkeys(vehicles, 2)})


def _below(pattern: str, *, shared: bool) -> Callable[[Path], Path]:
    """Classes, and in each a folder for each patient, subject, camera ...; the same ones in each class or others."""

    def build(root: Path) -> Path:
        for place, label in enumerate(("benign", "malignant")):
            for number in range(1, 4):
                folder = pattern.format(number if shared else number + 10 * place)
                images(root / "d" / label / folder, 3, label, f"{label[0]}{number}{{number:03}}.png", of=folder)
        return root / "d"

    return build


def _below_splits(root: Path) -> Path:
    for split, first in (("train", 1), ("test", 7)):
        for label in ("benign", "malignant"):
            for number in range(first, first + 2):
                folder = root / "d" / split / label / f"patient_{number:03}"
                images(folder, 3, label, f"{number:03}_{label}_{{number}}.png")
    return root / "d"


def _on_top(*folders: str) -> Callable[[Path], Path]:
    """Folds, dates or batches above classes: the files differ, and nothing says which level is meant."""

    def build(root: Path) -> Path:
        for folder in folders:
            classes(root / "d" / folder, {"ok": 4, "defect": 3}, folder + "_{number:03}.jpg", of=folder)
        return root / "d"

    return build


def _breakhis(root: Path) -> Path:
    """Classes below two wrappers; kind of tumour, patient and magnification below them."""
    top = root / "BreaKHis_v1" / "BreaKHis_v1" / "histology_slides" / "breast"
    for label, kinds in (("benign", ("adenosis", "fibroadenoma")), ("malignant", ("ductal_carcinoma", "lobular"))):
        for kind in kinds:
            for zoom in ("40X", "100X"):
                patient = f"SOB_{label[0].upper()}_{kind[0].upper()}_14-22549AB"
                images(top / label / "SOB" / kind / patient / zoom, 2, label, patient + f"-{zoom}-{{number:03}}.png")
    put(top / "count_files.txt", "benign 8\n")
    put(root / "BreaKHis_v1" / "BreaKHis_v1" / "README.txt", "BreaKHis\n")
    return root / "BreaKHis_v1"


_WHICH = Asks(says=("--class-level", r"\b1\b", r"\b2\b"))
_GROUPED = Reads(classes={"benign": 9, "malignant": 9}, splits=None, left_out=0, group=True)
_PEOPLE = ("patient_{:03}", "Subject{}", "session-{}", "cam{}", "{}", "{:05}", "P{:03}", "video_{}", "case{:02}")


def _plain(*names: str) -> Reads:
    return Reads(classes=dict.fromkeys(names, 5), splits=None, left_out=0)


CASES = (
    *(
        Case(name=f"classes-{'-'.join(names)}", build=named_classes(*names), expected=_plain(*names))
        for names in (
            ("bus", "car", "train"),
            ("figures", "images", "tables"),
            ("data", "noise"),
            ("mask", "no_mask"),
            ("masks", "gloves"),
            ("0", "1"),
            ("2019", "2020", "2021"),
            ("valid", "invalid"),
            ("color", "grayscale"),
            ("sample", "control"),
            ("_unknown_", "no", "yes"),
        )
    ),
    Case(
        name="class-called-test",
        build=named_classes("cat", "dog", "test"),
        expected=Reads(
            classes=dict.fromkeys(("cat", "dog", "test"), 5),
            splits=None,
            says=(r"\btest\b",),
            otherwise_named=({"cat": 5, "dog": 5},),
            or_refused=(r"\btest\b",),
        ),
    ),
    Case(
        name="class-called-train-in-train",
        build=_class_called_train,
        expected=Reads(classes={"bus": 7, "car": 6, "train": 7}, splits={"train": 14, "test": 6}, left_out=0),
    ),
    *(
        Case(name=f"groups-{p.format(1)}-{'shared' if s else 'apart'}", build=_below(p, shared=s), expected=_GROUPED)
        for p in _PEOPLE
        for s in (True, False)
    ),
    Case(
        name="grouped-by-a-pattern",
        build=_below("patient_{:03}", shared=False),
        expected=Reads(classes={"benign": 9, "malignant": 9}, splits=None, left_out=0, groups=6),
        options={"group_regex": r"(patient_\d+)"},
    ),
    Case(
        name="groups-below-splits",
        build=_below_splits,
        expected=Reads(
            classes={"benign": 12, "malignant": 12}, splits={"train": 12, "test": 12}, left_out=0, group=True
        ),
    ),
    Case(
        name="folds-above-classes",
        build=_on_top("fold_1", "fold_2", "fold_3"),
        expected=Reads(classes={"defect": 9, "ok": 12}, splits=None, left_out=0, says=("--class-level 1",)),
    ),
    Case(name="dates-above-classes", build=_on_top("2024-05-01", "2024-05-02"), expected=_WHICH),
    Case(name="sites-above-classes", build=_on_top("hospital_a", "hospital_b"), expected=_WHICH),
    Case(
        name="breakhis",
        build=_breakhis,
        expected=Reads(classes={"benign": 8, "malignant": 8}, splits=None, left_out=0, says=("--class-level leaf",)),
    ),
)
