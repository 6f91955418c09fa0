"""Arrays of other shapes, types and values, or under other names."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from skipwise.data.sources.arrays.matlab import load_matlab
from tests.mutations.contents import files

OTHERS: tuple[Callable[[Any], Any], ...] = (
    lambda v: v[:0],
    lambda v: v[:1],
    lambda v: v[..., None],
    lambda v: v[None],
    lambda v: v.ravel(),
    lambda v: v.T,
    lambda v: v.astype(np.float64) + 0.5,
    lambda v: v.astype(np.float32) * np.nan,
    lambda v: v.astype(np.float16) / 0,
    lambda v: v.astype(np.float64) * 1e300,
    lambda v: v.astype(np.int64) - 2**40,
    lambda v: v.astype(np.uint64) + np.uint64(2**63),
    lambda v: -v.astype(np.int16),
    lambda v: v.astype(complex),
    lambda v: v.astype(str),
    lambda v: v.astype("S"),
    lambda v: v.astype(object),
    lambda v: v.astype("M8[s]"),
    lambda v: v > 1,
    lambda _: np.array("x"),
    lambda _: np.array([[]]),
    lambda v: np.zeros((len(v), 0)),
    lambda v: np.zeros((len(v), 0, 4)),
    lambda v: np.zeros((len(v), 5)),
    lambda v: np.eye(len(v)),
    lambda v: np.full(len(v), "\ud800x\n\x01"),
    lambda v: np.full(len(v), " "),
    lambda v: np.full(len(v), b"\xff\xfe"),
    lambda v: np.array([{"a": 1}] * len(v)),
    lambda v: np.array([(1, 2.0)] * len(v), dtype="i4,f8"),
    lambda v: np.array([str(each) * 2000 for each in v.ravel()[: len(v)]]),
    lambda v: np.broadcast_to(v[:1], v.shape),
    lambda v: np.asfortranarray(v),
    lambda v: v[::-1],
)
NAMES = ("x_val", "y_test", "label", "classes", "class_names", "test_images", "images", "X", "", "a/b", "\x01")


def odd_arrays(root: Path, rng: Random) -> str:
    """An array of an array file that is something else, or under another name."""
    chosen = files(root, ".npz", ".npy", ".mat")
    if not chosen:
        return ""
    file = rng.choice(chosen)
    buffer = io.BytesIO()
    with contextlib.suppress(Exception), warnings.catch_warnings():  # what writers refuse is no input for a reader
        warnings.simplefilter("ignore")
        if file.suffix == ".npy":
            np.save(buffer, rng.choice(OTHERS)(np.load(file)), allow_pickle=True)
        else:
            from scipy.io import savemat

            data = file.read_bytes()
            # scipy's own reader would not survive what may have been done to the file before.
            arrays = dict(np.load(io.BytesIO(data))) if file.suffix == ".npz" else load_matlab(file.name, data)
            key = rng.choice(sorted(arrays))
            changed = rng.choice(OTHERS)(np.asarray(arrays.pop(key)))
            names = rng.choice(((key,), (key,), (), (key, rng.choice(NAMES)), (rng.choice(NAMES),)))
            arrays |= dict.fromkeys(names, changed)
            np.savez(buffer, **arrays) if file.suffix == ".npz" else savemat(
                buffer, arrays, do_compression=rng.random() < 0.5
            )
        file.write_bytes(buffer.getvalue())
        return f"arrays of {file.name!r}"
    return ""
