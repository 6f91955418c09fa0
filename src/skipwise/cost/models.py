"""The verb `models`: every named network with its size and cost."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass

from skipwise.core.errors import unknown_name
from skipwise.nets.catalogue import Entry, catalogue
from skipwise.nets.weights.published import has_published


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A network as published: for images of `image_size` pixels a side and `classes` classes.

    `published` says whether there are ImageNet weights to start from.
    """

    name: str
    paper: str
    image_size: int
    classes: int
    parameters: int
    multiply_adds: int
    published: bool


def list_networks(pattern: str = "*") -> list[Listed]:
    """The networks whose names match a pattern such as "se_*", sorted.

    Raises:
        SkipwiseError: no name matches.
    """
    known = catalogue()
    names = fnmatch.filter(sorted(known), pattern)
    if not names:
        raise unknown_name("network", pattern, known)
    return [_listed(name, known[name]) for name in names]


def _listed(name: str, entry: Entry) -> Listed:
    return Listed(
        name=name,
        paper=entry.paper,
        image_size=entry.image_size,
        classes=entry.classes,
        parameters=entry.parameters,
        multiply_adds=entry.multiply_adds,
        published=has_published(name),
    )
