"""Labels in tables that tempt to a wrong reading: two columns, two spellings, two labels for an image, numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from openpyxl import Workbook

from tests.layouts.cases import Case, Reads, Refuses
from tests.layouts.tables import COUNTS, listed
from tests.layouts.traps_tables import Rows, changed


def _labels(**other: str) -> Callable[[Path], Path]:
    """Other labels for ant, bee and wasp."""
    return changed(lambda rows: [(path, other.get(label, label)) for path, label in rows])


def _some_labels(label: str, other: str) -> Callable[[Path], Path]:
    """Every second image of a class has another label."""

    def change(rows: Rows) -> Rows:
        return [(path, other if had == label and n % 2 else had) for n, (path, had) in enumerate(rows)]

    return changed(change)


def _numbers(zero: str, half: str) -> Callable[[Path], Path]:
    """Labels 0 and 1 of which some are written otherwise."""

    def change(rows: Rows) -> Rows:
        return [(path, half if n % 3 == 0 and n > 2 else zero if n % 2 else "5") for n, (path, _) in enumerate(rows)]

    return changed(change)


def _excel_numbers(root: Path) -> Path:
    book = Workbook()
    book.active.append(["file", "class"])
    for number, row in enumerate(listed(root / "images")):
        book.active.append([f"images/{row['path']}", float(1 + number % 2)])
    book.save(root / "set.xlsx")
    return root / "set.xlsx"


def _like(labels: Mapping[str, str]) -> Reads:
    return Reads(classes={labels[label]: count for label, count in COUNTS.items()}, splits=None)


_SEVERAL = ("several|more than one|multi-?label|two labels|twice",)
_ALIKE = Refuses(says=("ant",))
_MISSING = {"ant": "NA", "bee": "None", "wasp": "nan"}
_ZEROS = {"ant": "007", "bee": "012", "wasp": "100"}
_WORDS = {"ant": "yes", "bee": "no", "wasp": "null"}

CASES = (
    Case(
        name="two-columns-label",
        build=changed(lambda rows: [(p, k, "x") for p, k in rows], "path", "label", "label"),
        expected=Refuses(says=("label", r"\b2\b|two|twice|both|more than one|equal|same")),
    ),
    Case(
        name="label-and-Label",
        build=changed(lambda rows: [(p, k, p[7:10]) for p, k in rows], "path", "label", "Label"),
        expected=Refuses(says=("label",)),
    ),
    Case(
        name="class-beside-label",
        build=changed(
            lambda rows: [(p, "insect" if k == "ant" else "other", k) for p, k in rows], "path", "class", "label"
        ),
        expected=Reads(
            classes=COUNTS, splits=None, says=("class", "--label-column"), or_refused=("class", "--label-column")
        ),
    ),
    Case(
        name="class-beside-label-named",
        build=changed(lambda rows: [(p, str(k == "ant"), k) for p, k in rows], "path", "class", "label"),
        expected=Reads(classes={"True": 6, "False": 9}, splits=None),
        options={"label_column": "class"},
    ),
    Case(name="labels-0-and-0.0", build=_numbers("0", "0.0"), expected=Refuses(says=(r"0\.0",))),
    Case(name="labels-1-and-01", build=_numbers("1", "01"), expected=Refuses(says=("01",))),
    Case(name="labels-by-case", build=_some_labels("ant", "Ant"), expected=_ALIKE),
    Case(
        name="labels-by-space",
        build=_some_labels("ant", " ant "),
        expected=Reads(classes=COUNTS, splits=None, or_refused=("ant",)),
    ),
    Case(name="labels-like-missing-values", build=_labels(**_MISSING), expected=_like(_MISSING)),
    Case(name="labels-with-zeros-in-front", build=_labels(**_ZEROS), expected=_like(_ZEROS)),
    Case(name="labels-like-truth-values", build=_labels(**_WORDS), expected=_like(_WORDS)),
    Case(name="labels-excel-numbers", build=_excel_numbers, expected=Reads(classes={"1": 8, "2": 7}, splits=None)),
    Case(
        name="labels-measured",
        build=changed(lambda rows: [(p, f"{n * 1.37 + 20:.3f}") for n, (p, _) in enumerate(rows)], "path", "weight"),
        expected=Refuses(says=("number|values|regression|measure|images? each|one image|--label-column",)),
    ),
    Case(
        name="no-label-column",
        build=changed(lambda rows: [(p, str(n)) for n, (p, _) in enumerate(rows)], "path", "row id"),
        expected=Refuses(says=("label|column",)),
    ),
    Case(
        name="a-label-is-missing",
        build=changed(lambda rows: [(p, "" if n == 4 else k) for n, (p, k) in enumerate(rows)]),
        expected=Reads(classes={"ant": 5, "bee": 5, "wasp": 4}, splits=None, left_out=1, or_refused=(r"line 6|\b6\b",)),
    ),
    Case(
        name="rows-that-contradict",
        build=changed(lambda rows: [*rows, (rows[0][0], "wasp")]),
        expected=Reads(
            classes={"ant": 6, "bee": 5, "wasp": 5}, splits=None, says=(r"\b1\b|twice|two",), or_refused=_SEVERAL
        ),
    ),
    Case(
        name="several-labels-in-rows",
        build=changed(lambda rows: [row for p, k in rows for row in ((p, k), (p, f"{k} outdoors"))]),
        expected=Refuses(says=_SEVERAL),
    ),
)
