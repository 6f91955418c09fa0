"""The main facts of an artifact's certificate; the record itself belongs to `verify`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from skipwise.core.files.json_limits import check_json
from skipwise.core.files.json_records import LARGEST_RECORD
from skipwise.core.files.regular import read_regular


@dataclass(frozen=True, kw_only=True)
class Quality:
    """The quality of the answers to labelled images."""

    accuracy: float


@dataclass(frozen=True, kw_only=True)
class Certified:
    """The parts of certificate.json that are shown to clients.

    Args:
        artifact: the hash of the artifact that it is about.
        outcome: as `verify` said.
        passed: whether nothing is outside the tolerance.
        certified: whether it is certified.
        data: the name of the images; None where there were only golden ones.
        images: number of images.
    """

    artifact: str
    outcome: str
    passed: bool
    certified: bool = False
    data: str | None = None
    images: int = 0


def read_certified(folder: Path, identity: str) -> Certified | None:
    """The certificate in an artifact's folder; None where there is none, or it is damaged or about another artifact."""
    try:
        content = read_regular(folder / "certificate.json", LARGEST_RECORD)
        check_json(content)
        found = msgspec.json.decode(content, type=Certified)
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return found if found.artifact == identity else None
