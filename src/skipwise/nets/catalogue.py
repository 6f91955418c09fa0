"""The names and costs of all networks of Skipwise, read from `catalogue.json`: no network is built, torch not imported.

`python -m skipwise.cost.make_catalogue` writes the file; a test compares it with the networks.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import msgspec

from skipwise.core.errors import unknown_name
from skipwise.nets.external import is_external
from skipwise.nets.external_code import check_external

FILE = Path(__file__).with_name("catalogue.json")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A network as published.

    Args:
        paper: where it was published.
        image_size: the side of the images it was published for, in pixels.
        classes: the number of classes it was published for.
        parameters: its trainable parameters.
        multiply_adds: the multiply-adds of one image's forward pass.
    """

    paper: str
    image_size: int
    classes: int
    parameters: int
    multiply_adds: int


def catalogue() -> dict[str, Entry]:
    """The networks of Skipwise, by name."""
    return msgspec.json.decode(FILE.read_bytes(), type=dict[str, Entry])


def check_model(name: str, known: Collection[str] | None = None) -> None:
    """Checks that there is a network of a name, without building it.

    Args:
        name: the name, as for `create_model`.
        known: the names of Skipwise's networks; None reads them from the catalogue.

    Raises:
        SkipwiseError: there is none; the message suggests the nearest name.
    """
    known = catalogue() if known is None else known
    if is_external(name):
        check_external(name)
    elif name not in known:
        raise unknown_name("network", name, known)
