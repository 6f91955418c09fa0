"""Which folder a piece of work belongs to: the same command goes on with what is unfinished, or makes the next."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from skipwise.errors import SkipwiseError
from skipwise.files import ELSEWHERE, read_json


class Work(Protocol):
    """What is fixed before the work begins, and written into its folder first."""

    def same_as(self, other: Any, /) -> bool:
        """Whether going on with `other` is what was asked for."""

    def difference(self, other: Any, /) -> str:
        """What differs, named for a person."""


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
        self, work: W, name: str, output: Path | None, notice: Callable[[str], None] = lambda _: None
    ) -> tuple[Path, W | None]:
        """The folder for `work`, and the terms it was begun under if it was.

        Args:
            output: a folder by name, or None for the newest unfinished one of the same terms, or a new one.
            notice: is told of work that is unfinished, but was begun under other terms.

        Raises:
            SkipwiseError: the named folder holds other work, or something else.
        """
        if output is not None:
            stored = self._stored(output)
            if stored is not None and not work.same_as(stored):
                raise SkipwiseError(
                    f"{output} holds {self.noun} under other terms ({work.difference(stored)}); {ELSEWHERE}, or give "
                    "the command that started it."
                )
            return output, stored
        passed_over = None
        for folder in reversed(numbered_folders(self.parent, name)):
            if (folder / self.finished).exists():
                continue
            try:
                stored = self._stored(folder)
            except SkipwiseError:  # not ours, or damaged; leave it alone
                continue
            if stored is None or work.same_as(stored):
                return folder, stored
            passed_over = passed_over or f"{folder} is unfinished, but was begun otherwise: {work.difference(stored)}"
        if passed_over is not None:
            notice(f"{passed_over}. This is new work.")
        return next_folder(self.parent, name), None

    def _stored(self, folder: Path) -> W | None:
        path = folder / self.begun
        if path.exists():
            return read_json(path, self.kind, mend=f"put it back, or {ELSEWHERE}")
        if folder.is_dir():
            # A kill before the terms were written leaves hidden files or none; anything else is somebody's.
            strangers = [entry.name for entry in folder.iterdir() if not entry.name.startswith(".")]
            if strangers:
                raise SkipwiseError(f"{folder} is not {self.noun} (it holds {sorted(strangers)[0]!r}); {ELSEWHERE}.")
        return None


def next_folder(parent: Path, name: str) -> Path:
    """`name`, or the first of `name-2`, `name-3`, ... that does not exist."""
    candidates = (parent / (name if number == 1 else f"{name}-{number}") for number in itertools.count(1))
    return next(candidate for candidate in candidates if not candidate.exists())


def numbered_folders(parent: Path, name: str) -> list[Path]:
    """The folders `name`, `name-2`, `name-3`, ... that exist, by number; some may have been removed."""
    number = re.compile(re.escape(name) + r"(?:-(\d+))?")
    found = [(match, entry) for entry in parent.glob("*") if (match := number.fullmatch(entry.name))]
    return [entry for _, entry in sorted((int(match[1] or 1), entry) for match, entry in found)]
