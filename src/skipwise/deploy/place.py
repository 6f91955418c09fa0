"""Which folder an artifact belongs in, and how it gets its name when it is whole."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from skipwise.deploy.artifact import Artifact, Format, Precision, is_artifact, read_artifact
from skipwise.deploy.origin import Origin
from skipwise.errors import SkipwiseError
from skipwise.files import explained, make_folder
from skipwise.folders import next_folder, numbered_folders
from skipwise.paths import user_path

PARENT = Path("runs/export")


@dataclass(frozen=True)
class Place:
    """Where an artifact belongs. Others may be made at the same time."""

    output: str | os.PathLike[str] | None
    origin: Origin
    format: Format
    precision: Precision
    weights: str
    max_drop: float

    def find(self) -> tuple[Path, Artifact | None]:
        """The folder to make, and what is in it if that is what is asked for."""
        if self.output is not None:
            folder = user_path(self.output).absolute()
            there = self._same(folder)
            if there is None and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
                raise SkipwiseError(f"{folder} holds something else already; choose another folder with --output.")
            return folder, there
        name = f"{user_path(self.origin.where).resolve().stem}-{self.format}-{self.precision}"
        for folder in numbered_folders(PARENT, name):
            with contextlib.suppress(SkipwiseError):  # one that was changed is left alone
                if (there := self._same(folder)) is not None:
                    return folder, there
        return next_folder(PARENT, name), None

    def take(self, made: Path, folder: Path) -> tuple[Path, Artifact | None]:
        """Gives a whole artifact its name, `folder` or the next one that is free. Where another process made the same
        one meanwhile, the folder of that, and what is in it."""
        while True:
            with contextlib.suppress(OSError):
                folder.rmdir()  # an empty one that was named
            try:
                made.rename(folder)  # which does not replace a folder that holds something
                return folder, None
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
            folder, there = self.find()
            if there is not None:
                return folder, there

    def _same(self, folder: Path) -> Artifact | None:
        if not is_artifact(folder):
            return None
        found, origin = read_artifact(folder), self.origin
        made, drop = found.provenance, found.quantization.max_drop if found.quantization else self.max_drop
        there = (found.format, found.precision, drop, made.weights, made.key, made.model, found.classes)
        asked = (self.format, self.precision, self.max_drop, self.weights, origin.key, origin.model, origin.classes)
        return found if (there, found.preprocessing) == (asked, origin.preprocessing) else None


@contextlib.contextmanager
def made_beside(folder: Path) -> Iterator[Path]:
    """A folder to be made whole and then renamed to `folder`; a stop in between leaves nothing."""
    make_folder(folder.parent)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        with explained(folder):
            beside.mkdir()
            yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)
