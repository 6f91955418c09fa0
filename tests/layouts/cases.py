"""What a case is: a layout that is built, and what has to be understood of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Reads:
    """The set is read without a question.

    `classes` are images by class, over all splits. `splits` are images by "train", "val" and "test" as given, or None
    where the set is not split; where only train and val are given, val is the test set. `left_out` is how many picture
    files are counted and left out, where that is definite. `says` are regular expressions (any case) that the line of
    what was understood must hold. `group`: a column or folder is proposed for `--group`. `groups`: how many there are.

    `otherwise_named` are the same classes under other names, as good (numbers where a file beside has names for them).
    `or_unsplit`: the given split may be left unread if the line then holds this. `or_refused`: a refusal whose text
    matches all of these is as good as reading.
    """

    classes: Mapping[str, int]
    splits: Mapping[str, int] | None
    left_out: int | None = None
    says: tuple[str, ...] = ()
    group: bool = False
    groups: int | None = None
    otherwise_named: tuple[Mapping[str, int], ...] = ()
    or_unsplit: str = ""
    or_refused: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Asks:
    """Two readings are equally likely: a SkipwiseError whose text matches all of these."""

    says: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Refuses:
    """A SkipwiseError whose text matches all of these."""

    says: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A layout: `build` makes it in an empty folder and returns what the user gives as DATA.

    `options` are keyword arguments of `open_images`. `decodes`: its images are read to the last pixel too. `pixels`:
    the arrays [N, H, W] or [N, H, W, 3] of its parts and their class numbers, which must come out to the bit.
    """

    name: str
    build: Callable[[Path], Path | str]
    expected: Reads | Asks | Refuses
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    decodes: bool = False
    pixels: Callable[[], Sequence[tuple[NDArray[Any], NDArray[Any]]]] | None = None
