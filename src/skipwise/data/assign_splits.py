"""The choice of a split for each image of a source, and the groups of images that belong together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.core.text import count
from skipwise.data.quality.duplicate_groups import group_numbers
from skipwise.data.quality.findings import Audit
from skipwise.data.sources import Source
from skipwise.data.splits import TEST_SHARE, make_splits

VAL_SHARE = 0.15
"""The validation images' share of all images, where the source brings no split."""
VAL_SHARE_OF_GIVEN = 0.10
"""The validation images' share of the training images, where the source brings no validation images."""


def groups_of(source: Source, audit: Audit, members: NDArray[np.int64]) -> NDArray[np.int64]:
    """A group number for each of `members`. Images of one group are (near-)duplicates, or have the same group name."""
    pairs = audit.pairs
    if source.groups is not None:
        first: dict[str, int] = {}
        named = [(first.setdefault(group, index), index) for index, group in enumerate(source.groups) if group]
        pairs = np.concatenate([pairs, np.array(named, dtype=np.int64).reshape(-1, 2)])
    numbers = group_numbers(len(source.ids), pairs)
    return np.unique(numbers[members], return_inverse=True)[1]


def images_without_group(source: Source, members: NDArray[np.int64]) -> str:
    """A sentence about images that have no group while others have one; "" if there are none."""
    lacking = [] if source.groups is None else [index for index in members.tolist() if not source.groups[index]]
    if not lacking or len(lacking) == len(members):
        return ""
    return (
        f"{len(lacking):,} of {len(members):,} images have no group, such as {source.ids[lacking[0]]}; each of them "
        "counts as a group of its own."
    )


def divided_groups(source: Source, members: NDArray[np.int64]) -> str:
    """A sentence about groups whose images the given split puts into several splits; "" if there are none."""
    if source.splits is None or source.groups is None:
        return ""
    sides: dict[str, set[str]] = {}
    for index in members.tolist():
        sides.setdefault(source.groups[index], set()).add(source.splits[index])
    divided = sorted(group for group, splits in sides.items() if group and len(splits) > 1)
    if not divided:
        return ""
    return (
        f"{count(len(divided), 'group')} of {source.name} {'are' if len(divided) != 1 else 'is'} in more than one "
        f"split, such as {divided[0]!r}."
    )


def check_folds(source: Source, val_share: float | None) -> None:
    """Raises SkipwiseError where cross-validation makes no sense."""
    if source.splits is not None:
        raise SkipwiseError(f"{source.name} comes with a split, so it cannot be cross-validated; leave --folds out.")
    if val_share:
        raise SkipwiseError("Cross-validation has no validation images; leave --val-share or --folds out.")


def assign_splits(
    source: Source, groups: NDArray[np.int64], members: NDArray[np.int64], share: float | None, seed: int
) -> tuple[NDArray[np.str_], float | None, float | None]:
    """The split of every image, and the shares of validation and test images that were cut off.

    Args:
        groups: the group of each of `members`.
        members: the indices of the images that are used.
        share: the share of validation images, or None for the default.
        seed: seed of the split.

    Returns:
        The split of each image [N], "" for images that are not used; the share of validation images and that of test
        images, None where they came with the images.

    Raises:
        SkipwiseError: a share or a class is too small or too large for the split.
    """
    split = np.full(len(source.ids), "", dtype="<U5")
    if source.splits is None:
        val_share = VAL_SHARE if share is None else share
        if val_share + TEST_SHARE >= 1:
            raise SkipwiseError(
                f"--val-share {val_share:g} leaves nothing to train on, since {TEST_SHARE:g} is for testing; make it "
                "smaller."
            )
        split[members] = make_splits(
            source.labels[members],
            source.classes,
            val_share=val_share,
            test_share=TEST_SHARE,
            seed=seed,
            groups=groups,
        )
        return split, val_share, TEST_SHARE
    split[members] = np.array(source.splits)[members]
    if "val" in split:
        if share is not None:
            raise SkipwiseError(
                f"{source.name} comes with validation images, so --val-share has no effect; leave it out."
            )
        return split, None, None
    val_share = VAL_SHARE_OF_GIVEN if share is None else share
    if val_share:
        train = np.flatnonzero(split[members] == "train")
        split[members[train]] = make_splits(
            source.labels[members[train]],
            source.classes,
            val_share=val_share,
            test_share=0.0,
            seed=seed,
            groups=np.unique(groups[train], return_inverse=True)[1],
        )
    return split, val_share, None
