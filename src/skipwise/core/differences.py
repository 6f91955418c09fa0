"""Differences between two records of one class, in a sentence for the user.

What is compared of a field, and what is said where it differs, is declared beside the field, as its metadata:

    seed: int                                                "seed is 0 there and 1 here"
    folder: str = field(metadata=IGNORED)                    is never told
    recipe: Recipe = field(metadata=WITHIN)                  what differs within it is told
    code: str = field(metadata=compared("the code changed"))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import Field, dataclass, fields
from typing import Any

Sentence = str | Callable[[Any, Any], str]
"""A sentence, or a function that makes one from both records; "" stands for the usual sentence."""

_KEY = "compared"


def _itself(value: Any) -> Any:
    return value


@dataclass(frozen=True, kw_only=True)
class _Compared:
    said: Sentence = ""
    by: Callable[[Any], Any] = _itself
    first: bool = False
    within: bool = False
    ignored: bool = False


def compared(
    said: Sentence = "", *, by: Callable[[Any], Any] = _itself, first: bool = False, within: bool = False
) -> dict[str, Any]:
    """Declares how a field is compared, as metadata of the field.

    Args:
        said: where it differs; "" gives its name and both values.
        by: what counts of the field's value.
        first: whether it is told before others, since these may follow from it.
        within: whether it is a record, of whose fields the first that differs is told.
    """
    return {_KEY: _Compared(said=said, by=by, first=first, within=within)}


IGNORED: dict[str, Any] = {_KEY: _Compared(ignored=True)}
"""The metadata of a field that may differ."""
WITHIN = compared(within=True)
"""The metadata of a field that is a record."""


def difference(ours: Any, theirs: Any) -> str:
    """The first difference between two records of one dataclass; "" where there is none.

    Example:
        >>> from dataclasses import dataclass, field
        >>> @dataclass
        ... class Run:
        ...     seed: int
        ...     folder: str = field(default="", metadata=IGNORED)
        >>> difference(Run(seed=1, folder="a"), Run(seed=0, folder="b"))
        'seed is 0 there and 1 here'
        >>> difference(Run(seed=1, folder="a"), Run(seed=1, folder="b"))
        ''
    """
    for each, how in sorted(_compared(ours), key=lambda found: not found[1].first):
        mine, other = getattr(ours, each.name), getattr(theirs, each.name)
        if how.ignored or how.by(mine) == how.by(other):
            continue
        said = how.said if isinstance(how.said, str) else how.said(ours, theirs)
        if not said and not how.within:
            said = f"{each.name} is {_shown(other)} there and {_shown(mine)} here"
        if said := said or difference(mine, other):
            return said
    return ""


def _compared(record: Any) -> Iterator[tuple[Field[Any], _Compared]]:
    for each in fields(record):
        yield each, each.metadata.get(_KEY, _Compared())


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
