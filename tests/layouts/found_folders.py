"""Folders that people have beside, around and in their class folders: leftovers, copies, cameras, days, projects."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.layouts.cases import Asks, Case, Reads, Refuses
from tests.layouts.pictures import put
from tests.layouts.trees import plant, tree


def _read(*counts: tuple[str, int], left_out: int | None = 0, says: tuple[str, ...] = (), group: bool = False) -> Reads:
    return Reads(classes=dict(counts), splits=None, left_out=left_out, says=says, group=group)


def _takeout(root: Path) -> Path:
    """Google Takeout: a .json beside each picture, which says nothing of its class."""
    for name in plant(root / "d", "Takeout/Google Fotos/{Hunde,Katzen}/IMG_#.jpg 5"):
        put(root / "d" / f"{name}.json", json.dumps({"title": name.rpartition("/")[2], "imageViews": "3"}))
    put(root / "d" / "Takeout" / "archive_browser.html", "<html>")
    return root / "d"


def _named(file: str, content: str, *folders: str) -> Callable[[Path], Path]:
    """Class folders that are numbered, and a file that has names for the numbers."""

    def build(root: Path) -> Path:
        plant(root / "d", f"{{{','.join(folders)}}}/#.png 4")
        put(root / "d" / file, content)
        return root / "d"

    return build


_TWO = (("cat", 4), ("dog", 4))
_FLOWERS = {"rose": 4, "tulip": 4, "daisy": 4}
_LEVELS = Asks(says=("--class-level", r"\b1\b", r"\b2\b"))

CASES = (
    *(
        Case(
            name=f"beside-classes-{name}",
            build=tree("{cat,dog}/#.jpg 4", f"{name}/#.jpg 3"),
            expected=_read(*_TWO, left_out=3, says=(name,)),
        )
        for name in ("todo", "to_label", "backup", "New folder", "Neuer Ordner", "duplicates", "tmp", "misclassified")
    ),
    *(
        Case(
            name=f"a-class-called-{name}",
            build=tree("{cat,dog}/#.jpg 4", f"{name}/#.jpg 3"),
            # A class or not: it is said.
            expected=_read(*_TWO, (name, 3), says=(rf"'{name}' \(3 images\) counts as a class",)),
        )
        for name in ("old", "trash", "rejected", "misc", "plots", "img", "Papierkorb", "Sonstiges", "validation")
    ),
    *(
        Case(
            name=f"copy-of-a-class-{name}",
            build=tree("{cat,dog}/#.jpg 4", f"{name}/#.jpg 4"),
            expected=Refuses(says=("'cat'", "copy")),
        )
        for name in ("cat - Copy", "cat (1)", "Kopie von cat", "Copy of cat", "cat copy")
    ),
    *(
        Case(
            name=f"done-and-left-{done}-{left}",
            build=tree(f"{done}/{{cat,dog}}/#.jpg 4", f"{left}/#.jpg 9"),
            expected=_read(*_TWO, left_out=9, says=(left,)),
        )
        for done, left in (
            ("labeled", "unlabeled"),
            ("annotated", "not_annotated"),
            ("sorted", "unsorted"),
            ("sortiert", "unsortiert"),
            ("done", "todo"),
            ("final", "raw"),
            ("bereinigt", "roh"),
            ("data", "results"),
        )
    ),
    *(
        Case(
            name=f"sub-folder-of-a-class-{name}",
            build=tree("{cat,dog}/img_*.jpg 4", f"{{cat,dog}}/{name}/img_*.jpg 4"),
            expected=_read(("cat", 8), ("dog", 8), says=(name, "count for that class")),
        )
        for name in ("augmented", "resized", "uncertain", "Edited")
    ),
    Case(
        name="a-class-in-another",
        build=tree("{cat,dog}/#.jpg 4", "dog/cat/#.jpg 2"),
        expected=_read(("cat", 4), ("dog", 6), says=("sub-folders of 'dog'", "'cat'")),
    ),
    Case(name="takeout", build=_takeout, expected=_read(("Hunde", 5), ("Katzen", 5))),
    Case(
        name="drive-download-in-parts",
        build=tree(
            "drive-download-20230501T120000Z-001/cat/#.jpg 4", "drive-download-20230501T120000Z-002/dog/#.jpg 4"
        ),
        expected=_read(*_TWO, says=("--class-level 1",)),
    ),
    Case(
        name="drive-download-in-parts-shared",
        build=tree("set-20230501T120000Z-00{1,2}/set/{cat,dog}/#.jpg 2"),
        expected=_read(*_TWO),
    ),
    *(
        Case(
            name=f"flat-{name.partition('/')[0]}",
            build=tree(f"{name}/#.jpg 4"),
            expected=Refuses(says=("--class-level 1", "table")),
        )
        for name in (
            "DCIM/{100CANON,101CANON}",
            "{GOPR0001,GOPR0002}",
            "{2023-05-01,2023-05-02,2023-05-03}",
            "{20230501,20230502}",
            "{images_part_1,images_part_2}",
            "{A01,A02,B01,B02}",
        )
    ),
    Case(
        name="cameras-are-the-classes",
        build=tree("DCIM/{100CANON,101CANON}/#.jpg 4"),
        options={"class_level": "1"},
        expected=_read(("100CANON", 4), ("101CANON", 4)),
    ),
    *(
        Case(
            name=f"below-classes-{name}",
            build=tree(f"{{cat,dog}}/{name}/{file}"),
            expected=_read(*_TWO, group=True),
        )
        for name, file in (
            ("{2023-05-01,2023-05-02}", "IMG_#.jpg 2"),
            ("{01.05.2023,02.05.2023}", "IMG_#.jpg 2"),
            ("{100CANON,101CANON}", "IMG_#.jpg 2"),
            ("{batch1,batch2}", "#.jpg 2"),
            ("{slide_001,slide_002}", "tile_{0,1}_0.png"),
            ("{cell_1,cell_2}", "z{00,01}.tif"),
        )
    ),
    Case(
        name="activities-called-like-what-is-beside",
        build=tree("{run,walk}/{vid1,vid2}/frame_*.jpg 2"),
        expected=_read(("run", 4), ("walk", 4), group=True),
    ),
    Case(
        name="magnifications-above-classes",
        build=tree("{40X,100X}/{benign,malignant}/#.png 4"),
        expected=_read(("benign", 8), ("malignant", 8), says=("--class-level 1",)),
    ),
    Case(
        name="magnifications-below-classes",
        build=tree("{benign,malignant}/{40X,100X}/#.png 4"),
        expected=_read(("benign", 8), ("malignant", 8), says=("--class-level 2",)),
    ),
    Case(name="sizes-above-classes", build=tree("{64x64,128x128}/{cat,dog}/*.jpg 4"), expected=_LEVELS),
    Case(name="sizes-below-classes", build=tree("{cat,dog}/{64x64,128x128}/*.jpg 4"), expected=_LEVELS),
    Case(name="plates-and-wells", build=tree("{Plate1,Plate2}/{A01,A02,B01}/site*.tif 3"), expected=_LEVELS),
    Case(
        name="years-and-sites-above-classes",
        build=tree("{2021,2022}/{north,south}/{ok,rust}/#.jpg 2"),
        expected=Asks(says=("'ok', 'rust'", "--class-level 3")),
    ),
    Case(
        name="sites-with-other-years-above-classes",
        build=tree("Berlin/2021/{ok,rust}/#.jpg 2", "Hamburg/{2021,2022}/{ok,rust}/#.jpg 2"),
        expected=Asks(says=("'ok', 'rust'", "--class-level 3")),
    ),
    Case(
        name="one-image-in-each-folder",
        build=tree("isic_{0001..0006}/image.jpg"),
        expected=Refuses(says=("single image", "table")),
    ),
    *(
        Case(
            name=f"shown-again-{name}",
            build=tree("{benign,malignant}/im_{01..04}.png", f"{{benign,malignant}}/{name}.png"),
            expected=_read(("benign", 4), ("malignant", 4), left_out=8, says=("mask",)),
        )
        for name in ("im_{01..04}_seg", "mask_im_{01..04}", "im_{01..04}_thumb", "im_{01..04}-mask")
    ),
    Case(
        name="images-and-masks-in-train",
        build=tree("{train_images,train_masks}/#.png 4"),
        expected=Refuses(says=("mask", "segmentation")),
    ),
    Case(
        name="numbers-and-classes-txt",
        build=_named("classes.txt", "rose\ntulip\ndaisy\n", "0", "1", "2"),
        expected=Reads(classes=_FLOWERS, splits=None, says=("classes.txt",)),
    ),
    Case(
        name="numbers-from-1-and-classes-txt",
        build=_named("classes.txt", "rose\ntulip\ndaisy\n", "1", "2"),
        expected=_read(("1", 4), ("2", 4)),
    ),
    Case(
        name="numbers-and-cat-to-name",
        build=_named("cat_to_name.json", '{"1": "rose", "2": "tulip", "3": "daisy"}', "1", "2", "3"),
        expected=Reads(classes=_FLOWERS, splits=None, says=("cat_to_name.json",)),
    ),
    Case(
        name="numbers-with-zeros-and-labels-csv",
        build=_named("labels.csv", "ClassId,Name\n0,rose\n1,tulip\n2,daisy\n", "00000", "00001", "00002"),
        expected=Reads(classes=_FLOWERS, splits=None, says=("labels.csv",)),
    ),
    *(
        Case(
            name=f"a-class-with-kinds-beside-{name}",
            build=tree(f"{name}/#.jpg 8", "manipulated/{deepfakes,faceswap}/#.jpg 4"),
            expected=_read((name, 8), ("manipulated", 8), says=("--class-level leaf",)),
        )
        for name in ("original", "raw")
    ),
    *(
        Case(
            name=f"only-one-class-beside-{name}",
            build=tree(f"{{label,{name}}}/#.jpg 4"),
            expected=Refuses(says=(name, "--class-level 1")),
        )
        for name in ("no_label", "unlabeled", "todo")
    ),
    Case(
        name="months-below-classes",
        build=tree("{ok,rust}/{2023-01,2023-02}/#.jpg 2"),
        expected=_read(("ok", 4), ("rust", 4), group=True),
    ),
    Case(name="images-and-gt", build=tree("{images,gt}/#.png 4"), expected=Refuses(says=("mask", "segmentation"))),
    Case(
        name="two-sets-that-are-split",
        build=tree("pets/{train,test}/{cat,dog}/#.jpg 2", "cars/{train,test}/{bmw,vw}/#.jpg 2"),
        expected=Asks(says=("'cars', 'pets'", "--class-level 2")),
    ),
    Case(
        name="a-set-that-is-split-and-one-that-is-not",
        build=tree("pets/{train,test}/{cat,dog}/#.jpg 2", "cars/{bmw,vw}/#.jpg 2"),
        expected=Asks(says=("pets", "cars", "Give one")),
    ),
    Case(
        name="an-archive-beside-classes",
        build=tree("{cat,dog}/#.jpg 4", "bird.zip"),
        expected=_read(*_TWO, says=(r"bird\.zip",)),
    ),
)
