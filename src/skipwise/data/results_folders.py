"""Folders that Skipwise itself wrote, where they lie among the user's images."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from skipwise.core.files.json_limits import check_json

ARTIFACT = "artifact.json"
_FIELDS = {
    "plan.json": {"question", "fingerprint", "classes"},
    "run.json": {"spec", "status", "machine"},
    "audit.json": {"reading", "fingerprint", "findings"},
    ARTIFACT: {"version", "golden", "provenance", "files"},
}
"""Some of what has always been in each of the records that Skipwise writes into folders of its results."""
RECORDS = frozenset(_FIELDS)


def is_record(name: str, content: bytes) -> bool:
    """Whether a file that is called like a record of ours is one, whoever wrote it."""
    try:
        check_json(content)
        found = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False
    return _FIELDS[name] <= found.keys()


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
        check_json(record)
        found = msgspec.json.decode(record, type=_Artifact)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return frozenset()
    return frozenset(each.file for each in found.golden if each.file in found.files)
