"""`predictions.npz`: what a run's network predicts for the validation and test images."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import Damaged
from skipwise.core.files.atomic import atomic
from skipwise.core.files.regular import open_regular
from skipwise.core.files.zip_directory import open_zip
from skipwise.data.containers import LONGEST_NAME
from skipwise.training.folder.files import AGAIN, check_file

LONGEST_ID = 4 * LONGEST_NAME
"""Bytes that numpy takes for the id of an image."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """A split's answers: ids [N], labels [N], logits [N, classes]."""

    ids: NDArray[np.str_]
    labels: NDArray[np.int64]
    logits: NDArray[np.float32]


def read_predictions(folder: Path, split: str) -> Predictions:
    """The predictions of a finished run for "val" or "test".

    Raises:
        SkipwiseError: the file is missing or damaged.
    """
    path = folder / "predictions.npz"
    check_file(folder, path.name)
    try:
        names = [f"{split}_{name}.npy" for name in ("ids", "labels", "logits")]
        with open_regular(path) as file, open_zip(file) as members:
            _check_shapes([header_of(members, name, path.stat().st_size) for name in names])
            return Predictions(*(array_in(members, name) for name in names))
    except Exception as error:  # numpy raises half a dozen kinds for a damaged archive
        raise Damaged(f"{path} is damaged ({error}); {AGAIN}.") from error


def write_predictions(folder: Path, results: dict[str, Predictions]) -> None:
    """Writes the predictions of each split."""
    arrays = {
        f"{split}_{field}": getattr(result, field)
        for split, result in results.items()
        for field in ("ids", "labels", "logits")
    }
    with atomic(folder / "predictions.npz") as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def header_of(members: zipfile.ZipFile, name: str, most: int) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """The shape and the type of an array. Raises ValueError unless its bytes are there, as many as these say."""
    info = members.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or not info.file_size == info.compress_size <= most:
        raise ValueError(f"{name} is packed, as nothing of ours is")
    with members.open(info) as file:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError(f"{name} has a header of another kind")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        if file.tell() + math.prod(shape) * dtype.itemsize != info.file_size:
            raise ValueError(f"{name} has {info.file_size:,} bytes, and its shape is {shape}")
    return shape, dtype


def _check_shapes(headers: Sequence[tuple[tuple[int, ...], np.dtype[Any]]]) -> None:
    """Raises ValueError unless these are of ids, labels and logits of the same images."""
    shapes = [shape for shape, _ in headers]
    if [len(shape) for shape in shapes] != [1, 1, 2] or len({shape[0] for shape in shapes}) > 1:
        raise ValueError(f"its arrays have the shapes {shapes}")
    widths = [dtype.itemsize for _, dtype in headers]
    if [dtype.kind for _, dtype in headers] != ["U", "i", "f"] or widths[0] > LONGEST_ID or max(widths[1:]) > 8:
        raise ValueError(f"its arrays hold {', '.join(str(dtype) for _, dtype in headers)}")


def array_in(members: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """An array, whose header was looked at before."""
    with members.open(name) as file:
        return np.lib.format.read_array(file, allow_pickle=False)
