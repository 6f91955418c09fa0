"""Where a run's images were, so that what comes after training finds them again without being told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from skipwise.core.files.checksums import check_files, read_sealed, write_sealed
from skipwise.data.prepare import Request
from skipwise.data.sources import Source
from skipwise.data.splits import SEALED_BY

FILE = SEALED_BY


def remember(folder: Path, request: Request, source: Source, *, tables: Iterable[str]) -> None:
    """Writes into `folder` where its images are; nothing compares it, since images may move.

    Args:
        tables: names of the files there that say how the images are split; it has their checksums.
    """
    data = request.data if source.container is None else str(Path(request.data).expanduser().absolute())
    write_sealed(folder / FILE, replace(request, data=data), tables)


def recall(folder: Path) -> Request | None:
    """What `remember` wrote there, or None.

    Raises:
        SkipwiseError: the file is damaged.
    """
    path = folder / FILE
    return read_sealed(path, Request, mend="remove it and name the images again") if path.exists() else None


def check_tables(folder: Path, name: str) -> None:
    """Raises SkipwiseError where a table of `remember`'s is not what it was."""
    if (folder / FILE).exists():
        check_files(folder / FILE, name, mend="give the command that made it again")
