"""The names of external networks (`timm:NAME`, `torchvision:NAME`, `package.module:function`), and which may run."""

from __future__ import annotations

import os
from typing import Literal

from skipwise.core.errors import NotTrusted, SkipwiseError
from skipwise.core.text import command

Trust = bool | str
"""Whether the user's own network that a record names may run: True for any, False for none, or the name of one."""

Source = Literal["skipwise", "timm", "torchvision", "module"]
"""The source of a network's code; "module" is a function of the user's own."""


def source_of(name: str) -> Source:
    """Returns where the code of a network comes from, by its name.

    Example:
        >>> source_of("resnet18"), source_of("timm:densenet121"), source_of("my_module:my_network")
        ('skipwise', 'timm', 'module')
    """
    prefix, colon, _ = name.partition(":")
    if not colon:
        return "skipwise"
    return "timm" if prefix == "timm" else "torchvision" if prefix == "torchvision" else "module"


def is_external(name: str) -> bool:
    """Returns whether a name is that of a network from timm, torchvision or the user's own module."""
    return source_of(name) != "skipwise"


def is_own(name: str) -> bool:
    """Returns whether a name is that of a function in the user's own module, which runs when it is looked up."""
    return source_of(name) == "module"


def check_trusted(name: str, trust: Trust, where: str | os.PathLike[str]) -> None:
    """Checks that the network that a record names may be imported, which runs code where it is the user's own.

    Args:
        name: the network, as the record names it.
        trust: which networks the user allows to run.
        where: the folder or file that the record belongs to, for the message.

    Raises:
        NotTrusted: it is a function in a module, and the user did not allow it to run.
        SkipwiseError: the user named another network.
    """
    if isinstance(trust, str) and trust != name:
        raise SkipwiseError(f"{where} has the network {name!r}, not {trust!r}; leave --model out, or give that name.")
    if is_own(name) and not trust:
        options = ("--model", name)
        raise NotTrusted(
            f"{where} uses the network {name!r}, which is Python code that would have to run; if you trust it, name "
            f"the network again: {command(*options)}",
            options,
        )
