"""`variants/NAME.npz` in a run's folder: which class its network answers for each version of each test image.

`variants/NAME.json` beside it is written last. It says which weights answered, and has the checksums of both.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import Damaged, SkipwiseError
from skipwise.core.files.atomic import atomic
from skipwise.core.files.checksums import KEY, check_files, read_sealed, write_sealed
from skipwise.core.files.folders import make_folder
from skipwise.core.files.json_records import read_json
from skipwise.core.files.regular import open_regular
from skipwise.core.files.zip_directory import open_zip
from skipwise.training.folder.files import AGAIN
from skipwise.training.folder.names import RECORD, VARIANTS
from skipwise.training.folder.predictions import LONGEST_ID, array_in, header_of


@dataclass(frozen=True, kw_only=True)
class VariantRecord:
    """The record of the answers.

    Args:
        variant: its name.
        versions: their names, in the order of the answers.
        weights: the SHA-256 of the weights that answered.
    """

    variant: str
    versions: tuple[str, ...]
    weights: str


@dataclass(frozen=True, kw_only=True, eq=False)
class VariantAnswers:
    """The answers of a run to a variant of its test images.

    Args:
        ids: of the images [N].
        answers: the number of the class that each version of each image was taken for [versions, N]; -1 where the
            network gave no finite numbers.
    """

    ids: NDArray[np.str_]
    answers: NDArray[np.int32]


def write_variant(folder: Path, variant: str, versions: tuple[str, ...], found: VariantAnswers) -> None:
    """Writes the answers of a finished run.

    Raises:
        SkipwiseError: the disk is full, read-only, ...
    """
    home = folder / VARIANTS
    make_folder(home)
    with atomic(home / f"{variant}.npz") as temporary, temporary.open("wb") as file:
        np.savez(file, ids=found.ids, answers=found.answers)
    record = VariantRecord(variant=variant, versions=versions, weights=_weights(folder))
    write_sealed(home / f"{variant}.json", record, [f"{variant}.npz"])


def has_variant(folder: Path, variant: str, versions: tuple[str, ...]) -> bool:
    """Returns whether a finished run's answers are there, undamaged, and those of its present weights.

    Raises:
        SkipwiseError: a file can't be read just now.
    """
    if not (folder / VARIANTS / f"{variant}.json").exists():
        return False
    try:
        read_variant(folder, variant, versions)
    except Damaged:
        return False
    return True


def read_variant(folder: Path, variant: str, versions: tuple[str, ...]) -> VariantAnswers:
    """The answers of a finished run to a variant.

    Raises:
        Damaged: they are missing, damaged, or of other weights.
    """
    home = folder / VARIANTS
    path, record = home / f"{variant}.npz", home / f"{variant}.json"
    if not record.exists():
        raise Damaged(f"{path} is missing; {AGAIN}.")
    said = read_sealed(record, VariantRecord)
    check_files(record, path.name, mend=AGAIN)
    if said != VariantRecord(variant=variant, versions=versions, weights=_weights(folder)):
        raise Damaged(f"{path} is of other weights, or of other versions of the images; {AGAIN}.")
    try:
        with open_regular(path) as file, open_zip(file) as members:
            _check([header_of(members, f"{name}.npy", path.stat().st_size) for name in ("ids", "answers")], versions)
            return VariantAnswers(ids=array_in(members, "ids.npy"), answers=array_in(members, "answers.npy"))
    except Exception as error:  # numpy raises half a dozen kinds for a damaged archive
        raise Damaged(f"{path} is damaged ({error}); {AGAIN}.") from error


def _check(headers: list[tuple[tuple[int, ...], np.dtype[Any]]], versions: tuple[str, ...]) -> None:
    """Raises ValueError unless these are of the ids of images, and of answers to so many versions of them."""
    (ids, kind_of_id), (answers, kind) = headers
    if len(ids) != 1 or answers != (len(versions), *ids):
        raise ValueError(f"its arrays have the shapes {[ids, answers]}")
    if kind_of_id.kind != "U" or kind_of_id.itemsize > LONGEST_ID or kind != np.int32:
        raise ValueError(f"its arrays hold {kind_of_id} and {kind}")


def _weights(folder: Path) -> str:
    """The SHA-256 of a finished run's weights, as its record has it.

    Raises:
        SkipwiseError: the record has none.
    """
    found = read_json(folder / RECORD, dict[str, Any]).get(KEY, {}).get("weights.safetensors")
    if not isinstance(found, str):
        raise SkipwiseError(f"{folder / RECORD} has no checksum of weights, as earlier versions wrote none; {AGAIN}.")
    return found
