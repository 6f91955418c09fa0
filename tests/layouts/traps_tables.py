"""Tables that tempt to a wrong reading, or to a traceback: contradictions, other people's paths, odd labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from openpyxl import Workbook

from tests.layouts.cases import Asks, Case, Reads, Refuses
from tests.layouts.folders import INSECTS
from tests.layouts.pictures import classes, images, put
from tests.layouts.tables import COUNTS, listed, table
from tests.layouts.text_lists import lines

Rows = list[tuple[str, ...]]


def _rows(folder: Path) -> Rows:
    """Images in a folder; (name, class) of each, 15 in all."""
    return [(row["path"], row["label"]) for row in listed(folder)]


def _changed(
    change: Callable[[Rows], Sequence[Sequence[str]]], *header: str, name: str = "set.csv"
) -> Callable[[Path], Path]:
    """A table beside the folder `images` whose rows (path, label) are changed by a function."""

    def build(root: Path) -> Path:
        rows: Rows = [(f"images/{path}", label) for path, label in _rows(root / "images")]
        return table(root / name, header or ("path", "label"), change(rows))

    return build


def _labels(**other: str) -> Callable[[Path], Path]:
    """Other labels for ant, bee and wasp."""
    return _changed(lambda rows: [(path, other.get(label, label)) for path, label in rows])


def _some_labels(label: str, other: str) -> Callable[[Path], Path]:
    """Every second image of a class has another label."""

    def change(rows: Rows) -> Rows:
        return [(path, other if had == label and n % 2 else had) for n, (path, had) in enumerate(rows)]

    return _changed(change)


def _paths(change: Callable[[str], str]) -> Callable[[Path], Path]:
    return _changed(lambda rows: [(change(path), label) for path, label in rows])


def _numbers(zero: str, half: str) -> Callable[[Path], Path]:
    """Labels 0 and 1 of which some are written otherwise."""

    def change(rows: Rows) -> Rows:
        return [(path, half if n % 3 == 0 and n > 2 else zero if n % 2 else "5") for n, (path, _) in enumerate(rows)]

    return _changed(change)


def _split_column(name: str, *values: str) -> Callable[[Path], Path]:
    def change(rows: Rows) -> Rows:
        return [(*row, values[number % len(values)]) for number, row in enumerate(rows)]

    return _changed(change, "path", "label", name)


def _excel_numbers(root: Path) -> Path:
    book = Workbook()
    book.active.append(["file", "class"])
    for number, (path, _) in enumerate(_rows(root / "images")):
        book.active.append([f"images/{path}", float(1 + number % 2)])
    book.save(root / "set.xlsx")
    return root / "set.xlsx"


def _unclosed(root: Path) -> Path:
    rows = [f"images/{path},{label}" for path, label in _rows(root / "images")]
    rows[2] = rows[2].replace(",", ',"')
    return lines(root / "set.csv", ["path,label", *rows])


def _null_bytes(root: Path) -> Path:
    rows = [f"images/{path},{label}" for path, label in _rows(root / "images")]
    return put(root / "set.csv", b"path,label\n" + "\n".join(rows).encode() + b"\0\0\0\n")


def _one_file_missing(root: Path) -> Path:
    built = _labels()(root)
    (root / "images" / "ant2.jpg").unlink()
    return built


def _in_a_sub_folder(root: Path) -> Path:
    """Paths count from the folder around, not from the table's."""
    rows = [(f"images/{path}", label) for path, label in _rows(root / "d" / "images")]
    return table(root / "d" / "annotations" / "labels.csv", ("path", "label"), rows).parent.parent


def _same_name_twice(*, decided: bool) -> Callable[[Path], Path]:
    """The same numbers in two folders; where the table is called like one of them, that one is meant."""

    def build(root: Path) -> Path:
        data = root / "d"
        rows = []
        for number in range(1, 9):
            label = ("cat", "dog")[number % 2]
            images(data / ("train" if decided else "day"), 1, label, f"{number}.jpg")
            images(data / ("test" if decided else "night"), 1, "?", f"{number}.jpg")
            rows.append((str(number), label))
        return table(data / ("train.csv" if decided else "labels.csv"), ("id", "label"), rows).parent

    return build


