"""Folders, pictures and tables put together by chance, out of names that mean something to a reader."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from pathlib import Path
from random import Random

from tests.layouts.pictures import picture
from tests.mutations.kinds import WRITERS

FOLDERS = """
    train test val valid training testing images masks cat dog ant bee 1 2 03 patient_1 patient_2 part_1 part_2
    sample labels annotations data set a ab .hidden trainA trainB seg_train seg_test eval dev Train original
    color unlabeled
""".split()
STEMS = "001 002 3 cat.1 dog.2 cat_1 dog_2 a b IMG_1 1_cat 2_dog img_001_3 x_mask x".split()
COLUMNS = """
    path image file id filename image_id label class target category dx species split set fold is_valid usage partition
    patient_id video group cat dog ant a x1 pixels pixel0 width text url score data.image Label y key name
""".split()
CELLS = "cat dog ant 0 1 2 1.0 0.5 train test val p1 p2 v1 True False unassigned cat|dog".split()
NAMES = "labels train test val metadata annotations classes images split data set trainLabels list".split()


def compose(root: Path, rng: Random) -> Path:
    """Makes the files and returns the folder."""
    top = root / rng.choice(("d", "images", "train"))
    top.mkdir()
    folders = [top]
    for _ in range(rng.randint(0, 12)):
        folders.append(rng.choice(folders) / rng.choice(FOLDERS))
    pictures = []
    for folder in folders:
        folder.mkdir(exist_ok=True)
        for _ in range(rng.choice((0, 0, 1, 3, 6))):
            name = f"{rng.choice(STEMS)}.{rng.choice(('jpg', 'jpg', 'jpg', 'png', 'PNG', 'cr2', 'txt'))}"
            (folder / name).write_bytes(picture(folder.name, name))
            pictures.append((folder / name).relative_to(top).as_posix())
    for _ in range(rng.choice((0, 1, 1, 2, 3))):
        _table(rng.choice((top, rng.choice(folders))), pictures, rng)
    return top


def _table(folder: Path, pictures: list[str], rng: Random) -> None:
    width = rng.choice((1, 2, 2, 3, 3, 5))
    kinds = ["picture", *rng.choices(("label", "label", "picture", "number", "split", "constant"), k=width - 1)]
    rng.shuffle(kinds)
    shown = rng.choice(
        (str, str, lambda name: name.rpartition("/")[2], lambda name: name.rpartition("/")[2].split(".")[0])
    )
    rows = [rng.choices(COLUMNS, k=width)] if rng.random() < 0.8 else []
    listed = rng.sample(pictures, rng.randint(0, len(pictures))) + rng.choices(
        [*pictures, "no.jpg"], k=rng.choice((0, 0, 2))
    )
    for number, name in enumerate(listed):
        cells = {
            "picture": shown(name),
            "label": rng.choice(CELLS[:3]),
            "number": str(number),
            "split": rng.choice(("train", "test", "val")),
            "constant": "x",
        }
        rows.append([rng.choice(CELLS) if rng.random() < 0.02 else cells[kind] for kind in kinds])
    name = rng.choice((*NAMES, *(each.partition(".")[0] for each in FOLDERS[:4])))
    suffix = rng.choice((".csv", ".csv", ".txt", ".tsv", *WRITERS))
    with contextlib.suppress(Exception):  # what writers refuse is no input for a reader
        (folder / f"{name}{suffix}").write_bytes(_written(rows, suffix, rng))


def _written(rows: list[list[str]], suffix: str, rng: Random) -> bytes:
    if suffix in WRITERS:
        return WRITERS[suffix](rows, rng)
    if rng.random() < 0.1:
        return json.dumps({row[0]: row[-1] for row in rows}).encode()
    buffer = io.StringIO()
    separator = {".csv": rng.choice(",,,;"), ".tsv": "\t", ".txt": rng.choice(" \t,")}[suffix]
    csv.writer(buffer, delimiter=separator, lineterminator="\n").writerows(rows)
    return buffer.getvalue().encode()
