"""A comparison's images and weights: which image is in which split, and where every process that trains finds the
pixels and the files that networks start from.

split.csv     which image is in which split; stays
folds.csv     in cross-validation, in which part each image is in each repeat; stays
images.json   where the decoded pixels are, or how to decode them; removed when the comparison is finished
weights.json  where the files of weights are that networks start from; removed likewise
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from msgspec import UnsetType
from numpy.typing import NDArray

from skipwise.comparison.plan.plan import Plan
from skipwise.core.errors import SkipwiseError
from skipwise.core.escaping import csv_cell, from_csv_cell
from skipwise.core.files.atomic import write_text
from skipwise.core.files.checksums import read_sealed, sha256, write_sealed
from skipwise.core.options import command_words
from skipwise.data.cache.node_copy import open_near
from skipwise.data.cache.rows import RowReader
from skipwise.data.columns.names import Names
from skipwise.data.images import Images, Pixels, Selected
from skipwise.data.location import check_tables, place_of, remember
from skipwise.data.options import DataOptions, ReadingOptions
from skipwise.data.prepare import Prepared, Request
from skipwise.data.scan.inspection import PixelFormat
from skipwise.data.scan.journal import row_remaker
from skipwise.data.scan.scan import Scan, scan_images, source_state
from skipwise.data.sources import Source, open_source
from skipwise.data.sources.source import Versions
from skipwise.data.splits import make_folds, save_split
from skipwise.data.store.packed import pack
from skipwise.data.store.streamed import Streamed
from skipwise.data.subsets import nested_part
from skipwise.evaluation.variants import Originals
from skipwise.training.folder.record import RunSpec


@dataclass(frozen=True, kw_only=True)
class StoredImages:
    """`images.json`: where the images' pixels are.

    Args:
        pack: the path of the decoded pixels; None where images are decoded in every epoch.
        request: how to read the images, to decode them again; older versions did not write it beside a pack.
        state: the state of the images when they were read.
        rows: the row in the pack of each image of split.csv.
    """

    pack: str | None
    request: Request | None
    state: str
    rows: tuple[int, ...]


def image_options(request: Request) -> tuple[str, ...]:
    """The options about images that were given, as on the command line."""
    which = {"split": request.split, "exclude": request.exclude}
    return (*command_words(DataOptions, which), *command_words(ReadingOptions, vars(request.reading)))


def store_images(folder: Path, plan: Plan, prepared: Prepared, request: Request, packed: RowReader | None) -> None:
    """Writes split.csv, folds.csv and images.json into the folder; images.json is written last."""
    source, members = prepared.source, prepared.members.tolist()
    grouped = plan.grouping is not None or plan.learning_curve
    save_split(
        folder / "split.csv",
        [source.ids[index] for index in members],
        [source.classes[source.labels[index]] for index in members],
        [str(prepared.split[index]) for index in members],
        [str(prepared.duplicated_in[index]) for index in members],
        prepared.groups.tolist() if grouped else None,
    )
    if plan.folds is not None:
        _store_folds(folder, plan.question.seeds, plan.folds, prepared)
    remember(folder, request, source, tables=["split.csv"] if plan.folds is None else ["split.csv", "folds.csv"])
    data = place_of(request, source)
    found = StoredImages(
        pack=None if packed is None else str(packed.path.absolute()),
        request=replace(request, data=data),
        state=source_state(source),
        rows=tuple(members),
    )
    write_sealed(folder / "images.json", found)


def _store_folds(folder: Path, seeds: Sequence[int], folds: int, prepared: Prepared) -> None:
    source, members = prepared.source, prepared.members
    labels = source.labels[members]
    parts = [make_folds(labels, source.classes, prepared.groups, folds=folds, seed=seed) for seed in seeds]
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["path", *(f"seed {seed}" for seed in seeds)])
    writer.writerows(zip([csv_cell(source.ids[index]) for index in members.tolist()], *parts, strict=True))
    write_text(folder / "folds.csv", table.getvalue())


@dataclass(frozen=True, kw_only=True)
class StoredWeights:
    """`weights.json`: the paths of files of weights, by their SHA-256."""

    paths: dict[str, str]


def store_weights(folder: Path, files: Mapping[str, Path]) -> None:
    """Writes weights.json, if there are files of weights."""
    if files:
        paths = {digest: str(path.absolute()) for digest, path in files.items()}
        write_sealed(folder / "weights.json", StoredWeights(paths=paths))


def weights_of(folder: Path, spec: RunSpec) -> Path | None:
    """The file of weights that a run starts from; None where it starts from scratch.

    Raises:
        SkipwiseError: the file is gone, or was changed.
    """
    if spec.init is None:
        return None
    path = Path(read_sealed(folder / "weights.json", StoredWeights).paths.get(spec.init, ""))
    if not path.is_file() or sha256(path) != spec.init:
        raise SkipwiseError(
            f"The weights that {spec.model} starts from are gone from {path}, or were changed; put them back, and give "
            "the same command again."
        )
    return path


def in_fold(images: Images, spec: RunSpec, folder: Path) -> Images:
    """The images as a run sees them: in cross-validation, one part for testing and the others for training.

    Raises:
        SkipwiseError: the comparison's folds.csv is missing or damaged.
    """
    if spec.fold is None:
        return images
    path = folder / "folds.csv"
    check_tables(folder, path.name)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            parts = {from_csv_cell(row["path"]): int(row[f"seed {spec.seed}"]) for row in csv.DictReader(file)}
        tested = np.array([parts[name] == spec.fold[0] for name in images.ids.tolist()])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SkipwiseError(f"{path} can't be read ({error}); give the same command again.") from error
    return replace(images, split=np.where(tested, "test", "train"))


def in_part(images: Images, spec: RunSpec, groups: Callable[[], NDArray[np.int64]]) -> Images:
    """The images as a run sees them that trains on a part of the training images, whole groups of them.

    Args:
        groups: returns the number of each image's group.
    """
    if isinstance(spec.train_share, UnsetType):
        return images
    members = images.members("train")
    part = nested_part(images.labels[members], spec.train_share, seed=spec.seed, groups=groups()[members])
    split = images.split.copy()
    split[members[~part]] = ""
    return replace(images, split=split)


def read_groups(folder: Path) -> NDArray[np.int64]:
    """The number of each image's group, as split.csv says it.

    Raises:
        SkipwiseError: the file is missing or damaged.
    """
    names = [row.get("group", str(number)) for number, row in enumerate(read_split_table(folder))]
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def load_images(folder: Path, plan: Plan) -> Images:
    """The images that `store_images` wrote down.

    Raises:
        SkipwiseError: a file is missing or damaged.
    """
    table = read_split_table(folder)
    try:
        found = read_sealed(folder / "images.json", StoredImages)
        rows = np.array(found.rows, dtype=np.int64)
        numbers = {name: number for number, name in enumerate(plan.classes)}
        return Images(
            name=plan.data,
            classes=plan.classes,
            ids=Names.of(row["path"] for row in table),
            labels=np.array([numbers[row["label"]] for row in table], dtype=np.int64),
            split=np.array([row["split"] for row in table]),
            duplicated_in=np.array([row["twin"] for row in table]),
            pixels=Selected(_pixels(found, plan), rows),
            fingerprint=plan.fingerprint,
        )
    except (OSError, ValueError, KeyError) as error:
        raise SkipwiseError(
            f"The images of {folder} can't be read any more ({error}); give the same command again."
        ) from error


def originals_of(folder: Path, plan: Plan, images: Images) -> Originals:
    """The images of which versions are made, and the versions that their data set brings.

    Raises:
        SkipwiseError: the data set can't be opened any more, or has changed.
    """
    brought: Versions = {}
    if "backgrounds" in plan.question.variants:
        found = read_sealed(folder / "images.json", StoredImages)
        rows = np.array(found.rows, dtype=np.int64)
        brought = {name: partial(_of_rows, pixels, rows) for name, pixels in _opened(found).versions.items()}
    return Originals(pixels=images.pixels, preprocessing=plan.preprocessing, brought=brought)


def _of_rows(
    pixels: Callable[[NDArray[np.int64]], NDArray[np.uint8]], rows: NDArray[np.int64], numbers: NDArray[np.int64]
) -> NDArray[np.uint8]:
    return pixels(rows[numbers])


def read_split_table(folder: Path) -> list[dict[str, str]]:
    """The rows of a comparison's split.csv: path, label, split and twin, and group where images belong together.

    Raises:
        SkipwiseError: it is missing or damaged.
    """
    check_tables(folder, "split.csv")
    try:
        with (folder / "split.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        names = ["path", "label", "split", "twin", *(["group"] if rows and "group" in rows[0] else [])]
        return [{name: from_csv_cell(row[name]) for name in names} for row in rows]
    except (OSError, ValueError, KeyError) as error:
        raise SkipwiseError(f"{folder / 'split.csv'} can't be read ({error}); give the same command again.") from error


def _pixels(found: StoredImages, plan: Plan) -> Pixels:
    if found.pack is None:
        return Streamed(*_looked_at(found), PixelFormat.from_preprocessing(plan.preprocessing))

    def remake(numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        source, seen = _looked_at(found)
        return row_remaker(source, PixelFormat.from_preprocessing(plan.preprocessing), seen.digests, seen.faults)(
            numbers
        )

    # The cache may have been deleted, or damaged, since the comparison began.
    return open_near(Path(found.pack), remake) or pack(
        *_looked_at(found), PixelFormat.from_preprocessing(plan.preprocessing)
    )


def _looked_at(found: StoredImages) -> tuple[Source, Scan]:
    source = _opened(found)
    return source, scan_images(source)


def _opened(found: StoredImages) -> Source:
    asked = found.request
    if asked is None:
        raise SkipwiseError(f"{found.pack} is gone or damaged; give the same command again.")
    source = open_source(asked.data, asked.reading)
    if source_state(source) != found.state:
        raise SkipwiseError(f"The images in {asked.data} changed since training began; give the same command again.")
    return source
