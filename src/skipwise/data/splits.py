"""train / val / test: stratified, seeded, written down."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skipwise.errors import SkipwiseError

SPLITS = ("train", "val", "test")
TEST_SHARE = 0.15


def make_splits(
    labels: NDArray[np.int64], classes: Sequence[str], *, val_share: float, test_share: float, seed: int
) -> NDArray[np.str_]:
    """Which split each image belongs to, every class in the same proportions.

    Own code, since scikit-learn's stratified split can leave a class of three images out of a split.

    Args:
        labels: class numbers [N].
        val_share, test_share: of all images; a share of 0 leaves that split empty.

    Returns:
        "train", "val" or "test" per image, [N].

    Raises:
        SkipwiseError: a class with fewer images than there are splits.
    """
    wanted = {"test": test_share, "val": val_share}
    count = 1 + sum(share > 0 for share in wanted.values())
    splits = np.full(len(labels), "train", dtype="<U5")
    rng = np.random.default_rng(seed)
    for number, name in enumerate(classes):
        members = rng.permutation(np.flatnonzero(labels == number))
        if len(members) < count:
            raise SkipwiseError(
                f"The class {name!r} has {len(members)} image{'s' * (len(members) != 1)}, fewer than the {count} "
                f"splits; add images or remove that class."
            )
        taken = 0
        for split, share in wanted.items():
            if share > 0:
                size = max(1, round(len(members) * share))
                splits[members[taken : taken + size]] = split
                taken += size
        if taken >= len(members):
            raise SkipwiseError(
                f"The class {name!r} has {len(members)} images, which leaves none to train on; "
                "make --val-share smaller."
            )
    return splits
