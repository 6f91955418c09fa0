"""Tables that list images: delimiters, encodings, formats, columns, splits."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow
import pyarrow.parquet
from openpyxl import Workbook

from tests.layouts.cases import Case, Reads, Refuses
from tests.layouts.pictures import images, put

COUNTS = {"ant": 6, "bee": 5, "wasp": 4}
SPLIT = ("train", "train", "val", "test")

Rows = list[dict[str, str]]


def listed(folder: Path, counts: Mapping[str, int] = COUNTS, pattern: str = "{label}{number}.jpg") -> Rows:
    """Writes images into one folder and returns a row for each: path, label, split, number within its class."""
    rows = []
    for label, count in counts.items():
        for number, name in enumerate(images(folder, count, label, pattern)):
            rows.append({"path": name, "label": label, "split": SPLIT[number % 4], "number": str(number)})
    return rows


def text(header: Sequence[str], rows: Iterable[Sequence[str]], *, delimiter: str = ",", end: str = "\n") -> str:
    """A table as text, quoted where it must be."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=end)
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue()


def table(file: Path, header: Sequence[str], rows: Iterable[Sequence[str]], **options: str) -> Path:
    """Writes a table in UTF-8."""
    return put(file, text(header, rows, **options))


def _written(
    name: str, *, delimiter: str = ",", encoding: str = "utf-8", end: str = "\n", labels: Sequence[str] = ()
) -> Callable[[Path], Path]:
    def build(root: Path) -> Path:
        rows = listed(root / "images")
        said = dict(zip(COUNTS, labels or COUNTS, strict=True))
        lines = [(f"images/{row['path']}", said[row["label"]]) for row in rows]
        content = text(("path", "label"), lines, delimiter=delimiter, end=end)
        return put(root / name, content.encode(encoding))

    return build


def _columns(path: str, label: str, *others: str) -> Callable[[Path], Path]:
    """A table whose columns have these names; the others hold what says nothing."""

    def build(root: Path) -> Path:
        rows = listed(root / "images")
        lines = [
            (str(1000 + index), f"images/{row['path']}", *(f"{index % 7}.5" for _ in others), row["label"])
            for index, row in enumerate(rows)
        ]
        return table(root / "set.csv", ("", path, *others, label), lines)

    return build


def _jsonl(root: Path) -> Path:
    rows = listed(root / "images")
    return put(
        root / "set.jsonl",
        "".join(json.dumps({"path": f"images/{row['path']}", "label": row["label"]}) + "\n" for row in rows),
    )


def _parquet(root: Path) -> Path:
    rows = listed(root / "images")
    columns = {"path": [f"images/{row['path']}" for row in rows], "label": [row["label"] for row in rows]}
    pyarrow.parquet.write_table(pyarrow.table(columns), root / "set.parquet")
    return root / "set.parquet"


def _excel(root: Path) -> Path:
    book = Workbook()
    sheet = book.active
    sheet.append(["Image", "Class", "Weight in g"])
    for row in listed(root / "images"):
        sheet.append([f"images/{row['path']}", row["label"], 1.5])
    book.create_sheet("Notes").append(["Counted by hand in May"])
    book.save(root / "set.xlsx")
    return root / "set.xlsx"


def _decimal_commas(root: Path) -> Path:
    rows = listed(root / "images")
    lines = [(f"images/{row['path']}", "1,5", "0,25", row["label"]) for row in rows]
    return table(root / "set.csv", ("file", "weight", "length", "class"), lines, delimiter=";", end="\r\n")


def _split_column(root: Path) -> Path:
    rows = listed(root / "images")
    spelt = {"train": "train", "val": "validation", "test": "test"}
    lines = [(f"images/{row['path']}", row["label"], spelt[row["split"]]) for row in rows]
    return table(root / "set.csv", ("filename", "label", "subset"), lines)


def _for_each_split(root: Path) -> Path:
    rows = listed(root / "d" / "images")
    for split in ("train", "val", "test"):
        lines = [(row["path"], row["label"]) for row in rows if row["split"] == split]
        table(root / "d" / f"{split}.csv", ("image", "label"), lines)
    return root / "d"


def _folder_with_a_table(root: Path) -> Path:
    rows = listed(root / "d" / "pictures")
    images(root / "d" / "pictures", 3, "?", "not_listed{number}.jpg")
    return table(root / "d" / "labels.csv", ("image", "label"), [(r["path"], r["label"]) for r in rows]).parent


def _quoted(root: Path) -> Path:
    rows = listed(root / "images", pattern='{label}, "no. {number}".jpg')
    said = {"ant": 'ant, "red"', "bee": "bee\nworker", "wasp": "wasp; common"}
    return table(root / "set.csv", ("path", "label"), [(f"images/{r['path']}", said[r["label"]]) for r in rows])


