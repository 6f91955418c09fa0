"""The place of a run's images, written beside the run, so that later commands find them again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from skipwise.core.addresses import concealed, is_address
from skipwise.core.files.checksums import check_files, read_sealed, write_sealed
from skipwise.data.prepare import Request
from skipwise.data.sources import Source
from skipwise.data.splits import SEALED_BY

FILE = SEALED_BY


def remember(folder: Path, request: Request, source: Source, *, tables: Iterable[str]) -> None:
    """Writes into a folder where its images are. Nothing compares it later, since images may move.

    Args:
        folder: the folder of a run or a comparison.
        request: the images, as the user named them.
        source: the images.
        tables: names of the files in the folder that hold the split; their checksums are written, too.
    """
    write_sealed(folder / FILE, replace(request, data=place_of(request, source)), tables)


def place_of(request: Request, source: Source) -> str:
    """Returns the place of the images, as later processes can name it: a name, an address, or an absolute path."""
    if source.container is None:
        return request.data
    if is_address(request.data):
        return concealed(request.data)
    return str(Path(request.data).expanduser().absolute())


def recall(folder: Path) -> Request | None:
    """Reads what `remember` wrote; None if there is no such file.

    Raises:
        SkipwiseError: the file is damaged.
    """
    path = folder / FILE
    return read_sealed(path, Request, mend="remove it and name the images again") if path.exists() else None


def check_tables(folder: Path, name: str) -> None:
    """Raises SkipwiseError if a table has changed since `remember` wrote its checksum."""
    if (folder / FILE).exists():
        check_files(folder / FILE, name, mend="give the command that made it again")
