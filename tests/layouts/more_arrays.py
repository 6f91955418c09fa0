"""Arrays and Parquet as they lie about: packed and unpacked, several sets in a folder, two labels, odd shapes."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet

from tests.layouts.arrays import TEST, TRAIN, counted, hugging_face, idx, parts, stack
from tests.layouts.cases import Asks, Case, Reads
from tests.layouts.pictures import picture, put
from tests.layouts.published_arrays import CIFAR
from tests.layouts.tables import COUNTS, listed, text
from tests.layouts.text_lists import lines

IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def _idx_arrays() -> list[tuple[str, bytes]]:
    arrays = (*stack(TRAIN, grey=True, side=28), *stack(TEST, grey=True, side=28))
    return [(name, idx(array)) for name, array in zip(IDX, arrays, strict=True)]


def _torchvision_raw(root: Path) -> Path:
    """What torchvision leaves: each file packed and unpacked."""
    for name, data in _idx_arrays():
        put(root / "data" / "FashionMNIST" / "raw" / name, data)
        put(root / "data" / "FashionMNIST" / "raw" / f"{name}.gz", gzip.compress(data))
    return root / "data"


def _idx_twice(root: Path) -> Path:
    """MNIST at Kaggle: each file once with a dot in its name, and once in a folder of its own name."""
    for name, data in _idx_arrays():
        put(root / "mnist" / name.replace("-idx", ".idx"), data)
        put(root / "mnist" / name / name, data)
    return root / "mnist"


def _several_npz(root: Path) -> Path:
    for name in ("bloodmnist", "pathmnist"):
        made, labels = stack(TRAIN, grey=False, side=28)
        (root / "medmnist").mkdir(exist_ok=True)
        arrays = {f"{split}_images": made for split in ("train", "val", "test")}
        arrays |= {f"{split}_labels": labels[:, None] for split in ("train", "val", "test")}
        np.savez_compressed(root / "medmnist" / f"{name}.npz", **arrays)
    return root / "medmnist"


def _npz(change: Callable[[np.ndarray], np.ndarray], *, grey: bool = False) -> Callable[[Path], Path]:
    """`x_train`, ... with images changed by a function."""

    def build(root: Path) -> Path:
        arrays: dict[str, Any] = {}
        for split, counts in (("train", TRAIN), ("test", TEST)):
            made, labels = stack(counts, grey=grey)
            arrays |= {f"x_{split}": change(made), f"y_{split}": labels}
        np.savez(root / "set.npz", **arrays)
        return root / "set.npz"

    return build


def _cifar100_binary(root: Path) -> Path:
    """Two bytes in front of the pixels: the coarse label and the fine one."""
    data = root / "cifar-100-binary"
    for name, counts in (("train", TRAIN), ("test", TEST)):
        made, labels = stack(counts, grey=False, side=32)
        rows = made.transpose(0, 3, 1, 2).reshape(len(labels), -1)
        put(data / f"{name}.bin", np.hstack([labels[:, None] // 2, labels[:, None], rows]).tobytes())
    lines(data / "coarse_label_names.txt", ("vehicles", "birds"))
    lines(data / "fine_label_names.txt", CIFAR)
    return data


def _two_labels(root: Path) -> Path:
    """CIFAR-100 at Hugging Face: a fine and a coarse label, both with names."""
    rows = [{"bytes": picture(str(n % 4), f"{n}.png"), "path": None} for n in range(12)]
    image = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    fine, coarse = ["apple", "aquarium_fish", "baby", "beaver"], ["fruit", "animal"]
    columns = {
        "img": pyarrow.array(rows, image),
        "fine_label": pyarrow.array([n % 4 for n in range(12)], pyarrow.int64()),
        "coarse_label": pyarrow.array([n % 2 for n in range(12)], pyarrow.int64()),
    }
    features = {
        "img": {"_type": "Image"},
        "fine_label": {"names": fine, "_type": "ClassLabel"},
        "coarse_label": {"names": coarse, "_type": "ClassLabel"},
    }
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    pyarrow.parquet.write_table(pyarrow.table(columns).replace_schema_metadata(about), root / "set.parquet")
    return root / "set.parquet"


def _in_configuration(pattern: str) -> Callable[[Path], Path]:
    """Shards below a folder for the configuration, and, as Hugging Face converts them, one for each split."""

    def build(root: Path) -> Path:
        names = ("cat", "dog")
        hugging_face(root / "d" / pattern.format(split="train"), {"cat": 5, "dog": 4}, names=names)
        hugging_face(root / "d" / pattern.format(split="test"), {"cat": 2, "dog": 2}, names=names, first=50)
        put(root / "d" / "README.md", "---\nlicense: mit\n---\n")
        return root / "d"

    return build


def _bytes_alone(root: Path) -> Path:
    """A column of bytes and one of numbers, without a word on what they are."""
    rows = [(picture(str(n % 3), f"{n}.jpg"), n % 3) for n in range(12)]
    columns = {"id": list(range(12)), "image": [data for data, _ in rows], "label": [label for _, label in rows]}
    pyarrow.parquet.write_table(pyarrow.table(columns), root / "set.parquet")
    return root / "set.parquet"


def _packed_table(root: Path) -> Path:
    rows = [(f"images/{row['path']}", row["label"]) for row in listed(root / "images")]
    return put(root / "set.csv.gz", gzip.compress(text(("path", "label"), rows).encode()))


_SPLITS = {"train": 12, "test": 5}
_READ = Reads(classes=counted(TRAIN, TEST), splits=_SPLITS)
_PETS = Reads(classes={"cat": 7, "dog": 6}, splits={"train": 9, "test": 4})

CASES = (
    Case(name="idx-of-torchvision", build=_torchvision_raw, expected=_READ, decodes=True),
    Case(name="idx-twice", build=_idx_twice, expected=_READ),
    Case(name="npz-several", build=_several_npz, expected=Asks(says=("bloodmnist", "pathmnist"))),
    Case(
        name="npz-of-fractions",
        build=_npz(lambda made: made / np.float32(255)),
        expected=Reads(classes=_READ.classes, splits=_SPLITS, or_refused=("float|0 to 1|uint8|fraction",)),
        decodes=True,
        pixels=parts(TRAIN, TEST, grey=False),
    ),
    Case(
        name="npz-channels-first",
        build=_npz(lambda made: made.transpose(0, 3, 1, 2)),
        expected=Reads(classes=_READ.classes, splits=_SPLITS, or_refused=("shape|channel|axis|axes",)),
        decodes=True,
        pixels=parts(TRAIN, TEST, grey=False),
    ),
    Case(
        name="npz-one-channel",
        build=_npz(lambda made: made[..., None], grey=True),
        expected=_READ,
        decodes=True,
        pixels=parts(TRAIN, TEST, grey=True),
    ),
    Case(
        name="npz-flat",
        build=_npz(lambda made: made.reshape(len(made), -1), grey=True),
        expected=Reads(classes=_READ.classes, splits=_SPLITS, or_refused=("shape|flat|height",)),
        pixels=parts(TRAIN, TEST, grey=True),
    ),
    Case(
        name="cifar100-binary",
        build=_cifar100_binary,
        expected=Reads(
            classes=counted(TRAIN, TEST, names=CIFAR),
            splits=_SPLITS,
            otherwise_named=(_READ.classes,),
            says=("fine|coarse",),
            or_refused=("cifar-?100",),
        ),
        pixels=parts(TRAIN, TEST, grey=False, side=32),
    ),
    Case(
        name="parquet-two-labels",
        build=_two_labels,
        expected=Asks(says=("fine_label", "coarse_label", "--label-column")),
    ),
    Case(
        name="parquet-two-labels-named",
        build=_two_labels,
        expected=Reads(classes=dict.fromkeys(("apple", "aquarium_fish", "baby", "beaver"), 3), splits=None),
        options={"label_column": "fine_label"},
        decodes=True,
    ),
    *(
        Case(name=f"parquet-{pattern}".replace("/", "-"), build=_in_configuration(pattern), expected=_PETS)
        for pattern in ("plain_text/{split}-00000-of-00001.parquet", "default/{split}/0000.parquet")
    ),
    Case(
        name="parquet-bytes-alone",
        build=_bytes_alone,
        expected=Reads(classes={"0": 4, "1": 4, "2": 4}, splits=None),
        decodes=True,
    ),
    Case(
        name="csv-gz",
        build=_packed_table,
        expected=Reads(classes=COUNTS, splits=None, or_refused=("gz|unpack|gunzip",)),
    ),
)
