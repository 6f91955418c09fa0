"""Splits into training, validation and test images: stratified, seeded and by groups; and their files."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.core.escaping import csv_cell, from_csv_cell
from skipwise.core.files.atomic import write_text
from skipwise.core.files.checksums import check_files
from skipwise.core.text import count
from skipwise.data.sources.tables.path_table import read_path_table

SPLITS = ("train", "val", "test")
TEST_SHARE = 0.15
"""The test images' share of all images, where the source brings no split."""
SEALED_BY = "source.json"
"""The file with the checksum of the split.csv of a run or a comparison, beside it."""
SPLIT_SEED = 0
"""The seed of splits, the same for every run, whatever the seed of the run is."""


def make_splits(
    labels: NDArray[np.int64],
    classes: Sequence[str],
    *,
    val_share: float,
    test_share: float,
    seed: int,
    groups: NDArray[np.int64] | None = None,
) -> NDArray[np.str_]:
    """Assigns each image to a split, with every class in the same proportions as far as the groups allow.

    scikit-learn is not used here: its stratified split can leave a class of three images out of a split, and its
    grouped one makes only folds of equal size.

    Args:
        labels: class numbers [N].
        classes: class names.
        val_share, test_share: shares of all images, 0 to 1; a share of 0 leaves that split empty.
        seed: seed of the split.
        groups: a number per image [N]; images of one group stay together. None: no groups.

    Returns:
        "train", "val" or "test" for each image [N].

    Raises:
        SkipwiseError: a class has fewer images or groups than there are splits.
    """
    shares = {"test": test_share, "val": val_share}
    wanted = [split for split, share in shares.items() if share > 0]
    sizes = np.bincount(labels, minlength=len(classes))
    # How many images each split still lacks of each class; the rest of the class is for training.
    lacking = {
        split: np.array([max(1, round(size * shares[split])) if size else 0 for size in sizes]) for split in wanted
    }
    for number, name in enumerate(classes):
        if 0 < sizes[number] < len(wanted) + 1:
            raise SkipwiseError(
                f"The class {name!r} has {count(sizes[number], 'image')}, fewer than the "
                f"{len(wanted) + 1} splits; add images or remove that class."
            )
        if sizes[number] and sum(lacking[split][number] for split in wanted) >= sizes[number]:
            raise SkipwiseError(
                f"The class {name!r} has {sizes[number]} images, which leaves none to train on; make --val-share "
                "smaller."
            )
    splits = np.full(len(labels), "train", dtype="<U5")
    rng = np.random.default_rng(seed)
    alone = np.ones(len(labels), dtype=bool)
    if groups is not None:
        alone = np.bincount(groups)[groups] == 1
        _place_groups(labels, groups, alone, lacking, sizes, splits, rng)
    for number in range(len(classes)):
        members = rng.permutation(np.flatnonzero((labels == number) & alone))
        taken = 0
        for split in wanted:
            size = max(0, lacking[split][number])
            splits[members[taken : taken + size]] = split
            taken += size
    if groups is not None:
        _check_groups(labels, classes, splits, ["train", *wanted])
    return splits


