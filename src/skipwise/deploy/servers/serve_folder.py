"""The folder that a server runs as it is, inside the artifact that it serves."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.locks import locked
from skipwise.core.files.os_errors import explained
from skipwise.deploy.artifact.artifact import Artifact
from skipwise.deploy.formats import ExportFormat
from skipwise.deploy.servers.server import Server, ServerJob, model_name


def check_server(server: Server, format: ExportFormat) -> None:
    """Raises SkipwiseError where a server doesn't run a format."""
    if format.name not in server.formats:
        raise SkipwiseError(
            f"{server.title} does not run {format.title}; choose --format {' or '.join(server.formats)}."
        )


def write_server(server: Server, folder: Path, artifact: Artifact) -> Path:
    """Writes what a server takes into a folder of the artifact that is called as the server; replaces an earlier one.

    Args:
        folder: the artifact's.

    Raises:
        SkipwiseError: it can't be written.
    """
    place = folder / server.name
    with _made_anew(place) as made:
        server.write(made, ServerJob(artifact=artifact, folder=folder, name=model_name(folder)))
    return place


@contextlib.contextmanager
def _made_anew(place: Path) -> Iterator[Path]:
    """A hidden folder beside `place` that takes its place when the block ends well."""
    hidden = place.with_name(f".{place.name}.tmp")
    with explained(place):
        hidden.mkdir(exist_ok=True)
    made, old = hidden / "made", hidden / "old"
    try:
        with locked(hidden), explained(place):
            for left in (made, old):  # by a process that was killed
                if left.exists():
                    shutil.rmtree(left)
            made.mkdir()
            yield made
            if place.exists():
                place.rename(old)
            made.rename(place)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
