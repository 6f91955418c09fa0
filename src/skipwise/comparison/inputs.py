"""A comparison's images: split once, decoded once, kept in its folder for every process that trains.

split.csv    which image is in which split; stays
images.npy   the decoded pixels; removed when the comparison is finished
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skipwise.comparison.plan import Plan
from skipwise.data.pack import Images, load_pixels, save_pixels, save_split
from skipwise.data.sources import ImageSource
from skipwise.data.splits import TEST_SHARE, make_splits
from skipwise.errors import SkipwiseError

VAL_SHARE = 0.15
VAL_SHARE_OF_GIVEN = 0.10


def split_source(
    source: ImageSource, *, val_share: float | None, seed: int
) -> tuple[NDArray[np.str_], float | None, float | None]:
    """The split of every image, and the validation and test shares used: None for a split that came with the images.

    Args:
        val_share: of all images where nothing is split, of the training images where only validation is missing;
            None for the usual 15% and 10%.

    Raises:
        SkipwiseError: a share out of range, or a class with fewer images than splits.
    """
    if val_share is not None and not 0 <= val_share < 1:
        raise SkipwiseError(f"--val-share must be at least 0 and below 1, not {val_share:g}.")
    if source.splits is None:
        share = VAL_SHARE if val_share is None else val_share
        if share + TEST_SHARE >= 1:
            raise SkipwiseError(
                f"--val-share {share:g} leaves nothing to train on beside {TEST_SHARE:g} for testing; make it smaller."
            )
        splits = make_splits(source.labels, source.classes, val_share=share, test_share=TEST_SHARE, seed=seed)
        return splits, share, TEST_SHARE
    splits = np.array(source.splits, dtype="<U5")
    if "val" in source.splits:
        if val_share is not None:
            raise SkipwiseError(
                f"{source.name} brings its own validation images, so --val-share has nothing to do; leave it out."
            )
        return splits, None, None
    share = VAL_SHARE_OF_GIVEN if val_share is None else val_share
    train = np.flatnonzero(splits == "train")
    splits[train] = make_splits(source.labels[train], source.classes, val_share=share, test_share=0.0, seed=seed)
    return splits, share, None


def store_images(folder: Path, images: Images) -> None:
    """Writes both files; the pixels last, so that where they are the split is too."""
    save_split(folder / "split.csv", images)
    save_pixels(folder / "images.npy", images.pixels)


def images_stored(folder: Path, plan: Plan) -> bool:
    """Whether the folder still has the pixels of this plan."""
    try:
        pixels = load_pixels(folder / "images.npy")
    except (OSError, ValueError):
        return False
    size, channels = plan.preprocessing.size, plan.preprocessing.channels
    return pixels.shape == (sum(plan.split_images.values()), size, size, channels)


def load_images(folder: Path, plan: Plan) -> Images:
    """What `store_images` wrote, the pixels mapped rather than read.

    Raises:
        SkipwiseError: a file is missing or damaged.
    """
    try:
        with (folder / "split.csv").open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            rows = list(csv.DictReader(file))
        numbers = {name: number for number, name in enumerate(plan.classes)}
        return Images(
            name=plan.data,
            classes=plan.classes,
            ids=np.array([row["path"] for row in rows]),
            labels=np.array([numbers[row["label"]] for row in rows], dtype=np.int64),
            split=np.array([row["split"] for row in rows]),
            pixels=load_pixels(folder / "images.npy"),
            fingerprint=plan.fingerprint,
        )
    except (OSError, ValueError, KeyError) as error:
        raise SkipwiseError(
            f"The images kept in {folder} can't be read ({error}); give the same command again."
        ) from error
