"""Fields of records that had another name in files of earlier versions.

A record's class says so itself: `EARLIER_NAMES: ClassVar[dict[str, str]] = {"now": "before"}`.
"""

from __future__ import annotations

import functools
import itertools
import types
import typing
from dataclasses import is_dataclass
from typing import Any

from msgspec import UnsetType

EARLIER_NAMES = "EARLIER_NAMES"


def with_current_names(plain: Any, kind: Any) -> Any:
    """A record as JSON holds it, with the names that the fields of its class have now.

    Args:
        plain: dictionaries, lists and values, as JSON is read.
        kind: the record's class, or the type of what is in it.
    """
    return _renamed(plain, kind, to_earlier=False)


def with_earlier_names(plain: Any, kind: Any) -> Any:
    """The reverse: a record with the names that earlier versions wrote, on which their digests rest."""
    return _renamed(plain, kind, to_earlier=True)


def _renamed(plain: Any, kind: Any, *, to_earlier: bool) -> Any:
    inner = typing.get_args(kind)
    if isinstance(plain, dict) and is_dataclass(kind):
        earlier: dict[str, str] = getattr(kind, EARLIER_NAMES, {})
        current = {before: name for name, before in earlier.items()}
        types_of = _types_of(kind)  # type: ignore[arg-type]
        found = {}
        for key, value in plain.items():
            now = current.get(str(key), str(key))
            name = earlier.get(now, now) if to_earlier else now
            found[name] = _renamed(value, types_of.get(now), to_earlier=to_earlier)
        return found
    if isinstance(plain, dict) and len(inner) == 2:
        return {key: _renamed(value, inner[1], to_earlier=to_earlier) for key, value in plain.items()}
    if isinstance(plain, list | tuple) and inner:
        kinds = itertools.repeat(inner[0]) if len(inner) == 1 or inner[1] is Ellipsis else inner
        return type(plain)(
            _renamed(value, each, to_earlier=to_earlier) for value, each in zip(plain, kinds, strict=False)
        )
    return plain


@functools.cache
def _types_of(kind: type) -> dict[str, Any]:
    """The types of a class's fields; where a field may be None, or left out, the other type."""
    found = {}
    for name, hint in typing.get_type_hints(kind).items():
        others = [each for each in typing.get_args(hint) if each not in (type(None), UnsetType)]
        optional = typing.get_origin(hint) in (typing.Union, types.UnionType) and len(others) == 1
        found[name] = others[0] if optional else hint
    return found
