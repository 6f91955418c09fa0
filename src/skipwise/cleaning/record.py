"""Records of what may go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from skipwise.core.shown import Shown

Kind = Literal["weights", "checkpoint", "leftover", "pack", "cache", "copy"]


@dataclass(frozen=True, kw_only=True)
class Removable:
    """Something that may go.

    Args:
        kind: "weights" of a run that nothing refers to; a "checkpoint" of abandoned work; a "leftover" of a process
            that was killed; a "pack" of decoded images that are gone; a "cache" that nobody has used for long; a
            "copy" of what lies at an address.
        path: the file or folder.
        size: in bytes.
        why: why it may go, a phrase.
        again: how to get it back, a phrase.
        home: the folder whose lock is held while it is removed.
    """

    kind: Kind
    path: Path
    size: int
    why: str
    again: str
    home: Path


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Something that was left although it may go.

    Args:
        path: the file or folder.
        why: why it was left, a sentence.
    """

    path: Path
    why: str


@dataclass(frozen=True, kw_only=True)
class Cleaning(Shown):
    """The result of `clean`.

    Args:
        found: what may go, the largest first.
        freed: bytes that were freed; 0 where nothing was asked to go.
        left: what could not be removed.
        done: whether it was removed, rather than listed.

    Example:
        >>> import skipwise
        >>> found = skipwise.clean(["runs"], cache=False)  # which only lists
        >>> found.done, found.freed
        (False, 0)
    """

    found: tuple[Removable, ...]
    freed: int = 0
    left: tuple[Kept, ...] = ()
    done: bool = False

    @property
    def size(self) -> int:
        """Bytes that may go."""
        return sum(each.size for each in self.found)
