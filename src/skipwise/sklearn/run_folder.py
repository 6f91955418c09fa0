"""The folder of a fitted estimator's run: it belongs to the estimator, is removed with it, and travels as bytes."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from skipwise.training.plan import RUNS
from skipwise.training.run.files import FILES, RECORD

KEPT = (RUNS.plan_file, RECORD, *FILES)
"""The files of a run that are kept."""


class RunFolder:
    """A folder for the time being, with a run in it.

    Pickled, it is the bytes of the run's files: no code of a network is in there. When it is read again, the files are
    written into another folder, and their checksums tell whether they are whole.
    """

    def __init__(self) -> None:
        self._make()

    def _make(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="skipwise-")
        self.path = Path(self._folder.name)

    def copy_to(self, folder: Path) -> None:
        """Copies the run's files into a folder that is there."""
        for name in self._names():
            shutil.copyfile(self.path / name, folder / name)

    @classmethod
    def copy_of(cls, folder: Path) -> RunFolder:
        """The same with the run's files of a folder."""
        made = cls()
        for name in KEPT:
            if (folder / name).is_file():
                shutil.copyfile(folder / name, made.path / name)
        return made

    def _names(self) -> list[str]:
        return [name for name in KEPT if (self.path / name).is_file()]

    def __getstate__(self) -> dict[str, bytes]:
        return {name: (self.path / name).read_bytes() for name in self._names()}

    def __setstate__(self, files: dict[str, Any]) -> None:
        self._make()
        for name in KEPT:
            if name in files:
                (self.path / name).write_bytes(files[name])
