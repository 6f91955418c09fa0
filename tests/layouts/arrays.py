"""Images as arrays: .npz, IDX, Parquet with the bytes of image files."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
from numpy.typing import NDArray

from tests.layouts.cases import Case, Reads, Refuses
from tests.layouts.pictures import picture, pixels, put

TRAIN, VAL, TEST = (5, 4, 3), (2, 1, 1), (2, 2, 1)
"""Images of the classes 0, 1 and 2."""


def stack(counts: Sequence[int], *, grey: bool, side: int = 12) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Pixels [N, H, W(, 3)] and class numbers [N], the classes mixed."""
    labels = np.repeat(np.arange(len(counts), dtype=np.uint8), counts)
    order = np.random.default_rng(sum(counts)).permutation(len(labels))
    keys = [f"{sum(counts)} {number}" for number in range(len(labels))]
    made = np.stack([pixels(str(label), key, (side, side)) for label, key in zip(labels, keys, strict=True)])
    return (made[..., 0] if grey else made)[order], labels[order]


def parts(*of_parts: Sequence[int], grey: bool, side: int = 12) -> Callable[[], list]:
    """What `stack` gives for each part of a set."""
    return lambda: [stack(counts, grey=grey, side=side) for counts in of_parts]


def counted(*of_splits: Sequence[int], names: Sequence[str] = "012") -> dict[str, int]:
    """Images by class name."""
    return {name: sum(column) for name, column in zip(names, zip(*of_splits, strict=True), strict=True)}


def _keras(root: Path) -> Path:
    (x_train, y_train), (x_test, y_test) = stack(TRAIN, grey=True), stack(TEST, grey=True)
    np.savez(root / "mnist.npz", x_test=x_test, x_train=x_train, y_train=y_train, y_test=y_test)
    return root / "mnist.npz"


def _medmnist(root: Path, *, grey: bool = False) -> Path:
    arrays = {}
    for split, counts in (("train", TRAIN), ("val", VAL), ("test", TEST)):
        made, labels = stack(counts, grey=grey, side=28)
        arrays |= {f"{split}_images": made, f"{split}_labels": labels[:, None]}
    np.savez_compressed(root / "bloodmnist.npz", **arrays)
    return root / "bloodmnist.npz"


def _chestmnist(root: Path) -> Path:
    arrays = {}
    for split, counts in (("train", TRAIN), ("val", VAL), ("test", TEST)):
        made, labels = stack(counts, grey=True, side=28)
        arrays |= {f"{split}_images": made, f"{split}_labels": (labels[:, None] >= np.arange(14)).astype(np.uint8)}
    np.savez_compressed(root / "chestmnist.npz", **arrays)
    return root / "chestmnist.npz"


def _unsplit_npz(root: Path) -> Path:
    made, labels = stack(TRAIN, grey=False)
    np.savez(root / "set.npz", images=made, labels=labels)
    return root / "set.npz"


