"""Names of the folders of results: "digits", "digits-2", "digits-3", ..."""

from __future__ import annotations

import itertools
import re
from pathlib import Path


def next_folder(parent: Path, name: str) -> Path:
    """`name`, or the first of `name-2`, `name-3`, ... that does not exist."""
    candidates = (parent / (name if number == 1 else f"{name}-{number}") for number in itertools.count(1))
    return next(candidate for candidate in candidates if not candidate.exists())


def numbered_folders(parent: Path, name: str) -> list[Path]:
    """The folders `name`, `name-2`, `name-3`, ... that exist, by number; some may have been removed."""
    number = re.compile(re.escape(name) + r"(?:-(\d+))?")
    found = [(match, entry) for entry in parent.glob("*") if (match := number.fullmatch(entry.name))]
    return [entry for _, entry in sorted((int(match[1] or 1), entry) for match, entry in found)]