def _one_hot(values: Mapping[bool, str]) -> Callable[[Path], Path]:
    def build(root: Path) -> Path:
        rows = listed(root / "images")
        lines = [(f"images/{r['path']}", *(values[r["label"] == name] for name in COUNTS)) for r in rows]
        return table(root / "set.csv", ("image", *COUNTS), lines)

    return build


def _two_ones(root: Path) -> Path:
    rows = listed(root / "images")
    lines = [(f"images/{r['path']}", "1", *(str(int(r["label"] == name)) for name in COUNTS)) for r in rows]
    return table(root / "set.csv", ("image", "insect", *COUNTS), lines)


def _joined(mark: str) -> Callable[[Path], Path]:
    """Labels of which some name two classes, which others have alone."""

    def build(root: Path) -> Path:
        rows = listed(root / "images")
        lines = [(f"images/{r['path']}", mark.join(("ant", "bee")) if r["number"] == "0" else r["label"]) for r in rows]
        return table(root / "set.csv", ("image", "labels"), lines)

    return build


_READ = Reads(classes=COUNTS, splits=None, left_out=0)
_PATHS = ("path", "file", "filename", "file_name", "filepath", "image", "image_path", "img", "Image Name", "picture")
_LABELS = ("label", "class", "target", "category", "class_name", "Class", "species", "diagnosis", "breed", "dx")

CASES = (
    Case(name="csv", build=_written("set.csv"), expected=_READ, decodes=True),
    Case(name="csv-semicolon", build=_written("set.csv", delimiter=";"), expected=_READ),
    Case(name="csv-pipe", build=_written("set.csv", delimiter="|"), expected=_READ),
    Case(name="csv-named-txt", build=_written("set.txt"), expected=_READ),
    Case(name="tsv", build=_written("set.tsv", delimiter="\t"), expected=_READ),
    Case(name="csv-crlf-bom", build=_written("set.csv", encoding="utf-8-sig", end="\r\n"), expected=_READ),
    Case(
        name="csv-utf16",
        build=_written("set.csv", delimiter="\t", encoding="utf-16", labels=("café", "thé", "eau")),
        expected=Reads(classes={"café": 6, "thé": 5, "eau": 4}, splits=None, left_out=0),
    ),
    Case(
        name="csv-utf16-without-mark",
        build=_written("set.csv", encoding="utf-16-be", labels=("café", "thé", "eau")),
        expected=Reads(classes={"café": 6, "thé": 5, "eau": 4}, splits=None, or_refused=("utf-?8",)),
    ),
    Case(
        name="csv-windows-1252",
        build=_written("set.csv", encoding="cp1252", labels=("café", "thé", "eau")),
        expected=Refuses(says=("utf-?8",)),
    ),
    Case(name="jsonl", build=_jsonl, expected=_READ),
    Case(name="parquet-of-paths", build=_parquet, expected=_READ),
    Case(name="excel", build=_excel, expected=_READ),
    Case(name="csv-decimal-commas", build=_decimal_commas, expected=_READ),
    Case(
        name="csv-split-column",
        build=_split_column,
        expected=Reads(classes=COUNTS, splits={"train": 9, "val": 3, "test": 3}, left_out=0),
    ),
    Case(
        name="csv-for-each-split",
        build=_for_each_split,
        expected=Reads(classes=COUNTS, splits={"train": 9, "val": 3, "test": 3}, left_out=0),
    ),
    Case(
        name="folder-with-a-table",
        build=_folder_with_a_table,
        expected=Reads(classes=COUNTS, splits=None, left_out=3, says=(r"labels\.csv",)),
    ),
    Case(
        name="csv-quoted",
        build=_quoted,
        expected=Reads(
            classes={'ant, "red"': 6, "bee\\nworker": 5, "wasp; common": 4},
            splits=None,
            otherwise_named=({'ant, "red"': 6, "bee worker": 5, "wasp; common": 4},),
        ),
    ),
    *(Case(name=f"csv-path-{name}", build=_columns(name, "label", "w", "h"), expected=_READ) for name in _PATHS),
    *(Case(name=f"csv-label-{name}", build=_columns("image", name, "w"), expected=_READ) for name in _LABELS),
    Case(
        name="csv-columns-named",
        build=_columns("where it is", "what it is", "w"),
        expected=_READ,
        options={"image_column": "where it is", "label_column": "what it is"},
    ),
    Case(name="csv-one-hot", build=_one_hot({True: "1", False: "0"}), expected=_READ),
    Case(name="csv-one-hot-floats", build=_one_hot({True: "1.0", False: "0.0"}), expected=_READ),
    Case(name="csv-one-hot-words", build=_one_hot({True: "True", False: "False"}), expected=_READ),
    Case(name="csv-several-ones", build=_two_ones, expected=Refuses(says=("several|more than one|multi-?label",))),
    *(
        Case(
            name=f"csv-labels-joined-by-{mark!r}",
            build=_joined(mark),
            expected=Refuses(says=("several|more than one|multi-?label|two labels",)),
        )
        for mark in (",", "|", ";", ", ")
    ),
)
