"""Small pictures of images that have not been decoded yet, as text of a bounded length."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from skipwise.core.reporting import Progress
from skipwise.data.scan.inspection import PixelFormat
from skipwise.data.scan.journal import inspect_images
from skipwise.data.scan.scan import Scan
from skipwise.data.sources import Source
from skipwise.pages.pictures import bounded_url

CHARACTERS = 2_000_000
"""All pictures of a page together; what stands around them is about a million more at most."""
MOST_CHARACTERS = 6_000
SIDES = ((2_000, 96), (1_300, 80), (0, 64))
"""Pixels a side, by the least number of characters for a picture that suffice for so many."""


def small_pictures(
    source: Source, seen: Scan, wanted: Iterable[int], progress: Progress | None = None
) -> dict[int, str]:
    """The middle square of each wanted image, which is what a network sees, as a data URL, by its index.

    The files are read in one pass, each once, decoded in processes of their own.

    Raises:
        SkipwiseError: the container can't be read any more.
    """
    indices = sorted(set(wanted))
    if not indices:
        return {}
    most = min(MOST_CHARACTERS, CHARACTERS // len(indices))
    side = next(side for least, side in SIDES if most >= least)
    side = min(side, int(seen.sides[indices].max()))  # nothing is gained by enlarging
    # A table may list a file in several rows.
    first: dict[str, int] = {}
    same = {index: first.setdefault(source.files[index], index) if source.files else index for index in indices}
    found: dict[int, str] = {}
    with contextlib.closing(
        inspect_images(source, PixelFormat(size=side, channels=3, levels=seen.levels), sorted(set(same.values())))
    ) as looking:
        for some, looks in looking:
            for index, look in zip(some, looks, strict=True):
                if not look.fault:
                    found[index] = bounded_url(look.pixels, side, most)
            if progress is not None:
                progress("Making the contact sheets", len(found), len(indices))
    return {index: found[same[index]] for index in indices if same[index] in found}
