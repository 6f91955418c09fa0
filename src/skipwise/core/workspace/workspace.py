"""The place for one kind of results, and the way a folder of it is read."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.cache_folder import cache_for_looking
from skipwise.core.files.checksums import read_sealed, write_sealed
from skipwise.core.files.os_errors import ELSEWHERE, explained


class Plan(Protocol):
    """The choices that are fixed before the work begins."""

    def same_as(self, other: Any, /) -> bool:
        """Returns whether the results of `other` answer this plan, finished or continued."""

    def difference(self, other: Any, /) -> str:
        """Returns a phrase for the user that names what differs."""


P = TypeVar("P", bound=Plan)


@dataclass(frozen=True, kw_only=True)
class Workspace(Generic[P]):
    """The place for one kind of results, with a folder for each.

    A folder has the plan of its work, which is written first, and the results, which are written last: it is unfinished
    while one of these is missing.

    Args:
        parent: the folder of its folders.
        noun: what one is called in sentences: "a comparison".
        plan_file: the file with the plan, a sealed record of the class `kind`.
        results: the files that are written last.
        renamable: whether work is known again in a folder of another name, where what it is made of had that name
            then.
        overwrites: whether a folder that was named is written anew where it holds other results.

    A verb that writes a folder is this long, `RUNS` being its workspace:

        task = Task(workspace=RUNS, plan=plan, name="digits", output=output, again=again, notice=notice)
        if (place := task.find()).finished:
            return show(place.folder)
        with task.open() as place:
            if place.finished:  # another process was quicker
                return show(place.folder)
            if place.plan is None:
                RUNS.begin(place.folder, plan)
            work(place)
    """

    parent: Path
    noun: str
    plan_file: str
    results: tuple[str, ...]
    kind: type[P]
    renamable: bool = True
    overwrites: bool = False

    def is_finished(self, folder: Path) -> bool:
        """Returns whether all that is written last is there."""
        return all((folder / name).is_file() for name in self.results)

    def begin(self, folder: Path, plan: P) -> None:
        """Writes the plan down, or what became of it.

        Raises:
            SkipwiseError: the disk is full, read-only, ...
        """
        write_sealed(folder / self.plan_file, plan)

    def plan_of(self, folder: Path) -> P | None:
        """The plan of the work in a folder; None where none is begun.

        Raises:
            SkipwiseError: the folder holds something else, or a plan that is damaged.
        """
        path = folder / self.plan_file
        # A kill before the plan was written leaves hidden files or none; anything else is somebody's. Listed before
        # the plan is looked for, since another process may write it just now.
        entries = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
        if path.exists():
            return read_sealed(path, self.kind, mend=f"put it back, or {ELSEWHERE}")
        if strangers := sorted(name for name in entries if not name.startswith(".")):
            raise SkipwiseError(f"{folder} is not {self.noun} (it holds {strangers[0]!r}); {ELSEWHERE}.")
        return None

    @contextlib.contextmanager
    def reading(self, output: Path | None) -> Iterator[None]:
        """For what is done before it is known whether there is work: with a cache for the time being, where the folder
        that was named is finished, and the user's own cache can't be written."""
        with cache_for_looking() if output is not None and self.is_finished(output) else contextlib.nullcontext():
            yield


def check_same(plan: P, stored: P, where: Path, noun: str, *, mend: str = ELSEWHERE) -> None:
    """Raises SkipwiseError where something that was begun has another plan than what is asked for."""
    if not plan.same_as(stored):
        raise SkipwiseError(
            f"{where} holds {noun} of another plan ({plan.difference(stored)}); {mend}, or give the command that "
            "started it."
        )


def check_again(*, again: bool, resume: bool, extend: bool = False) -> None:
    """Raises SkipwiseError for options that say what is to be done with earlier work, and exclude each other."""
    if again and (resume or extend):
        other = "--resume" if resume else "--extend"
        raise SkipwiseError(f"--again begins anew and {other} goes on with what is there; give one of them.")


def check_begun(workspace: Workspace[Any], output: Path | None, *, resume: bool) -> None:
    """Raises SkipwiseError at once where a file is in the place of the folder, or where work is to be resumed in a
    folder that holds none."""
    if output is None:
        return
    with explained(output):  # its name may be too long to be asked for
        is_file = output.is_file()
    if is_file:
        raise SkipwiseError(f"{output} is a file, and results take a folder; {ELSEWHERE}.")
    if resume and not (output / workspace.plan_file).exists():
        raise nothing_to_resume(workspace, output)


def nothing_to_resume(workspace: Workspace[Any], where: Path) -> SkipwiseError:
    """The error for work that is to be resumed and was never begun."""
    what = workspace.noun.split(" ", 1)[-1]
    return SkipwiseError(f"There is nothing to resume for this {what} in {where}; leave --resume out.")


Notice = Callable[[str], None]
"""Is told what a person should know, a sentence at a time."""
