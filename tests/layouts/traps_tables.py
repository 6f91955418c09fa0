"""Tables that tempt to a wrong reading, or to a traceback: contradictions, other people's paths, odd labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tests.layouts.cases import Asks, Case, Reads, Refuses
from tests.layouts.folders import INSECTS
from tests.layouts.pictures import classes, images, put
from tests.layouts.tables import COUNTS, listed, table
from tests.layouts.text_lists import lines

Rows = list[tuple[str, ...]]


def _rows(folder: Path) -> Rows:
    """Images in a folder; (name, class) of each, 15 in all."""
    return [(row["path"], row["label"]) for row in listed(folder)]


def changed(
    change: Callable[[Rows], Sequence[Sequence[str]]], *header: str, name: str = "set.csv"
) -> Callable[[Path], Path]:
    """A table beside the folder `images` whose rows (path, label) are changed by a function."""

    def build(root: Path) -> Path:
        rows: Rows = [(f"images/{path}", label) for path, label in _rows(root / "images")]
        return table(root / name, header or ("path", "label"), change(rows))

    return build


def _paths(change: Callable[[str], str]) -> Callable[[Path], Path]:
    return changed(lambda rows: [(change(path), label) for path, label in rows])


def _split_column(name: str, *values: str) -> Callable[[Path], Path]:
    def change(rows: Rows) -> Rows:
        return [(*row, values[number % len(values)]) for number, row in enumerate(rows)]

    return changed(change, "path", "label", name)


def _unclosed(root: Path) -> Path:
    rows = [f"images/{path},{label}" for path, label in _rows(root / "images")]
    rows[2] = rows[2].replace(",", ',"')
    return lines(root / "set.csv", ["path,label", *rows])


def _null_bytes(root: Path) -> Path:
    rows = [f"images/{path},{label}" for path, label in _rows(root / "images")]
    return put(root / "set.csv", b"path,label\n" + "\n".join(rows).encode() + b"\0\0\0\n")


def _one_file_missing(root: Path) -> Path:
    built = changed(list)(root)
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


def _without_zeros(root: Path) -> Path:
    """A spreadsheet made numbers of 0001, 0002 ..."""
    rows = []
    for number, label in enumerate(("cat", "dog")):
        rows += [
            (str(int(name[:4])), label)
            for name in images(root / "images", 4, label, "{number:04}.jpg", first=1 + 4 * number)
        ]
    return table(root / "set.csv", ("id", "label"), rows)


def _two_pictures(root: Path) -> Path:
    """Each thing was photographed from two sides."""
    for side in ("front", "side"):
        listed(root / side)
    rows = [(f"front/{path}", f"side/{path}", label) for path, label in _rows(root / "front")]
    return table(root / "set.csv", ("front", "side", "label"), rows)


def _address_and_file(rows: Rows) -> Rows:
    return [(f"https://example.org/{number}", path, label) for number, (path, label) in enumerate(rows)]


def _grouped(column: str) -> Callable[[Path], Path]:
    def change(rows: Rows) -> Rows:
        return [(path, f"p{number // 3:03}", label) for number, (path, label) in enumerate(rows)]

    return changed(change, "image", column, "label")


_READ = Reads(classes=COUNTS, splits=None)
_THREE = {"train": 10, "test": 5}


CASES = (
    Case(name="paths-backslashes", build=_paths(lambda p: p.replace("/", "\\")), expected=_READ),
    Case(
        name="paths-of-windows",
        build=_paths(lambda p: "C:\\Users\\Ada\\Pictures\\" + p.replace("/", "\\")),
        expected=_READ,
    ),
    Case(name="paths-of-another-home", build=_paths(lambda p: f"/home/ada/images/{p}"), expected=_READ),
    Case(name="paths-of-colab", build=_paths(lambda p: f"/content/drive/My Drive/set/{p}"), expected=_READ),
    Case(name="paths-from-the-root", build=_paths(lambda p: f"/{p}"), expected=_READ),
    Case(
        name="ids-without-their-zeros",
        build=_without_zeros,
        expected=Reads(classes={"cat": 4, "dog": 4}, splits=None, or_refused=(r"\b8\b|not there|1",)),
    ),
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
        build=changed(lambda rows: [*rows, *rows[:3]]),
        # Two images of one file, which the audit names, or one: but it is said.
        expected=Reads(
            classes={"ant": 9, "bee": 5, "wasp": 4}, splits=None, otherwise_named=(COUNTS,), says=(r"\b3\b",)
        ),
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
        build=changed(lambda rows: [(*row, "x") if n == 5 else row for n, row in enumerate(rows)]),
        expected=Refuses(says=(r"\b7\b", "column")),
    ),
    Case(name="unclosed-quotation-mark", build=_unclosed, expected=Refuses(says=("quot", r"\b4\b"))),
    Case(
        name="null-bytes",
        build=_null_bytes,
        expected=Reads(classes=COUNTS, splits=None, or_refused=("image|utf|null|zero",)),
    ),
    Case(name="two-image-columns", build=_two_pictures, expected=Asks(says=("--image-column", "front", "side"))),
    Case(
        name="two-image-columns-named",
        build=_two_pictures,
        expected=Reads(classes=COUNTS, splits=None),
        options={"image_column": "side"},
    ),
    Case(
        name="address-beside-file",
        build=changed(_address_and_file, "image_url", "filename", "label"),
        expected=_READ,
    ),
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
        Case(name=f"proposes-{name}", build=_grouped(name), expected=Reads(classes=COUNTS, splits=None, group=True))
        for name in ("patient_id", "lesion_id", "subject", "Patient ID", "video", "session", "participant")
    ),
    Case(
        name="grouped-by-a-column",
        build=_grouped("patient_id"),
        expected=Reads(classes=COUNTS, splits=None, groups=5),
        options={"group": "patient_id"},
    ),
)
