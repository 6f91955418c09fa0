"""What every named network is called and costs, without building it: `catalogue.json`, made by cost/make_catalogue.py.

Building all of them takes seconds, and torch, which takes another. A test holds this table against the networks.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import msgspec

from skipwise.core.errors import unknown_name
from skipwise.nets.external import check_external, is_external

FILE = Path(__file__).with_name("catalogue.json")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A network as published: for images of `image_size` pixels a side and `classes` classes."""

    paper: str
    image_size: int
    classes: int
    parameters: int
    multiply_adds: int


def catalogue() -> dict[str, Entry]:
    """Every named network."""
    return msgspec.json.decode(FILE.read_bytes(), type=dict[str, Entry])


def check_model(name: str, known: Collection[str] | None = None) -> None:
    """Says whether `create_model` knows the name, without building anything.

    Args:
        known: the named networks; None are those of the catalogue.

    Raises:
        SkipwiseError: it does not; the nearest name is suggested.
    """
    known = catalogue() if known is None else known
    if is_external(name):
        check_external(name)
    elif name not in known:
        raise unknown_name("network", name, known)
