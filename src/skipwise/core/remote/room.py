"""The room for copies of files from addresses: what the disk holds, and what the user allows."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from skipwise.core.errors import SkipwiseError
from skipwise.core.text import byte_size

VARIABLE = "SKIPWISE_MAX_COPY"
"""The environment variable that limits the bytes of all copies together."""
FREE_SHARE = 0.05
"""Share of a disk that is left free."""
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]*)?(?:e[0-9]{1,2})?)\s*([kmgt]?)b?", re.IGNORECASE | re.ASCII)
_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


@dataclass(frozen=True, kw_only=True)
class Room:
    """The bytes that can still be copied, and why no more."""

    bytes: int
    why: str


def room_in(folder: Path, *, copied: int) -> Room:
    """The room in a folder of the cache that exists.

    Args:
        copied: bytes of the other copies.

    Raises:
        SkipwiseError: the environment variable SKIPWISE_MAX_COPY is not a number of bytes.
    """
    disk = shutil.disk_usage(folder)
    free = max(0, int(disk.free - FREE_SHARE * disk.total))
    of_disk = Room(
        bytes=free,
        why=f"{byte_size(disk.free)} are free in {folder}, and {FREE_SHARE:.0%} of the disk is left alone",
    )
    allowed = most_copied()
    if allowed is None or allowed - copied >= free:
        return of_disk
    others = f", of which other copies have {byte_size(copied)}" if copied else ""
    return Room(bytes=max(0, allowed - copied), why=f"{VARIABLE} is {byte_size(allowed)}{others}")


def most_copied() -> int | None:
    """The bytes that the user allows; None if nothing is said.

    Raises:
        SkipwiseError: what is said is not a number of bytes.
    """
    text = os.environ.get(VARIABLE, "").strip().replace("_", "")
    if not text:
        return None
    found = _SIZE.fullmatch(text)
    if found is None:
        raise SkipwiseError(
            f"The environment variable {VARIABLE} is {text[:40]!r}; it takes the bytes that copies of images from "
            "addresses may have, such as 50e9 or 50G."
        )
    return round(float(found[1]) * _FACTORS[found[2].lower()])
