"""The folder of a fitted estimator's run: it belongs to the estimator, is removed with it, and travels as bytes."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skipwise.training.folder.files import FILES
from skipwise.training.folder.names import RECORD
from skipwise.training.planning.plan import RUNS

if TYPE_CHECKING:
    from skipwise.deploy.predict.predictor import Predictor

KEPT = (RUNS.plan_file, RECORD, *FILES)
"""The files of a run that are kept."""


def _remove(folder: Path, owner: int) -> None:
    """Removes the folder of a process; one that was forked from it has the same object, and not the folder."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


class RunFolder:
    """A folder for the time being, with a run in it.

    Pickled, it is the bytes of the run's files: no code of a network is in there. When it is read again, the files are
    written into another folder, and their checksums tell whether they are whole.
    """

    def __init__(self) -> None:
        self._make()

    def _make(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="skipwise-"))
        # Not a TemporaryDirectory, which warns where it is removed with its owner.
        weakref.finalize(self, _remove, self.path, os.getpid())
        self._predictor: Predictor | None = None

    def predictor(self, *, trust: str) -> Predictor:
        """The run's network, which is opened when it is first asked for.

        Args:
            trust: the network's name, which may be one of the user's own.
        """
        if self._predictor is None:
            from skipwise.deploy.predict.predictor import Predictor  # which loads PyTorch for a run

            self._predictor = Predictor(self.path, trust=trust)
        return self._predictor

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
