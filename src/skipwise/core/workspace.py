"""Which folder a piece of work belongs to: the same command goes on with what is unfinished, or makes the next."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from skipwise.core.errors import Busy, SkipwiseError
from skipwise.core.files.checksums import read_sealed
from skipwise.core.files.folders import make_folder
from skipwise.core.files.locks import locked
from skipwise.core.files.os_errors import ELSEWHERE


class Work(Protocol):
    """What is fixed before the work begins, and written into its folder first."""

    def same_as(self, other: Any, /) -> bool:
        """Whether going on with `other` is what was asked for."""

    def difference(self, other: Any, /) -> str:
        """What differs, named for a person."""


class _Begun(Exception):
    """Another process has written down its terms."""


W = TypeVar("W", bound=Work)


@dataclass(frozen=True, kw_only=True)
class Shelf(Generic[W]):
    """Where one kind of work is kept.

    Args:
        parent: the folder of its folders.
        noun: what one is called in sentences: "a comparison".
        begun: the file that says under which terms it was begun, a record of the class `kind`.
        finished: the file that is written last.
    """

    parent: Path
    noun: str
    begun: str
    finished: str
    kind: type[W]

    def choose(
        self,
        work: W,
        name: str,
        output: Path | None,
        notice: Callable[[str], None] = lambda _: None,
        *,
        again: bool = False,
        suits: Callable[[W], bool] = lambda _: True,
    ) -> tuple[Path, W | None]:
        """The folder for `work`, and the terms it was begun under if it was.

        Args:
            name: of what is worked on, by which new folders are called.
            output: a folder by name, or None for the newest one of the same terms, unfinished if there is one, or else
                a new one. Those that were begun when what is worked on had another name count as well.
            notice: is told of work that is unfinished, but was begun under other terms, or under another name.
            again: pass over what is finished.
            suits: whether finished work of the same terms is what was asked for in all else, too.

        Raises:
            SkipwiseError: the named folder holds other work, or something else, or finished work that is to be done
                again.
        """
        if output is not None:
            stored = self._stored(output)
            if stored is not None and not work.same_as(stored):
                raise SkipwiseError(
                    f"{output} holds {self.noun} under other terms ({work.difference(stored)}); {ELSEWHERE}, or give "
                    "the command that started it."
                )
            if again and stored is not None and self.is_finished(output):
                raise SkipwiseError(
                    f"{output} holds {self.noun} that is finished; to make another with --again leave --output out, or "
                    "name another folder."
                )
            return output, stored
        passed_over, finished, begun = None, None, None
        called_so = numbered_folders(self.parent, name)
        for folder in reversed(called_so):
            stored, ours = self._terms(folder)
            same = stored is not None and work.same_as(stored)
            if self.is_finished(folder):
                if stored is not None and same and suits(stored) and not again and finished is None:
                    finished = folder, stored
            elif same:
                return folder, stored
            elif ours and stored is None and begun is None:
                begun = folder
            elif stored is not None and passed_over is None:
                passed_over = f"{folder} is unfinished, but was begun otherwise: {work.difference(stored)}"
        if finished is not None:
            return finished
        if begun is not None:
            return begun, None
        for folder in sorted(set(self.parent.glob("*")) - set(called_so), reverse=True):
            stored, _ = self._terms(folder)
            if stored is None or not work.same_as(stored):
                continue
            if not self.is_finished(folder):
                notice(f"{folder} was begun with the same images, when they had another name; it goes on.")
                return folder, stored
            if suits(stored) and not again and finished is None:
                finished = folder, stored
        if finished is not None:
            notice(f"{finished[0]} was made of the same images, when they had another name.")
            return finished
        following = next_folder(self.parent, name)
        if numbered_folders(self.parent, name) != called_so:  # another process has just made one
            return self.choose(work, name, output, notice, again=again, suits=suits)
        if passed_over is not None:
            notice(f"{passed_over}. This is new work.")
        return following, None

    @contextlib.contextmanager
    def held(
        self,
        work: W,
        choose: Callable[[], tuple[Path, W | None]],
        *,
        named: bool,
        notice: Callable[[str], None] = lambda _: None,
    ) -> Iterator[tuple[Path, W | None]]:
        """Makes the folder that `choose` gives and holds it for this process: with the terms that stand in it.

        Where another process begins other work under the same name at the same time, this one takes the next name.

        Args:
            named: whether the user named the folder; then there is no next name.
            notice: is told if this process has to wait until it is known what the other one does.

        Raises:
            Busy: another process does the same work, or works in the folder that was named.
        """
        while True:
            folder, _ = choose()
            make_folder(folder)
            with contextlib.ExitStack() as stack:
                try:
                    stack.enter_context(locked(folder, waiting=None if named else self._until_begun(folder, notice)))
                except _Begun:
                    begun, _ = self._terms(folder)
                    if begun is not None and work.same_as(begun):
                        raise Busy(f"The same command is running already, in {folder}; wait for it.") from None
                    continue
                again, stored = choose()
                if again == folder:  # else another process has been at work in it
                    yield folder, stored
                    return

    def _until_begun(self, folder: Path, notice: Callable[[str], None]) -> Callable[[], None]:
        told = False

        def waiting() -> None:
            nonlocal told
            if (folder / self.begun).exists():
                raise _Begun
            if not told:
                notice(f"Another Skipwise begins in {folder}; waiting until it has written down what it does.")
                told = True

        return waiting

    def is_finished(self, folder: Path) -> bool:
        """Whether what is written last is there."""
        return (folder / self.finished).exists()

    def _terms(self, folder: Path) -> tuple[W | None, bool]:
        """The terms that work was begun under, and whether the folder is ours."""
        try:
            return self._stored(folder), True
        except SkipwiseError:  # not ours, or damaged; leave it alone
            return None, False

    def _stored(self, folder: Path) -> W | None:
        path = folder / self.begun
        # A kill before the terms were written leaves hidden files or none; anything else is somebody's. Listed before
        # the terms are looked for, since another process may write them just now.
        entries = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
        if path.exists():
            return read_sealed(path, self.kind, mend=f"put it back, or {ELSEWHERE}")
        if strangers := sorted(name for name in entries if not name.startswith(".")):
            raise SkipwiseError(f"{folder} is not {self.noun} (it holds {strangers[0]!r}); {ELSEWHERE}.")
        return None


def check_again(*, again: bool, resume: bool, extend: bool = False) -> None:
    """Raises SkipwiseError for options that say what is to be done with earlier work, and exclude each other."""
    if again and (resume or extend):
        other = "--resume" if resume else "--extend"
        raise SkipwiseError(f"--again begins anew and {other} goes on with what is there; give one of them.")


def make_next(parent: Path, name: str) -> Path:
    """Makes `name`, or the first of `name-2`, ... that does not exist. No two processes get the same one."""
    while True:
        folder = next_folder(parent, name)
        make_folder(parent)
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            return folder


def next_folder(parent: Path, name: str) -> Path:
    """`name`, or the first of `name-2`, `name-3`, ... that does not exist."""
    candidates = (parent / (name if number == 1 else f"{name}-{number}") for number in itertools.count(1))
    return next(candidate for candidate in candidates if not candidate.exists())


def numbered_folders(parent: Path, name: str) -> list[Path]:
    """The folders `name`, `name-2`, `name-3`, ... that exist, by number; some may have been removed."""
    number = re.compile(re.escape(name) + r"(?:-(\d+))?")
    found = [(match, entry) for entry in parent.glob("*") if (match := number.fullmatch(entry.name))]
    return [entry for _, entry in sorted((int(match[1] or 1), entry) for match, entry in found)]
