"""Networks at a width of their own, for comparisons in which networks of several widths take part.

`skipwise.studies.networks:resnet18_x20` is ResNet-18 with 0.20 times its channels and the stem for small images. The
width of `skipwise compare --width` is that of all its networks alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from skipwise.nets.spec import NetworkSpec

if TYPE_CHECKING:
    from torch import nn

FINGERPRINT = "f614a28086c16ec3cccedc304766cb7e2aa5f1a47b0d5176b120f69d59406bcc"
"""What plans have for the code of these networks. A name says all there is to say of one, and this file only reads it,
so it may be edited; another value is due once a name means another network than before."""
_NAME = re.compile(r"(?P<network>[a-z][a-z0-9_]*)_x(?P<hundredths>[1-9][0-9]{0,2})")


def at_width(network: str, hundredths: int) -> str:
    """The name of a network at a width, as `skipwise compare --models` takes it.

    Args:
        network: a network of `skipwise models`.
        hundredths: its width in hundredths of the published one.
    """
    return f"{__name__}:{network}_x{hundredths}"


def plain_name(name: str) -> str:
    """A network's name for tables: `resnet18_x20` in place of `skipwise.studies.networks:resnet18_x20`."""
    return name.removeprefix(f"{__name__}:")


def is_at_width(name: str) -> bool:
    """Returns whether a network is one of this module."""
    return name.startswith(f"{__name__}:")


def spec_of(name: str, *, num_classes: int = 10, in_channels: int = 3) -> NetworkSpec:
    """Returns the network that a name of this module stands for.

    Raises:
        AttributeError: it stands for nothing.
    """
    found = _NAME.fullmatch(name.rpartition(":")[2])
    if found is None:
        raise AttributeError(f"{__name__} has no network {name!r}; resnet18_x20 is ResNet-18 at width 0.20.")
    width = int(found["hundredths"]) / 100
    return NetworkSpec(
        name=found["network"], num_classes=num_classes, in_channels=in_channels, stem="small", width=width
    )


def _build(name: str, *, num_classes: int, in_channels: int) -> nn.Module:
    return spec_of(name, num_classes=num_classes, in_channels=in_channels).build()


def __getattr__(name: str) -> Callable[..., nn.Module]:
    spec_of(name).check()
    return partial(_build, name)
