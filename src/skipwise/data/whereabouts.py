"""Where a run's images were, so that what comes after training finds them again without being told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from skipwise.data.prepare import Request
from skipwise.data.sources import Source
from skipwise.files import read_json, write_json

FILE = "source.json"


def remember(folder: Path, request: Request, source: Source) -> None:
    """Writes into `folder` where its images are; nothing compares it, since images may move."""
    data = request.data if source.container is None else str(Path(request.data).expanduser().absolute())
    write_json(folder / FILE, replace(request, data=data))


def recall(folder: Path) -> Request | None:
    """What `remember` wrote there, or None.

    Raises:
        SkipwiseError: the file is damaged.
    """
    path = folder / FILE
    return read_json(path, Request, mend="name the images again") if path.exists() else None
