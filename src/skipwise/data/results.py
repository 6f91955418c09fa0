"""Folders that Skipwise itself wrote, where they lie among the user's images."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

ARTIFACT = "artifact.json"
RECORDS = frozenset(["plan.json", "run.json", "audit.json", ARTIFACT])
"""What Skipwise writes into the folders of its results."""
LARGEST_RECORD = 2**26
"""Bytes; of a record of ours."""


@dataclass(frozen=True)
class _Golden:
    file: str
    expected: tuple[float, ...]


@dataclass(frozen=True)
class _Artifact:
    """As much of `artifact.json` as tells it from other files of that name."""

    version: int
    format: str
    classes: tuple[str, ...]
    golden: tuple[_Golden, ...]
    files: dict[str, str]


def golden_images(record: bytes) -> frozenset[str]:
    """The images that an artifact brings along to be checked with, relative to its folder; they are not the user's.

    Args:
        record: what is in a file called `artifact.json`, whoever wrote it; none are named in one that is not ours.
    """
    try:
        found = msgspec.json.decode(record, type=_Artifact)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return frozenset()
    return frozenset(each.file for each in found.golden if each.file in found.files)
