"""The verb `models`: every named network with its size and cost."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass

import torch

from skipwise.cost.counts import count
from skipwise.errors import unknown_name
from skipwise.nets.network import Network
from skipwise.nets.published import has_published
from skipwise.nets.zoo import NETWORKS

_USUAL = {"imagenet": (224, 1000), "small": (32, 10)}
"""Image size and classes that a network with this stem was published for."""


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
    names = fnmatch.filter(sorted(NETWORKS), pattern)
    if not names:
        raise unknown_name("network", pattern, NETWORKS)
    return [_listed(name) for name in names]


def _listed(name: str) -> Listed:
    architecture = NETWORKS[name]
    size, classes = _USUAL[architecture.stem]
    # Without storage: shapes are all that counting needs.
    with torch.device("meta"):
        network = Network(
            architecture,
            num_classes=classes,
            in_channels=3,
            stem=architecture.stem,
            width=1.0,
            reduction=None,
            drop_path=0.0,
        )
    counts = count(network, channels=3, size=size)
    return Listed(
        name=name,
        paper=architecture.paper,
        image_size=size,
        classes=classes,
        parameters=counts.parameters,
        multiply_adds=counts.multiply_adds,
        published=has_published(name),
    )
