"""The smallest array files and Parquet at which a reader failed, found by `tests/fuzzing.py`."""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
from scipy.io import savemat

from tests.layouts.cases import Case, Reads, Refuses
from tests.layouts.pictures import picture, put
from tests.layouts.trees import plant

Build = Callable[[Path], Path]


def arrays(**content: Any) -> Build:
    """An .npz file."""

    def build(root: Path) -> Path:
        np.savez(root / "d.npz", **content)
        return root / "d.npz"

    return build


def parquet(*shards: Mapping[str, Any], metadata: bytes = b"{}") -> Build:
    """A folder of Parquet files, of columns as lists."""

    def build(root: Path) -> Path:
        (root / "d").mkdir()
        for number, columns in enumerate(shards):
            made = pyarrow.table(dict(columns)).replace_schema_metadata({b"huggingface": metadata})
            pyarrow.parquet.write_table(made, root / "d" / f"{number}.parquet")
        return root / "d"

    return build


def _matlab_of_no_type(root: Path) -> Path:
    """Numbers of a type that there is none of, at which scipy's reader ends the process."""
    buffer = io.BytesIO()
    savemat(buffer, {"X": np.zeros((8, 8, 3, 4), np.uint8), "y": np.array([1, 1, 2, 2])})
    data = bytearray(buffer.getvalue())
    place = data.index(struct.pack("<II", 2, 8 * 8 * 3 * 4))
    data[place] = 11
    return put(root / "train_32x32.mat", bytes(data))


def _flowers(root: Path) -> Path:
    """Numbers of images from 0, of which the first would get the last label."""
    plant(root / "d", "jpg/image_{00000..00005}.jpg")
    savemat(root / "d" / "imagelabels.mat", {"labels": np.array([[1, 1, 1, 2, 2, 2]])})
    savemat(root / "d" / "setid.mat", {"trnid": [[0, 4, 5]], "valid": [[1, 2]], "tstid": [[3]]})
    return root / "d"


def _idx(root: Path) -> Path:
    """A compressed array of which a byte was changed."""
    data = gzip.compress(b"\0\0\x08\x03" + struct.pack(">III", 4, 8, 8) + bytes(256))
    put(root / "train-images-idx3-ubyte.gz", data[:10] + b"\7" + data[11:])
    put(root / "train-labels-idx1-ubyte.gz", gzip.compress(b"\0\0\x08\x01" + struct.pack(">I", 4) + b"\0\0\1\1"))
    return root


_PIXELS = np.arange(6 * 64, dtype=np.uint8).reshape(6, 8, 8)
_TWO = np.array([0, 0, 0, 1, 1, 1])
_JPEG = picture("cat", "1.jpg")
_SHARD = {"image": [_JPEG] * 4, "label": ["cat", "cat", "dog", "dog"]}

CASES = (
    # Parquet.
    Case(
        name="parquet-shards-differ",
        build=parquet(_SHARD, {"image": [_JPEG], "class": ["cat"]}),
        expected=Refuses(says=(r"1\.parquet", "label")),
    ),
    Case(
        name="parquet-metadata-of-something-else",
        build=parquet(_SHARD, metadata=b'{"info": []}'),
        expected=Reads(classes={"cat": 2, "dog": 2}, splits=None),
    ),
    Case(
        name="parquet-label-nan",
        build=parquet({"image": [_JPEG] * 5, "label": [0.0, 0.0, 1.0, 1.0, float("nan")]}),
        expected=Reads(classes={"0": 2, "1": 2}, splits=None, otherwise_named=({"0.0": 2, "1.0": 2},)),
    ),
    # Arrays.
    Case(name="idx-damaged", build=_idx, expected=Refuses(says=("damaged", "idx3"))),
    Case(name="npz-without-pixels", build=arrays(x=np.zeros((6, 0, 8)), y=_TWO), expected=Refuses(says=("empty",))),
    Case(
        name="npz-no-images", build=arrays(x=_PIXELS[:0].astype(float), y=_TWO[:0]), expected=Refuses(says=("empty",))
    ),
    Case(
        name="npz-val-and-test",
        build=arrays(x_val=_PIXELS, y_val=_TWO, x_test=_PIXELS, y_test=_TWO),
        expected=Refuses(says=("training",)),
    ),
    Case(name="npz-test-without-labels", build=arrays(x_test=_PIXELS), expected=Refuses(says=("labels",))),
    Case(
        name="npz-train-without-the-word",
        build=arrays(x=_PIXELS, y=_TWO, x_test=_PIXELS[:2], y_test=_TWO[2:4]),
        expected=Reads(classes={"0": 4, "1": 4}, splits={"train": 6, "test": 2}),
    ),
    Case(
        name="npz-labels-infinite",
        build=arrays(x=_PIXELS, y=np.array([np.inf, 0] * 3)),
        expected=Refuses(says=("y of",)),
    ),
    Case(name="npz-labels-too-large", build=arrays(x=_PIXELS, y=_TWO * 1e300), expected=Refuses(says=("y of",))),
    Case(
        name="npz-labels-not-utf8",
        build=arrays(x=_PIXELS, y=np.array([b"\xff", b"a"] * 3)),
        expected=Refuses(says=("UTF-8",)),
    ),
    Case(
        name="npz-names-twice",
        build=arrays(x=_PIXELS, y=_TWO, class_names=np.array(["cat", "cat"])),
        expected=Reads(classes={"0": 3, "1": 3}, splits=None),
    ),
    Case(
        name="npz-name-not-printable",
        build=arrays(x=_PIXELS, y=np.array(["a\n", "b\x01"] * 3)),
        expected=Reads(classes={"a\\n": 3, "b\\x01": 3}, splits=None),
    ),
    Case(name="matlab-of-no-type", build=_matlab_of_no_type, expected=Refuses(says=("damaged",))),
    Case(name="flowers-from-0", build=_flowers, expected=Refuses(says=("class|label",))),
)
