"""The SHA-256 of a plan, which its results carry."""

from __future__ import annotations

import hashlib
from dataclasses import MISSING, Field, fields, replace
from typing import TYPE_CHECKING, Any

import msgspec

from skipwise.comparison.plan.sameness import nameless
from skipwise.core.files.earlier_names import with_earlier_names

if TYPE_CHECKING:
    from skipwise.comparison.plan.plan import Plan

LATER: dict[str, Any] = {"later": True}
"""Metadata of a field that plans did not have at first: while it has its default, the digest is as it was without."""


def digest_of(plan: Plan) -> str:
    """The SHA-256 of all that results may depend on: not of how many run at once, of where
    things lie, nor of what is kept of them."""
    bare = replace(
        plan,
        processes=1,
        machines=1,
        keep="all",
        found_in=None,
        image_options=(),
        included=tuple(replace(run, folder="") for run in plan.included),
        init=nameless(plan.init),
    )
    kind = type(plan)
    # As it is read back, where a whole number may have become a float.
    read = msgspec.to_builtins(msgspec.json.decode(msgspec.json.encode(bare), type=kind))
    unset = [each.name for each in fields(kind) if each.metadata.get("later") and read[each.name] == _default(each)]
    read = with_earlier_names(read, kind)
    for name in unset:
        del read[name]
    for recipe in (read["recipe"], read.get("fine_tuning")):
        if recipe is not None and recipe.get("steps") is None:
            recipe.pop("steps", None)
    if read["tuning"] is not None and read["tuning"].get("trials") is None:
        read["tuning"].pop("trials", None)
    if read["tuning"] is not None and not read["tuning"].get("space"):
        read["tuning"].pop("space", None)
    return hashlib.sha256(msgspec.json.encode(read)).hexdigest()


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()