def make_folds(
    labels: NDArray[np.int64], classes: Sequence[str], groups: NDArray[np.int64], *, folds: int, seed: int
) -> NDArray[np.int64]:
    """The fold of each image [N], from 0. Folds have nearly the same size and class proportions.

    Images of one group are in one fold.

    Args:
        labels: class numbers [N].
        classes: class names.
        groups: group numbers [N].
        folds: the number of folds.
        seed: seed of the folds.

    Raises:
        SkipwiseError: a class has fewer images or groups than there are folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    for number, name in enumerate(classes):
        images, parts = int((labels == number).sum()), len(np.unique(groups[labels == number]))
        if 0 < parts < folds:
            grouped = f" in {count(parts, 'group')} that belong together" if parts < images else ""
            raise SkipwiseError(
                f"The class {name!r} has {count(images, 'image')}{grouped}, fewer than the {folds} folds; "
                "use fewer --folds, or add images."
            )
    found = np.empty(len(labels), dtype=np.int64)
    splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    for fold, (_, members) in enumerate(splitter.split(labels, labels, groups)):
        found[members] = fold
    return found


def _place_groups(
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    alone: NDArray[np.bool_],
    lacking: dict[str, NDArray[np.int64]],
    sizes: NDArray[np.int64],
    splits: NDArray[np.str_],
    rng: np.random.Generator,
) -> None:
    """Assigns groups of several images, the largest first, to the split that lacks most of their images."""
    room = {**lacking, "train": sizes - sum(lacking.values())}
    grouped = np.flatnonzero(~alone)
    order = grouped[np.argsort(groups[grouped], kind="stable")]
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    parts = np.split(order, starts[1:]) if len(order) else []
    for part in sorted((parts[index] for index in rng.permutation(len(parts))), key=len, reverse=True):
        numbers, counts = np.unique(labels[part], return_counts=True)

        def fit(split: str, numbers: NDArray[np.int64] = numbers, counts: NDArray[np.int64] = counts) -> float:
            # The number of its images that the split has room for. A tie goes to the split that lacks the larger share.
            left = room[split][numbers]
            return float(np.minimum(counts, left).sum() + 0.5 * (left / sizes[numbers]).mean())

        best = max(room, key=fit)
        splits[part] = best
        room[best][numbers] -= counts


def _check_groups(
    labels: NDArray[np.int64], classes: Sequence[str], splits: NDArray[np.str_], wanted: Sequence[str]
) -> None:
    for number in np.unique(labels).tolist():
        missing = [split for split in wanted if not (splits[labels == number] == split).any()]
        if missing:
            raise SkipwiseError(
                f"The images of the class {classes[number]!r} are in so few groups that none is left for "
                f"{missing[0]}; use finer groups, or give a split of your own with --split."
            )


def save_split(
    path: Path,
    ids: Sequence[str],
    labels: Sequence[str],
    split: Sequence[str],
    duplicated_in: Sequence[str],
    groups: Sequence[int] | None = None,
) -> None:
    """Writes a split as a table of path, label, split and twin, without images that have no split.

    Args:
        path: the file.
        ids: the images' names.
        labels: their class names.
        split: "train", "val" or "test" for each image, or "" for an image that is left out.
        duplicated_in: for each image the split, before its own, that has a (near-)duplicate of it, or ""; it is written
            as the column twin.
        groups: a number for each image, written as the column group; None for no such column.
    """
    columns = [ids, labels, split, duplicated_in, *([] if groups is None else [list(map(str, groups))])]
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["path", "label", "split", "twin", "group"][: len(columns)])
    writer.writerows(map(csv_cell, row) for row in zip(*columns, strict=True) if row[2])
    write_text(path, table.getvalue())


def read_split(path: Path, ids: Sequence[str]) -> NDArray[np.str_]:
    """Reads a split as `save_split` writes it.

    Returns:
        The split of each of `ids` [N], "" for images that are not in the table.

    Raises:
        SkipwiseError: the file does not exist or has changed, or it is not a split of these images.
    """
    if not path.is_file():
        raise SkipwiseError(f"There is no file {path}; --split takes a split.csv that Skipwise wrote, or one like it.")
    if (path.parent / SEALED_BY).is_file():
        check_files(path.parent / SEALED_BY, path.name, mend="if you edited it, use a copy in another folder")
    listed = read_path_table(path)
    if listed.columns.split is None:
        raise SkipwiseError(f"{path} has no column 'split'; it needs path, label and split.")
    given: dict[str, str] = {}
    known = set(ids)
    for row in listed.rows:
        name = row.file if row.file in known else from_csv_cell(row.file)
        if given.setdefault(name, row.split) != row.split:
            raise SkipwiseError(
                f"Line {row.line} of {path} puts {name!r} into {row.split}, an earlier line into {given[name]}."
            )
    for split in ("train", "test"):
        if split not in given.values():
            raise SkipwiseError(f"No line of {path} has the split {split!r}; add some, or leave --split out.")
    unknown = given.keys() - known
    if unknown:
        first, *others = sorted(unknown)
        also = f" and {count(len(others), 'other image')}" if others else ""
        raise SkipwiseError(
            f"{path} lists {first!r}{also}, which these images do not have; give --split the split of these images."
        )
    return np.array([given.get(name, "") for name in ids], dtype="<U5")
