"""The lifecycle of a command that writes a folder: find the folder, lock it, look again, go on or show what is there.

The same command again goes on with what is unfinished, or shows what is finished; another one gets the next folder.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from skipwise.core.errors import Busy, SkipwiseError
from skipwise.core.files.folders import make_folder
from skipwise.core.files.locks import locked
from skipwise.core.workspace.folder_names import next_folder, numbered_folders
from skipwise.core.workspace.workspace import Notice, P, Workspace, check_same, nothing_to_resume


@dataclass(frozen=True, kw_only=True)
class Place(Generic[P]):
    """The folder of a task.

    Args:
        folder: where it is, or is to be made.
        plan: the plan that was begun there; None where the work is new.
        finished: whether the results are there.
    """

    folder: Path
    plan: P | None
    finished: bool


@dataclass(frozen=True, kw_only=True)
class Task(Generic[P]):
    """One command's work in a workspace.

    Args:
        plan: what is asked for.
        name: of what is worked on, by which new folders are called.
        output: a folder by name, or None for the newest one of the same plan, unfinished if there is one, or else a new
            one.
        again: pass over what is finished.
        resume: refuse to begin anew.
        acceptable: whether finished work of the same plan is what was asked for in all else, too.
        as_stored: the plan as it is held against a folder; an extension of what stands there first asks for that.
        notice: is told of work that is unfinished, but was begun under another plan, or under another name, and if this
            process has to wait.
    """

    workspace: Workspace[P]
    plan: P
    name: str
    output: Path | None = None
    again: bool = False
    resume: bool = False
    acceptable: Callable[[P], bool] = lambda _: True
    as_stored: Callable[[P], P] = lambda plan: plan
    notice: Notice = lambda _: None

    def find(self) -> Place[P]:
        """The folder, and what is in it by now. Nothing is made.

        Raises:
            SkipwiseError: the named folder holds work of another plan, or something else, or finished work that is to
                be done again; or there is nothing to resume.
        """
        return self._find(self.notice)

    @contextlib.contextmanager
    def open(self) -> Iterator[Place[P]]:
        """Makes the folder and locks it for this process.

        What is in it was looked at again, since another process may have been at work. Where another process begins
        other work under the same name at the same time, this one takes the next name.

        Raises:
            Busy: another process does the same work, or works in the folder that was named.
            SkipwiseError: as `find`, or the folder can't be made.
        """
        while True:
            folder = self._find().folder
            make_folder(folder)
            with contextlib.ExitStack() as stack:
                waiting = None if self.output is not None else self._until_begun(folder)
                try:
                    stack.enter_context(locked(folder, waiting=waiting))
                except _BegunError:
                    begun = self._known(folder)[0]
                    if begun is not None and self.plan.same_as(begun):
                        raise Busy(f"The same command is running already, in {folder}; wait for it.") from None
                    continue
                place = self._find()
                if place.folder == folder:  # else another process has been at work in it
                    yield place
                    return

    def _find(self, notice: Notice = lambda _: None) -> Place[P]:
        plan = self.as_stored(self.plan)
        folder, stored = self._newest(plan, notice) if self.output is None else self._named(plan, self.output)
        if self.resume and stored is None:
            raise nothing_to_resume(self.workspace, self.output or self.workspace.parent)
        return Place(folder=folder, plan=stored, finished=stored is not None and self.workspace.is_finished(folder))

    def _named(self, plan: P, folder: Path) -> tuple[Path, P | None]:
        noun, overwrites = self.workspace.noun, self.workspace.overwrites
        stored = self._known(folder)[0] if overwrites else self.workspace.plan_of(folder)
        if stored is None:
            return folder, None
        if not overwrites:
            check_same(plan, stored, folder, noun)
        if self.again and self.workspace.is_finished(folder):
            raise SkipwiseError(
                f"{folder} holds {noun} that is finished; to make another with --again leave --output out, or name "
                "another folder."
            )
        return folder, stored if plan.same_as(stored) else None

    def _newest(self, plan: P, notice: Notice) -> tuple[Path, P | None]:
        """The folder that goes on, or is shown, or the next one."""
        parent = self.workspace.parent
        called_so = numbered_folders(parent, self.name)
        other = None
        finished: tuple[Path, P | None] | None = None
        begun: Path | None = None
        for folder in reversed(called_so):
            stored, ours = self._known(folder)
            same = stored is not None and plan.same_as(stored)
            if self.workspace.is_finished(folder):
                if same and finished is None and self._is_shown(stored):
                    finished = folder, stored
            elif same:
                return folder, stored
            elif ours and stored is None and begun is None:
                begun = folder
            elif stored is not None and other is None:
                other = f"{folder} is unfinished, but was begun otherwise: {plan.difference(stored)}"
        if finished is not None:
            return finished
        if begun is not None:
            return begun, None
        if self.workspace.renamable and (renamed := self._renamed(plan, set(called_so), notice)) is not None:
            return renamed
        following = next_folder(parent, self.name)
        if numbered_folders(parent, self.name) != called_so:  # another process has just made one
            return self._newest(plan, notice)
        if other is not None:
            notice(f"{other}. This is new work.")
        return following, None

    def _renamed(self, plan: P, known: set[Path], notice: Notice) -> tuple[Path, P | None] | None:
        """The folder of the same plan that was begun when what is worked on had another name."""
        finished: tuple[Path, P | None] | None = None
        for folder in sorted(set(self.workspace.parent.glob("*")) - known, reverse=True):
            stored, _ = self._known(folder)
            if stored is None or not plan.same_as(stored):
                continue
            if not self.workspace.is_finished(folder):
                notice(f"{folder} was begun with the same images, when they had another name; it goes on.")
                return folder, stored
            if finished is None and self._is_shown(stored):
                finished = folder, stored
        if finished is not None:
            notice(f"{finished[0]} was made of the same images, when they had another name.")
        return finished

    def _is_shown(self, stored: P | None) -> bool:
        return stored is not None and not self.again and self.acceptable(stored)

    def _known(self, folder: Path) -> tuple[P | None, bool]:
        """The plan in a folder, and whether the folder is ours."""
        try:
            return self.workspace.plan_of(folder), True
        except SkipwiseError:  # not ours, or damaged; leave it alone
            return None, False

    def _until_begun(self, folder: Path) -> Callable[[], None]:
        told = False

        def waiting() -> None:
            nonlocal told
            if (folder / self.workspace.plan_file).exists() and not self.workspace.is_finished(folder):
                raise _BegunError
            if not told:
                self.notice(f"Another Skipwise begins in {folder}; waiting until it has written down what it does.")
                told = True

        return waiting


class _BegunError(Exception):
    """Another process has written down its plan."""
