"""Tables as people keep them: titles above and totals below, sheets, numbers for files, folders for images, remarks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.layouts.cases import Asks, Case, Reads, Refuses
from tests.layouts.pictures import put
from tests.layouts.tables import table
from tests.layouts.trees import plant

Row = Callable[[int, str, str], Sequence[object]]
CLASSES = ("cat", "dog")


def _table(
    header: str,
    row: Row,
    *,
    files: str = "#.jpg 12",
    name: str = "labels.csv",
    mark: str = ",",
    above: str = "",
    below: str = "",
) -> Callable[[Path], Path]:
    """A table of twelve pictures; `row` makes a line of a number from 0, a file's name and its class."""

    def build(root: Path) -> Path:
        names = plant(root / "d" / "images", files)
        lines = [mark.join(map(str, row(number, each, CLASSES[number % 2]))) for number, each in enumerate(names)]
        text = above + "\n".join([*([header] if header else []), *lines]) + "\n" + below
        put(root / "d" / name, text)
        return root / "d"

    return build


def _sheets(make: Callable[[list[list[Any]]], dict[str, list[list[Any]]]], *, alone: bool) -> Callable[[Path], Path]:
    """A spreadsheet whose sheets are made from the rows."""

    def build(root: Path) -> Path:
        import openpyxl

        names = plant(root / "d" / "images", "#.jpg 12")
        rows = [[name, CLASSES[number % 2]] for number, name in enumerate(names)]
        book = openpyxl.Workbook()
        book.remove(book.active)
        for title, content in make(rows).items():
            sheet = book.create_sheet(title)
            for row in content:
                sheet.append(row)
        book.save(root / "d" / "labels.xlsx")
        return root / "d" / "labels.xlsx" if alone else root / "d"

    return build


def _of_folders(header: str, folders: Sequence[str], labels: Sequence[str]) -> Callable[[Path], Path]:
    """A line for each folder of pictures."""

    def build(root: Path) -> Path:
        for folder in folders:
            plant(root / "d", f"{folder}/img_*.png 3")
        lines = [f"{folder},{label}" for folder, label in zip(folders, labels, strict=True)]
        put(root / "d" / "table.csv", "\n".join([header, *lines]) + "\n")
        return root / "d"

    return build


def _folder_and_file(root: Path) -> Path:
    names = plant(root / "d", "{day1,day2}/img*.jpg 6")
    rows = [(*name.split("/"), CLASSES[number % 2]) for number, name in enumerate(names)]
    return table(root / "d" / "annotations.csv", ("folder", "file", "label"), rows).parent


