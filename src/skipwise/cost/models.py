"""The verb `models`: the named networks with their sizes and costs."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass

from skipwise.core.errors import unknown_name
from skipwise.nets.catalogue import Entry, catalogue
from skipwise.nets.weights.published import has_published


@dataclass(frozen=True, kw_only=True)
class ListedNetwork:
    """A network as published.

    Args:
        name: its name for `--models`.
        paper: where it was published.
        image_size: the side of the images it was published for, in pixels.
        classes: the number of classes it was published for.
        parameters: its trainable parameters.
        multiply_adds: the multiply-adds of one image's forward pass.
        published: whether there are published ImageNet weights to start from.
    """

    name: str
    paper: str
    image_size: int
    classes: int
    parameters: int
    multiply_adds: int
    published: bool


def list_networks(pattern: str = "*") -> list[ListedNetwork]:
    """Lists the networks whose names match a pattern, sorted by name.

    Args:
        pattern: a name with `*` and `?` for any characters, such as "se_*".

    Raises:
        SkipwiseError: no name matches.

    Example:
        >>> [network.name for network in list_networks("plain*")]
        ['plain18', 'plain20', 'plain32', 'plain34', 'plain44', 'plain56']
    """
    known = catalogue()
    names = fnmatch.filter(sorted(known), pattern)
    if not names:
        raise unknown_name("network", pattern, known)
    return [_listed(name, known[name]) for name in names]


def _listed(name: str, entry: Entry) -> ListedNetwork:
    return ListedNetwork(
        name=name,
        paper=entry.paper,
        image_size=entry.image_size,
        classes=entry.classes,
        parameters=entry.parameters,
        multiply_adds=entry.multiply_adds,
        published=has_published(name),
    )
