"""More sets with lists beside the images: pets, groceries, traffic signs, and lists for training programs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from tests.layouts.cases import Asks, Case, Reads
from tests.layouts.pictures import images, put
from tests.layouts.tables import table
from tests.layouts.text_lists import lines


def _pets(root: Path) -> Path:
    """Labels in lists with comments; a mask of each image, and clutter that macOS left, beside."""
    data = root / "oxford-iiit-pet"
    rows = []
    for number, (label, species) in enumerate((("Abyssinian", 1), ("american_bulldog", 2), ("Bengal", 1)), 1):
        names = images(data / "images", 6, label, label + "_{number}.jpg")
        rows += [f"{name[:-4]} {number} {species} {number}" for name in names]
    comments = ("#Image CLASS-ID SPECIES BREED ID", "#ID: 1:37 Class ids", "#SPECIES: 1:Cat 2:Dog")
    lines(data / "annotations" / "list.txt", (*comments, *rows))
    lines(data / "annotations" / "trainval.txt", [row for index, row in enumerate(rows) if index % 3 != 2])
    lines(data / "annotations" / "test.txt", rows[2::3])
    for row in rows:
        stem = row.partition(" ")[0]
        Image.new("L", (12, 12), 2).save(put(data / "annotations" / "trimaps" / f"{stem}.png"))
        put(data / "annotations" / "trimaps" / f"._{stem}.png", b"\0\5\26\7\0\2\0\0Mac OS X")
        put(data / "annotations" / "xmls" / f"{stem}.xml", "<annotation><object><name>cat</name></object></annotation>")
    return data


def _groceries(root: Path) -> Path:
    """A fine and a coarse label in each list, both numbers; the folders nest unequally."""
    data = root / "GroceryStoreDataset" / "dataset"
    fine = (
        ("Fruit/Apple/Golden-Delicious", 0, 0),
        ("Fruit/Apple/Granny-Smith", 1, 0),
        ("Fruit/Avocado", 2, 1),
        ("Packages/Milk/Arla-Standard-Milk", 3, 2),
        ("Vegetables/Carrots", 4, 3),
    )
    for split, count in (("train", 4), ("val", 1), ("test", 2)):
        rows = []
        for folder, number, coarse in fine:
            if split == "val" and number == 4:
                continue
            pattern = Path(folder).name + "_{number:03}.jpg"
            names = images(data / split / folder, count, folder, pattern, of=split)
            rows += [f"{split}/{folder}/{name}, {number}, {coarse}" for name in names]
        lines(data / f"{split}.txt", rows)
    header = "Class Name (str),Class ID (int),Coarse Class Name (str),Coarse Class ID (int),Iconic Image Path (str)"
    coarse_names = ("Apple", "Avocado", "Milk", "Carrots")
    named = []
    for folder, number, coarse in fine:
        leaf = Path(folder).name
        icon = f"/iconic-images-and-descriptions/{folder}/{leaf}_Iconic.jpg"
        images(data / "iconic-images-and-descriptions" / folder, 1, folder, f"{leaf}_Iconic.jpg", of="icon")
        named.append(f"{leaf},{number},{coarse_names[coarse]},{coarse},{icon}")
    lines(data / "classes.csv", (header, *named))
    return data


def _traffic_signs(root: Path) -> Path:
    """The official download: a table with semicolons in each class folder, a table without labels for the test part."""
    data = root / "GTSRB"
    header = ("Filename", "Width", "Height", "Roi.X1", "Roi.Y1", "Roi.X2", "Roi.Y2", "ClassId")
    for label in range(3):
        folder = data / "Final_Training" / "Images" / f"{label:05}"
        names = images(folder, 5, str(label), f"0000{label}_{{number:05}}.ppm", first=0)
        rows = [(name, "12", "12", "1", "1", "10", "10", str(label)) for name in names]
        table(folder / f"GT-{label:05}.csv", header, rows, delimiter=";")
    names = images(data / "Final_Test" / "Images", 4, "?", "{number:05}.ppm", first=0)
    rows = [(name, "12", "12", "1", "1", "10", "10") for name in names]
    table(data / "Final_Test" / "Images" / "GT-final_test.test.csv", header[:-1], rows, delimiter=";")
    put(data / "Readme-Images.txt", "The German Traffic Sign Recognition Benchmark\n")
    return data


def _traffic_signs_kaggle(root: Path) -> Path:
    """Test images lie loose, but Test.csv has their labels; Meta holds one drawing of each sign."""
    data = root / "gtsrb"
    header = ("Width", "Height", "Roi.X1", "Roi.Y1", "Roi.X2", "Roi.Y2", "ClassId", "Path")
    box = ("12", "12", "1", "1", "10", "10")
    train, test, meta = [], [], []
    for label in range(3):
        names = images(data / "Train" / str(label), 5, str(label), f"0000{label}_00000_{{number:05}}.png", first=0)
        train += [(*box, str(label), f"Train/{label}/{name}") for name in names]
        name = images(data / "Meta", 1, str(label), f"{label}.png", of="Meta")[0]
        meta.append((f"Meta/{name}", str(label), "0", "1"))
    for number in range(6):
        name = images(data / "Test", 1, str(number % 3), f"{number:05}.png", of="Test")[0]
        test.append((*box, str(number % 3), f"Test/{name}"))
    table(data / "Train.csv", header, train)
    table(data / "Test.csv", header, test)
    table(data / "Meta.csv", ("Path", "ClassId", "ShapeId", "ColorId"), meta)
    return data


def _paddle(root: Path) -> Path:
    data = root / "flowers102"
    rows = []
    for number, label in enumerate(("pink primrose", "globe thistle")):
        names = images(data / "jpg", 6, label, "image_{number:05}.jpg", first=1 + 10 * number)
        rows += [f"jpg/{name} {number}" for name in names]
    lines(data / "train_list.txt", [row for index, row in enumerate(rows) if index % 3 != 2])
    lines(data / "val_list.txt", rows[2::3])
    lines(data / "flowers102_label_list.txt", ("0 pink primrose", "1 globe thistle"))
    return data


def _open_mmlab(root: Path) -> Path:
    """Flat folders for the splits; lists relative to them in meta/."""
    data = root / "my_dataset"
    for split, count in (("train", 5), ("val", 2), ("test", 2)):
        rows = []
        for number, label in enumerate(("cat", "dog")):
            names = images(data / split, count, label, "{number:06}.png", first=1 + 100 * number, of=split)
            rows += [f"{name} {number}" for name in names]
        lines(data / "meta" / f"{split}.txt", rows)
    lines(data / "meta" / "classes.txt", ("cat", "dog"))
    return data


def _list_alone(mark: str, name: str) -> Callable[[Path], Path]:
    """A list without a header line is what the user names."""

    def build(root: Path) -> Path:
        rows = []
        for number, label in enumerate(("cat", "dog", "cow")):
            rows += [f"pictures/{x}{mark}{number}" for x in images(root / "pictures", 4, label, label + "{number}.jpg")]
        return lines(root / name, rows)

    return build


def _list_with_spaces(root: Path) -> Path:
    """Names with spaces: the label is what follows the last one."""
    rows = []
    for label in ("cat", "dog"):
        rows += [f"my pictures/{x} {label}" for x in images(root / "my pictures", 4, label, label + " ({number}).jpg")]
    return lines(root / "list.txt", rows)


_FINE = ("Golden-Delicious", "Granny-Smith", "Avocado", "Arla-Standard-Milk", "Carrots")
_SIGNS = Reads(classes={"00000": 5, "00001": 5, "00002": 5}, splits=None, left_out=4)

CASES = (
    Case(
        name="oxford-pets",
        build=_pets,
        expected=Reads(
            classes={"1": 6, "2": 6, "3": 6},
            splits={"train": 12, "test": 6},
            otherwise_named=({"Abyssinian": 6, "american_bulldog": 6, "Bengal": 6},),
            says=(r"\b18\b",),
            or_refused=("--label-regex|--label-column",),
        ),
    ),
    Case(
        name="grocery-store-lists",
        build=_groceries,
        expected=Asks(says=("--class-level|--label-column|classes", r"train\.txt|lists?|Fruit")),
    ),
    Case(
        name="gtsrb-official",
        build=_traffic_signs,
        expected=Reads(**{**_SIGNS.__dict__, "otherwise_named": (dict.fromkeys("012", 5),)}),
        decodes=True,
    ),
    Case(
        name="gtsrb-kaggle",
        build=_traffic_signs_kaggle,
        expected=Reads(classes=dict.fromkeys("012", 7), splits={"train": 15, "test": 6}, left_out=3),
    ),
    Case(
        name="paddle-clas",
        build=_paddle,
        expected=Reads(
            classes={"pink primrose": 6, "globe thistle": 6},
            splits={"train": 8, "test": 4},
            left_out=0,
            otherwise_named=({"0": 6, "1": 6},),
        ),
    ),
    Case(
        name="open-mmlab-lists",
        build=_open_mmlab,
        expected=Reads(
            classes={"cat": 9, "dog": 9},
            splits={"train": 10, "val": 4, "test": 4},
            left_out=0,
            otherwise_named=({"0": 9, "1": 9},),
        ),
    ),
    *(
        Case(
            name=f"list-{name}",
            build=_list_alone(mark, name),
            expected=Reads(classes={"0": 4, "1": 4, "2": 4}, splits=None, left_out=0),
        )
        for mark, name in ((" ", "list.txt"), ("\t", "list.tsv"), (",", "list.csv"), (", ", "list-spaced.csv"))
    ),
    Case(
        name="list-with-spaces-in-names",
        build=_list_with_spaces,
        expected=Reads(classes={"cat": 4, "dog": 4}, splits=None, left_out=0),
    ),
)