def _against_folders(root: Path) -> Path:
    """The folders say cat and dog, the table says which breed."""
    data = classes(root / "d", {"cat": 6, "dog": 6}, "{label}{number}.jpg")
    breeds = {"cat": ("persian", "siamese"), "dog": ("beagle", "pug")}
    rows = [(f"{label}/{label}{n}.jpg", breeds[label][n % 2]) for label in breeds for n in range(1, 7)]
    return table(data / "labels.csv", ("image", "breed"), rows).parent


def _answers_beside(root: Path) -> Path:
    """What a network answered is no label."""
    data = classes(root / "d", INSECTS)
    rows = [
        (f"{label}/{n:03}.jpg", ("ant", "bee")[n % 2], "0.8") for label, k in INSECTS.items() for n in range(1, k + 1)
    ]
    return table(data / "predictions.csv", ("path", "prediction", "confidence"), rows).parent


def _grouped(column: str) -> Callable[[Path], Path]:
    def change(rows: Rows) -> Rows:
        return [(path, f"p{number // 3:03}", label) for number, (path, label) in enumerate(rows)]

    return _changed(change, "image", column, "label")


_SEVERAL = ("several|more than one|multi-?label|two labels|twice",)
_READ = Reads(classes=COUNTS, splits=None)
_ALIKE = Refuses(says=("ant",))
_THREE = {"train": 10, "test": 5}


def _like(labels: Mapping[str, str]) -> Reads:
    return Reads(classes={labels[label]: count for label, count in COUNTS.items()}, splits=None)


_MISSING = {"ant": "NA", "bee": "None", "wasp": "nan"}
_ZEROS = {"ant": "007", "bee": "012", "wasp": "100"}
_WORDS = {"ant": "yes", "bee": "no", "wasp": "null"}