def idx(array: NDArray[np.uint8]) -> bytes:
    """An array of bytes in LeCun's IDX format."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def _idx(*names: str, packed: bool = False, side: int = 28) -> Callable[[Path], Path]:
    """Images and labels of train and test under these four names."""

    def build(root: Path) -> Path:
        arrays = (*stack(TRAIN, grey=True, side=side), *stack(TEST, grey=True, side=side))
        for name, array in zip(names, arrays, strict=True):
            put(root / "d" / name, gzip.compress(idx(array)) if packed else idx(array))
        return root / "d"

    return build


def hugging_face(file: Path, counts: Mapping[str, int], *, names: Sequence[str] | None, first: int = 0) -> Path:
    """A Parquet shard with an Image feature and, where `names` are given, a ClassLabel, as `datasets` writes it."""
    rows: list[dict] = []
    labels: list[object] = []
    for label, count in counts.items():
        for number in range(first, first + count):
            name = f"{label}_{number:04}.jpg"
            rows.append({"bytes": picture(label, name), "path": name})
            labels.append(label if names is None else names.index(label))
    image = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    kind = pyarrow.string() if names is None else pyarrow.int64()
    label_feature: dict[str, object] = {"dtype": "string", "_type": "Value"}
    if names is not None:
        label_feature = {"names": list(names), "_type": "ClassLabel"}
    features = {"image": {"_type": "Image"}, "label": label_feature}
    made = pyarrow.table({"image": pyarrow.array(rows, image), "label": pyarrow.array(labels, kind)})
    made = made.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    file.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(made, file, row_group_size=4)
    return file


_NAMES = ("beaver", "dolphin", "otter")


def _hf_file(root: Path) -> Path:
    return hugging_face(root / "set.parquet", {"otter": 4, "beaver": 6}, names=_NAMES[::-1])


def _hf_folder(root: Path) -> Path:
    data = root / "mammals"
    for shard in range(2):
        name = f"train-{shard:05}-of-00002.parquet"
        hugging_face(data / "data" / name, dict(zip(_NAMES, (3, 3, 2), strict=True)), names=_NAMES, first=10 * shard)
    hugging_face(data / "data" / "test-00000-of-00001.parquet", {"beaver": 2, "otter": 2}, names=_NAMES, first=50)
    put(data / "README.md", "---\ndataset_info:\n  features:\n  - name: image\n    dtype: image\n---\n")
    put(data / ".gitattributes", "*.parquet filter=lfs diff=lfs merge=lfs -text\n")
    return data


def _hf_strings(root: Path) -> Path:
    return hugging_face(root / "set.parquet", {"ant": 4, "bee": 5}, names=None)


_SPLITS = {"train": 12, "test": 5}

CASES = (
    Case(
        name="npz-keras",
        build=_keras,
        expected=Reads(classes=counted(TRAIN, TEST), splits=_SPLITS),
        decodes=True,
        pixels=parts(TRAIN, TEST, grey=True),
    ),
    Case(
        name="npz-medmnist",
        build=_medmnist,
        expected=Reads(classes=counted(TRAIN, VAL, TEST), splits={"train": 12, "val": 4, "test": 5}),
        decodes=True,
        pixels=parts(TRAIN, VAL, TEST, grey=False, side=28),
    ),
    Case(
        name="npz-medmnist-several-labels",
        build=_chestmnist,
        expected=Refuses(says=("several|more than one|multi-?label",)),
    ),
    Case(name="npz-unsplit", build=_unsplit_npz, expected=Reads(classes=counted(TRAIN), splits=None), decodes=True),
    Case(
        name="idx",
        build=_idx(
            "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
        ),
        expected=Reads(classes=counted(TRAIN, TEST), splits=_SPLITS),
        decodes=True,
        pixels=parts(TRAIN, TEST, grey=True, side=28),
    ),
    Case(
        name="idx-gz",
        build=_idx(
            "train-images-idx3-ubyte.gz",
            "train-labels-idx1-ubyte.gz",
            "t10k-images-idx3-ubyte.gz",
            "t10k-labels-idx1-ubyte.gz",
            packed=True,
        ),
        expected=Reads(classes=counted(TRAIN, TEST), splits=_SPLITS),
        decodes=True,
        pixels=parts(TRAIN, TEST, grey=True, side=28),
    ),
    Case(
        name="idx-with-dots",
        build=_idx(
            "train-images.idx3-ubyte", "train-labels.idx1-ubyte", "t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte"
        ),
        expected=Reads(classes=counted(TRAIN, TEST), splits=_SPLITS),
    ),
    Case(
        name="parquet-one-file",
        build=_hf_file,
        expected=Reads(classes={"beaver": 6, "otter": 4}, splits=None),
        decodes=True,
    ),
    Case(
        name="parquet-shards",
        build=_hf_folder,
        expected=Reads(
            classes={"beaver": 8, "dolphin": 6, "otter": 6}, splits={"train": 16, "test": 4}, says=("dolphin",)
        ),
        decodes=True,
    ),
    Case(
        name="parquet-string-labels",
        build=_hf_strings,
        expected=Reads(classes={"ant": 4, "bee": 5}, splits=None),
        decodes=True,
    ),
)
