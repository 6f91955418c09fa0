"""Which folder a piece of work belongs to: the same command goes on with what is unfinished, or makes the next."""

from __future__ import annotations

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

    def choose(self, work: W, name: str, output: Path | None) -> tuple[Path, W | None]:
        """The folder for `work`, and the terms it was begun under if it was.

        Args:
            output: a folder by name, or None for the newest unfinished one of the same terms, or a new one.

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
        folders = numbered_folders(self.parent, name)
        for folder in reversed(folders):
            if (folder / self.finished).exists():
                continue
            try:
                stored = self._stored(folder)
            except SkipwiseError:  # not ours, or damaged; leave it alone
                continue
            if stored is None or work.same_as(stored):
                return folder, stored
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
    folders = numbered_folders(parent, name)
    return parent / (f"{name}-{len(folders) + 1}" if folders else name)


def numbered_folders(parent: Path, name: str) -> list[Path]:
    """The folders `name`, `name-2`, `name-3`, ... that exist, oldest first."""
    folders = []
    number = 1
    while (folder := parent / (name if number == 1 else f"{name}-{number}")).exists():
        folders.append(folder)
        number += 1
    return folders