CASES = (
    Case(
        name="two-columns-label",
        build=_changed(lambda rows: [(p, k, "x") for p, k in rows], "path", "label", "label"),
        expected=Refuses(says=("label", "two|twice|both|more than one|equal|same")),
    ),
    Case(
        name="label-and-Label",
        build=_changed(lambda rows: [(p, k, p[7:10]) for p, k in rows], "path", "label", "Label"),
        expected=Refuses(says=("label",)),
    ),
    Case(
        name="class-beside-label",
        build=_changed(
            lambda rows: [(p, "insect" if k == "ant" else "other", k) for p, k in rows], "path", "class", "label"
        ),
        expected=Reads(classes=COUNTS, splits=None, says=("class", "--label-column")),
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
        build=_changed(lambda rows: [(p, f"{n * 1.37 + 20:.3f}") for n, (p, _) in enumerate(rows)], "path", "weight"),
        expected=Refuses(says=("number|values|regression|measure|images? each|one image|--label-column",)),
    ),
    Case(
        name="no-label-column",
        build=_changed(lambda rows: [(p, str(n)) for n, (p, _) in enumerate(rows)], "path", "row id"),
        expected=Refuses(says=("label|column",)),
    ),
    Case(
        name="a-label-is-missing",
        build=_changed(lambda rows: [(p, "" if n == 4 else k) for n, (p, k) in enumerate(rows)]),
        expected=Reads(classes={"ant": 5, "bee": 5, "wasp": 4}, splits=None, left_out=1, or_refused=(r"line 6|\b6\b",)),
    ),
    Case(name="paths-backslashes", build=_paths(lambda p: p.replace("/", "\\")), expected=_READ),
    Case(
        name="paths-of-windows",
        build=_paths(lambda p: "C:\\Users\\Ada\\Pictures\\" + p.replace("/", "\\")),
        expected=_READ,
    ),
    Case(name="paths-of-another-home", build=_paths(lambda p: f"/home/ada/work/{p}"), expected=_READ),
    Case(name="paths-of-colab", build=_paths(lambda p: f"/content/drive/My Drive/set/{p}"), expected=_READ),
    Case(name="paths-with-dots", build=_paths(lambda p: f"./{p}"), expected=_READ),
    Case(name="paths-file-url", build=_paths(lambda p: f"file:///home/ada/{p}"), expected=_READ),
    Case(name="paths-web", build=_paths(lambda p: f"https://example.org/set/{p}"), expected=_READ),
    Case(
        name="paths-of-another-format",
        build=_paths(lambda p: p.replace(".jpg", ".png")),
        expected=Reads(classes=COUNTS, splits=None, or_refused=(r"\.png|15",)),
    ),
    Case(
        name="paths-in-capitals",
        build=_paths(lambda p: p.replace(".jpg", ".JPG")),
        expected=Reads(classes=COUNTS, splits=None, or_refused=(r"\.JPG|15",)),
    ),
    Case(
        name="rows-twice",
        build=_changed(lambda rows: [*rows, *rows[:3]]),
        expected=Reads(classes=COUNTS, splits=None, says=(r"\b3\b",)),
    ),
    Case(
        name="rows-that-contradict",
        build=_changed(lambda rows: [*rows, (rows[0][0], "wasp")]),
        expected=Refuses(says=_SEVERAL),
    ),
    Case(
        name="a-file-is-missing",
        build=_one_file_missing,
        expected=Refuses(says=(r"ant2\.jpg", r"(?s)\A(?!.*1 images? that are)")),
    ),
    Case(
        name="all-files-are-missing",
        build=_paths(lambda p: p.replace("images/", "pictures/x")),
        expected=Refuses(says=(r"\b15\b|none|no file|all", "pictures/x")),
    ),
    Case(
        name="row-with-a-column-too-many",
        build=_changed(lambda rows: [(*row, "x") if n == 5 else row for n, row in enumerate(rows)]),
        expected=Refuses(says=(r"\b7\b", "column")),
    ),
    Case(name="unclosed-quotation-mark", build=_unclosed, expected=Refuses(says=("quot", r"\b4\b"))),
    Case(name="null-bytes", build=_null_bytes, expected=Reads(classes=COUNTS, splits=None, or_refused=("set",))),
    Case(name="table-in-a-sub-folder", build=_in_a_sub_folder, expected=_READ),
    Case(
        name="same-name-in-two-folders",
        build=_same_name_twice(decided=False),
        expected=Refuses(says=("day", "night")),
    ),
    Case(
        name="same-name-in-train-and-test",
        build=_same_name_twice(decided=True),
        expected=Reads(classes={"cat": 4, "dog": 4}, splits=None, left_out=8),
    ),
    Case(name="table-against-folders", build=_against_folders, expected=Asks(says=("breed|labels", "folder|cat"))),
    Case(name="answers-beside-folders", build=_answers_beside, expected=Reads(classes=INSECTS, splits=None)),
    Case(
        name="split-is-valid",
        build=_split_column("is_valid", "False", "False", "True"),
        expected=Reads(classes=COUNTS, splits=_THREE),
    ),
    Case(
        name="split-is-train",
        build=_split_column("is_train", "1", "1", "0"),
        expected=Reads(classes=COUNTS, splits=_THREE),
    ),
    Case(
        name="split-train-and-val",
        build=_split_column("set", "TRAIN", "TRAIN", "VAL"),
        expected=Reads(classes=COUNTS, splits=_THREE),
    ),
    Case(name="folds-are-no-split", build=_split_column("fold", "0", "1", "2"), expected=_READ),
    Case(
        name="split-of-unknown-values",
        build=_split_column("split", "A", "B"),
        expected=Reads(classes=COUNTS, splits=None, says=("split",), or_refused=("split",)),
    ),
    *(
        Case(name=f"group-{name}", build=_grouped(name), expected=Reads(classes=COUNTS, splits=None, group=True))
        for name in ("patient_id", "lesion_id", "subject", "Patient ID", "video", "session", "participant")
    ),
)
