"""The images of a study: a split that is the same wherever the study is done on the same images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.data.options import ReadingOptions
from skipwise.data.sources import open_source
from skipwise.data.splits import save_split
from skipwise.studies.designs import Subset

SEED = 0


def write_subset(data: str, images: Subset, path: Path) -> None:
    """Writes the split.csv of a study.

    Training and validation images are drawn from the set's training images, test images from its test images. A set
    without a split is cut.

    Args:
        data: where the images are.
        images: how many of them.
        path: the file.

    Raises:
        SkipwiseError: the images can't be found, or there are too few.
    """
    try:
        source = open_source(data, ReadingOptions())
    except SkipwiseError as error:
        if data != images.data:
            raise
        raise SkipwiseError(f"{error} Or say where the images are: --data {data}=path/to/images.") from error
    there = np.full(len(source.labels), "train") if source.splits is None else np.array(source.splits)
    whole, held_out = np.flatnonzero(there != "test"), np.flatnonzero(there == "test")
    rng = np.random.default_rng(SEED)
    classes = len(source.classes)
    if source.splits is None:
        shuffled = _in_turn(whole, source.labels, rng, classes)
        held_out, whole = shuffled[: images.test], shuffled[images.test :]
    shuffled = _in_turn(whole, source.labels, rng, classes)
    train, used = images.train, images.train + images.val
    for what, wanted, has in (("training", used, len(shuffled)), ("test", images.test, len(held_out))):
        if wanted > has:
            raise SkipwiseError(
                f"{images.data} has {has:,} {what} images, and this study takes {wanted:,}; name the whole set with "
                f"--data {images.data}=PLACE."
            )
    split = np.full(len(source.labels), "", dtype="<U5")
    split[shuffled[:train]], split[shuffled[train:used]] = "train", "val"
    split[_in_turn(held_out, source.labels, rng, classes)[: images.test]] = "test"
    labels = np.array(source.classes)[source.labels].tolist()
    save_split(path, source.ids, labels, split.tolist(), [""] * len(labels))


def _in_turn(
    members: NDArray[np.int64], labels: NDArray[np.int64], rng: np.random.Generator, classes: int
) -> NDArray[np.int64]:
    """The images in an order in which classes take turns, so that every beginning has each of them alike often."""
    shuffled = rng.permutation(members)
    of_class = np.zeros(len(shuffled), dtype=np.int64)
    for number in range(classes):
        mine = labels[shuffled] == number
        of_class[mine] = np.arange(mine.sum())
    return shuffled[np.lexsort((labels[shuffled], of_class))]
