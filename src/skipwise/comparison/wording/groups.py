"""Test images that belong together, in words."""

from __future__ import annotations

from skipwise.comparison.question.grouping import Grouping
from skipwise.core.text import count
from skipwise.statistics import FEWEST_GROUPS


def in_groups(grouping: Grouping, images: int) -> str:
    """Counts test images and their groups: "900 test images in 30 groups (column patient)"."""
    groups = f"{count(images, 'test image')} in {count(grouping.groups, 'group')}"
    return f"{groups} ({grouping.by})" if grouping.by else f"{groups}: {images - grouping.groups:,} near-duplicates"


def group_warnings(grouping: Grouping, images: int) -> list[str]:
    """Lists the limits of these groups of test images, a sentence each."""
    found = []
    if grouping.groups < FEWEST_GROUPS:
        found.append(
            f"The test images are of {count(grouping.groups, 'group')}, too few to know how much groups differ. The "
            f"intervals may be too narrow: add groups, so that there are at least {FEWEST_GROUPS}."
        )
    if 2 * grouping.largest >= images:
        found.append(
            f"One group holds {grouping.largest:,} of the {images:,} test images, so the result is mostly about that "
            "group: add images of others, or use finer groups."
        )
    if grouping.lone:
        more = f" (and of {count(len(grouping.lone) - 1, 'more class')})" if len(grouping.lone) > 1 else ""
        found.append(
            f"All test images of the class {grouping.lone[0]!r}{more} are of one group, so what is said of the class "
            "is about that group: add images of others."
        )
    return found