def _by_patient(root: Path) -> Path:
    """Which patient an image is of stands in one table, what the patient has in another."""
    names = plant(root / "d" / "images", "#.jpg 12")
    table(root / "d" / "images.csv", ("file", "patient_id"), [(n, str(i // 3)) for i, n in enumerate(names)])
    table(root / "d" / "patients.csv", ("patient_id", "diagnosis"), [(str(i), "ab"[i % 2]) for i in range(4)])
    return root / "d"


def _class_lists(root: Path) -> Path:
    names = plant(root / "d" / "images", "#.jpg 12")
    put(root / "d" / "pos.txt", "\n".join(names[::2]) + "\n")
    put(root / "d" / "neg.txt", "\n".join(names[1::2]) + "\n")
    return root / "d"


def _corrections(root: Path) -> Path:
    names = plant(root / "d", "{cat,dog}/#.jpg 6")
    return table(root / "d" / "corrections.csv", ("file", "label"), [(names[0], "dog"), (names[1], "cat")]).parent


def _packed(root: Path) -> Path:
    """As a competition is downloaded: the images still in an archive."""
    put(root / "d" / "images.zip", b"PK\5\6" + bytes(18))
    return table(root / "d" / "labels.csv", ("file", "label"), [("a.jpg", "cat"), ("b.jpg", "dog")]).parent


def _other_part(root: Path) -> Path:
    """The table is of the training images, and only those for testing are there, under the same names."""
    names = plant(root / "d" / "test", "{0001..0012}.jpg")
    rows = [(f"train/{name}", CLASSES[number % 2]) for number, name in enumerate(names)]
    return table(root / "d" / "labels.csv", ("path", "label"), rows).parent


_PLAIN: Row = lambda number, name, label: (name, label)
_SPLIT = {"train": 8, "test": 4}
_READ = Reads(classes={"cat": 6, "dog": 6}, splits=None)
_PARTS = Reads(classes={"cat": 6, "dog": 6}, splits=_SPLIT)


def _halves(rows: list[list[Any]]) -> dict[str, list[list[Any]]]:
    return {"train": [["file", "class"], *rows[:8]], "test": [["file", "class"], *rows[8:]]}


CASES = (
    Case(name="title-above", build=_table("file,class", _PLAIN, above="Cats and dogs of 2023\n\n"), expected=_READ),
    Case(
        name="title-above-with-commas",
        build=_table("file,class,site", lambda i, n, c: (n, c, "AB"[i % 3 == 0]), above="Cats and dogs,,\n,,\n"),
        expected=_READ,
    ),
    Case(name="sep-line", build=_table("file;class", _PLAIN, mark=";", above="sep=;\n"), expected=_READ),
    Case(
        name="comments-above-semicolons",
        build=_table("file;class", _PLAIN, mark=";", above="# LabTool 3.2\n# 2023-05-01\n"),
        expected=_READ,
    ),
    Case(name="a-comma-at-the-end", build=_table("file,class", lambda i, n, c: (n, c, "")), expected=_READ),
    *(
        Case(
            name=f"total-below-{total}",
            build=_table("file,class", _PLAIN, below=f"{total},12\n"),
            expected=Reads(classes={"cat": 6, "dog": 6}, splits=None, says=("total",)),
        )
        for total in ("Total", "Summe:", "合计")
    ),
    Case(
        name="classes-of-several-words",
        build=_table("", lambda i, n, c: (n, f"{('golden', 'tabby')[i % 2]} {c}"), mark=" ", name="list.txt"),
        expected=Reads(classes={"golden cat": 6, "tabby dog": 6}, splits=None),
    ),
    *(
        Case(
            name=f"sheet-with-a-title{'-alone' * alone}",
            build=_sheets(lambda rows: {"Sheet": [["Cats and dogs"], [], ["file", "class"], *rows]}, alone=alone),
            expected=_READ,
        )
        for alone in (False, True)
    ),
    *(
        Case(name=f"sheets-of-splits{'-alone' * alone}", build=_sheets(_halves, alone=alone), expected=_PARTS)
        for alone in (False, True)
    ),
    *(
        Case(
            name=f"sheets-that-differ{'-alone' * alone}",
            build=_sheets(
                lambda rows: {
                    "first": [["file", "class"], *rows],
                    "second": [["file", "class"], *([n, "cat"] for n, _ in rows)],
                },
                alone=alone,
            ),
            expected=Refuses(says=("several (sheets|tables)",)),
        )
        for alone in (False, True)
    ),
    *(
        Case(
            name=f"numbers-for-{files.partition(' ')[0]}-{number}",
            build=_table("id,label", lambda i, n, c, number=number: (number.format(i + 1), c), files=files),
            expected=Reads(classes={"cat": 6, "dog": 6}, splits=None, says=("numbers under 'id'",)),
        )
        for files, number in (
            ("{00001..00012}.png", "{}"),
            ("{00001..00012}.png", "{}.0"),
            ("img_{0001..0012}.png", "{}"),
            ("ISIC_{0001..0012}.jpg", "{:04}"),
        )
    ),
    *(
        Case(
            name=f"counter-{column or 'unnamed'}-beside-ids",
            build=_table(f"{column},id,label", lambda i, n, c: (i + 1, 12 - i, c), files="{1..12}.png"),
            expected=Reads(classes={"cat": 6, "dog": 6}, splits=None, says=("images by 'id'",)),
        )
        for column in ("", "Unnamed: 0", "nr")
    ),
    Case(
        name="counter-beside-files",
        build=_table("index,file,label", lambda i, n, c: (12 - i, n, c), files="{1..12}.png"),
        expected=Reads(classes={"cat": 6, "dog": 6}, splits=None, says=("images by 'file'",)),
    ),
    Case(
        name="patients-with-a-diagnosis",
        build=_of_folders("patient,diagnosis", ("p01", "p02", "p03", "p04"), ("ill", "well", "ill", "well")),
        expected=Reads(classes={"ill": 6, "well": 6}, splits=None, group=True, says=("names folders",)),
    ),
    Case(
        name="videos-with-a-label",
        build=_of_folders("video,label", ("v_1", "v_2", "v_3", "v_4"), ("run", "walk", "run", "walk")),
        expected=Asks(says=("--label-column label", "--class-level 1")),
    ),
    Case(
        name="numbered-folders-with-a-class",
        build=_of_folders("id,class", ("001", "002", "003", "004"), ("ill", "well", "ill", "well")),
        expected=Reads(classes={"ill": 6, "well": 6}, splits=None, says=("names folders",)),
    ),
    Case(
        name="wells-with-a-treatment",
        build=_of_folders("well,treatment", ("A01", "A02", "B01", "B02"), ("DMSO", "drug", "DMSO", "drug")),
        expected=Reads(classes={"DMSO": 6, "drug": 6}, splits=None, says=("treatment", "names folders")),
    ),
    Case(
        name="classes-with-a-count",
        build=_of_folders("class,count", ("cat", "dog"), ("3", "3")),
        expected=Reads(classes={"cat": 3, "dog": 3}, splits=None),
    ),
    Case(
        name="folder-and-file",
        build=_folder_and_file,
        expected=Reads(classes={"cat": 6, "dog": 6}, splits=None, says=("'folder' is taken for the folder",)),
    ),
    Case(name="labels-by-patient", build=_by_patient, expected=Refuses(says=("patient_id", "--label-column"))),
    Case(
        name="a-list-for-each-class",
        build=_class_lists,
        expected=Reads(classes={"pos": 6, "neg": 6}, splits=None, says=("lists' names",)),
    ),
    Case(
        name="corrections-beside-folders",
        build=_corrections,
        expected=Reads(classes={"cat": 6, "dog": 6}, splits=None, says=("Not used", r"corrections\.csv")),
    ),
    Case(name="images-still-packed", build=_packed, expected=Refuses(says=(r"labels\.csv", r"images\.zip"))),
    Case(name="images-of-another-part", build=_other_part, expected=Refuses(says=("not there", "train/0001"))),
    Case(
        name="votes-for-classes",
        build=_table("image,cat,dog,bird", lambda i, n, c: (n, *((5, 1, 0) if i % 2 else (0, 3, 2)))),
        expected=Refuses(says=("--label-column",)),
    ),
    *(
        Case(
            name=f"{column}-is-no-class",
            build=_table(f"image,{column}", lambda i, n, c: (n, 20 + i % 5)),
            expected=Refuses(says=(column, "--label-column")),
        )
        for column in ("age", "count", "price", "patient_id", "Alter")
    ),
    Case(
        name="age-named-as-the-class",
        build=_table("image,age", lambda i, n, c: (n, 20 + i % 2)),
        options={"label_column": "age"},
        expected=Reads(classes={"20": 6, "21": 6}, splits=None),
    ),
    Case(
        name="answers-of-a-network-alone",
        build=_table("image,predicted_class,score", lambda i, n, c: (n, c, 0.5 + i / 100)),
        expected=Refuses(says=("--label-column",)),
    ),
    Case(
        name="answers-of-a-network-before-the-truth",
        build=_table("image,predicted_label,true_label", lambda i, n, c: (n, CLASSES[i % 3 == 0], c)),
        expected=Reads(classes={"cat": 6, "dog": 6}, splits=None, says=("true_label",)),
    ),
    Case(
        name="references-are-no-classes",
        build=_table("image,reference", lambda i, n, c: (n, ("00001.jpg", "00002.jpg")[i % 2])),
        expected=Refuses(says=("reference",)),
    ),
    Case(
        name="species-of-two-genera",
        build=_table(
            "file,genus,species", lambda i, n, c: (n, ("Quercus", "Betula")[i % 2], ("alba", "nigra")[i // 2 % 2])
        ),
        expected=Reads(
            classes={"Quercus alba": 3, "Betula alba": 3, "Quercus nigra": 3, "Betula nigra": 3},
            splits=None,
            says=("'genus' and 'species'",),
        ),
    ),
    Case(
        name="species-of-one-genus-each",
        build=_table("file,genus,species", lambda i, n, c: (n, ("Quercus", "Betula")[i % 2], ("robur", "nana")[i % 2])),
        expected=Reads(classes={"robur": 6, "nana": 6}, splits=None),
    ),
    *(
        Case(
            name=f"split-by-{column}-{yes}",
            build=_table(
                f"file,class,{column}", lambda i, n, c, yes=yes, no=no: (n, c, yes if i // 2 % 3 == 2 else no)
            ),
            expected=_PARTS,
        )
        for column, yes, no in (("test", "1", "0"), ("is_test", "yes", "no"), ("holdout", "True", "False"))
    ),
    Case(
        name="split-by-train",
        build=_table("file,class,train", lambda i, n, c: (n, c, int(i // 2 % 3 < 2))),
        expected=_PARTS,
    ),
    Case(
        name="classes-called-train-and-bus",
        build=_table("file,train,bus", lambda i, n, c: (n, i % 2, 1 - i % 2)),
        expected=Reads(classes={"train": 6, "bus": 6}, splits=None),
    ),
    *(
        Case(
            name=f"{column}-is-not-heeded",
            build=_table(f"file,class,{column}", lambda i, n, c: (n, c, "ab"[i % 3 == 0])),
            expected=Reads(classes={"cat": 6, "dog": 6}, splits=None, says=(f"'{column}'.*not used",)),
        )
        for column in ("exclude", "quality", "verified", "fold", "set")
    ),
    *(
        Case(
            name=f"unknown-class-{value}",
            build=_table("file,class", lambda i, n, c, value=value: (n, c if i % 4 else value)),
            expected=Reads(
                classes={"cat": 3, "dog": 6, value: 3}, splits=None, says=(r"\(3 images\) counts as a class",)
            ),
        )
        for value in ("nan", "?", "TODO")
    ),
)
