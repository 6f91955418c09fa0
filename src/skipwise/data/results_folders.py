"""Recognising folders of results that Skipwise wrote, if they are among the user's images."""

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
"""Some of the fields that have always been in the records of Skipwise's folders of results."""
RECORDS = frozenset(_FIELDS)


def is_record(name: str, content: bytes) -> bool:
    """Returns whether a file with the name of a record has the content of one. The file may come from anybody."""
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
    """The part of `artifact.json` that distinguishes it from other files of that name."""

    version: int
    format: str
    classes: tuple[str, ...]
    golden: tuple[_Golden, ...]
    files: dict[str, str]


def golden_images(record: bytes) -> frozenset[str]:
    """The golden images of an artifact, by their names relative to its folder. They do not belong to the user's images.

    Args:
        record: the content of a file named `artifact.json`, which may come from anybody.
    """
    try:
        check_json(record)
        found = msgspec.json.decode(record, type=_Artifact)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return frozenset()
    return frozenset(each.file for each in found.golden if each.file in found.files)
