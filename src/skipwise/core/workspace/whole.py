"""Folders that are whole or absent: made beside their place, under a hidden name, and renamed when they are done."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.folders import LOCK, make_folder
from skipwise.core.files.locks import locked
from skipwise.core.files.os_errors import explained
from skipwise.core.workspace.task import Place, Task
from skipwise.core.workspace.workspace import Notice, P

HIDDEN = ".skipwise-{}.tmp"
"""The name of a folder beside its place while it is being made."""
MADE = "artifact"
"""The name of the artifact inside that folder."""


@dataclass(frozen=True, kw_only=True)
class Making(Generic[P]):
    """A folder that is being made.

    Args:
        made: where it is made.
        place: what was found where it belongs, once nobody else was making the same.
    """

    task: Task[P]
    made: Path
    place: Place[P]

    def take(self) -> Place[P]:
        """Gives what was made its name, or the next one that is free.

        Where another process made the same meanwhile, it is that which is returned, as finished.
        """
        folder = self.place.folder
        while True:
            with contextlib.suppress(OSError):
                folder.rmdir()  # an empty one that was named
            try:
                self.made.rename(folder)  # which does not replace a folder that holds something
                return Place(folder=folder, plan=self.task.plan, finished=False)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
            place = self.task.find()
            if place.finished:
                return place
            folder = place.folder


@contextlib.contextmanager
def making_whole(task: Task[P], folder: Path) -> Iterator[Making[P]]:
    """A hidden folder in which to make what is then taken to `folder`; a failure leaves nothing.

    Of several processes that make the same one does, and the others wait here until it has. What killed ones left
    beside it is removed.
    """
    make_folder(folder.parent)
    said = repr((folder.name, task.plan))
    hidden = folder.with_name(HIDDEN.format(hashlib.sha256(said.encode(errors="surrogateescape")).hexdigest()[:16]))
    _remove_leftovers(folder.parent, hidden, task.notice)
    with contextlib.ExitStack() as stack:
        _hold(hidden, folder, stack, task.notice)
        stack.callback(_remove, hidden, task.notice)
        made = hidden / MADE
        with explained(folder):
            if made.exists():  # a killed process's
                shutil.rmtree(made)
            made.mkdir()
            yield Making(task=task, made=made, place=task.find())


def _hold(hidden: Path, folder: Path, stack: contextlib.ExitStack, notice: Notice) -> None:
    """Makes the hidden folder and locks it until `stack` is closed."""
    waiting = _waiting(folder, notice)
    while True:
        with explained(folder):
            hidden.mkdir(exist_ok=True)
            if not _is_ours(hidden):
                raise SkipwiseError(f"{hidden} is in the way; remove it.")
        try:
            stack.enter_context(locked(hidden, waiting=waiting))
            return
        except SkipwiseError as error:
            if not isinstance(error.__cause__, FileNotFoundError):  # who held it has just removed it
                raise


def _waiting(folder: Path, notice: Notice) -> Callable[[], None]:
    told = False

    def waiting() -> None:
        nonlocal told
        if not told:
            notice(f"Another Skipwise is making {folder}; waiting for it.")
            told = True

    return waiting


def _remove_leftovers(parent: Path, but: Path, notice: Notice) -> None:
    """Removes what killed processes left in a folder."""
    for left in parent.glob(HIDDEN.format("*")):
        if left != but and _is_ours(left):
            with contextlib.suppress(SkipwiseError), locked(left):  # else a living process is at work in it
                _remove(left, notice)


def _is_ours(hidden: Path) -> bool:
    """Returns whether it is a folder as `making_whole` leaves it, rather than a link, or somebody's."""
    if hidden.is_symlink() or not hidden.is_dir():
        return False
    try:
        return {entry.name for entry in hidden.iterdir()} <= {LOCK, MADE}
    except OSError:
        return not hidden.exists()  # whoever held it has just removed it


def _remove(hidden: Path, notice: Notice) -> None:
    """Removes a folder that this process holds: its lock last, since with it the folder is anybody's."""
    try:
        if (hidden / MADE).exists():
            shutil.rmtree(hidden / MADE)
        (hidden / LOCK).unlink()
    except OSError as error:
        notice(f"{hidden} can't be removed ({error.strerror}); remove it yourself.")
    with contextlib.suppress(OSError):  # another process may have begun in it
        hidden.rmdir()
