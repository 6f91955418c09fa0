"""Which folder an artifact belongs in, and how it gets its name when it is whole."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.folders import LOCK, make_folder
from skipwise.core.files.locks import locked
from skipwise.core.files.os_errors import explained
from skipwise.core.files.paths import user_path
from skipwise.core.workspace.folder_names import next_folder, numbered_folders
from skipwise.deploy.artifact.artifact import Artifact, Format, Precision, is_artifact, read_artifact
from skipwise.deploy.artifact.trained_network import TrainedNetwork

PARENT = Path("runs/export")
HIDDEN = ".skipwise-{}.tmp"
"""Where an artifact is made, beside its folder."""
MADE = "artifact"
"""What it is called in there."""


@dataclass(frozen=True)
class Place:
    """Where an artifact belongs. Others may be made at the same time."""

    output: str | os.PathLike[str] | None
    network: TrainedNetwork
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
        name = f"{user_path(self.network.where).resolve().stem}-{self.format}-{self.precision}"
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

    @contextlib.contextmanager
    def making(self, folder: Path, notice: Callable[[str], None]) -> Iterator[Path]:
        """A folder in which the artifact is made until it is taken to `folder`; a failure leaves nothing.

        Of several processes that make the same artifact one does, and the others wait here until it has. What killed
        ones left beside it is removed.

        Args:
            notice: is told if this process has to wait, and what can't be removed.
        """
        make_folder(folder.parent)
        said = repr((folder.name, *self._asked()))
        hidden = folder.with_name(HIDDEN.format(hashlib.sha256(said.encode(errors="surrogateescape")).hexdigest()[:16]))
        told = False

        def waiting() -> None:
            nonlocal told
            if not told:
                notice(f"Another Skipwise is making {folder}; waiting for it.")
                told = True

        for left in folder.parent.glob(HIDDEN.format("*")) if os.name == "posix" else ():  # elsewhere none is held
            if left != hidden and _is_ours(left):
                with contextlib.suppress(SkipwiseError), locked(left):  # else a living process is at work in it
                    _remove(left, notice)
        with contextlib.ExitStack() as stack:
            while True:
                with explained(folder):
                    hidden.mkdir(exist_ok=True)
                    if not _is_ours(hidden):
                        raise SkipwiseError(f"{hidden} is in the way; remove it.")
                try:
                    stack.enter_context(locked(hidden, waiting=waiting))
                    break
                except SkipwiseError as error:
                    if not isinstance(error.__cause__, FileNotFoundError):  # who held it has just removed it
                        raise
            stack.callback(_remove, hidden, notice)
            made = hidden / MADE
            with explained(folder):
                if made.exists():  # a killed process's
                    shutil.rmtree(made)
                made.mkdir()
                yield made

    def _asked(self) -> tuple[Any, ...]:
        """What tells one artifact from another."""
        network = self.network
        asked = (self.format, self.precision, self.max_drop, self.weights, network.key, network.model, network.classes)
        return (*asked, network.preprocessing)

    def _same(self, folder: Path) -> Artifact | None:
        if not is_artifact(folder):
            return None
        found = read_artifact(folder)
        made, drop = found.provenance, found.quantization.max_drop if found.quantization else self.max_drop
        there = (found.format, found.precision, drop, made.weights, made.key, made.model, found.classes)
        return found if (*there, found.preprocessing) == self._asked() else None


def _is_ours(hidden: Path) -> bool:
    """Whether it is a folder as `Place.making` leaves it, rather than a link, or somebody's."""
    if hidden.is_symlink() or not hidden.is_dir():
        return False
    try:
        return {entry.name for entry in hidden.iterdir()} <= {LOCK, MADE}
    except OSError:
        return not hidden.exists()  # whoever held it has just removed it


def _remove(hidden: Path, notice: Callable[[str], None]) -> None:
    """Removes a folder that this process holds: its lock last, since with it the folder is anybody's."""
    try:
        if (hidden / MADE).exists():
            shutil.rmtree(hidden / MADE)
        (hidden / LOCK).unlink()
    except OSError as error:
        notice(f"{hidden} can't be removed ({error.strerror}); remove it yourself.")
    with contextlib.suppress(OSError):  # another process may have begun in it
        hidden.rmdir()
