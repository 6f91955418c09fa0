"""torch.compile without its warnings and its limit on recompilation."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable

import torch
from torch import Tensor, nn

from skipwise.core.machine import devices

MOST_VARIANTS = 256


def has_compiler() -> bool:
    """Returns whether torch.compile finds a C++ compiler."""
    return any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "g++", "clang++", "cl"))


def lacks_compiler(device: str) -> bool:
    """Returns whether torch.compile needs a C++ compiler for a device, and there is none."""
    return devices.of(device).needs_compiler and not has_compiler()


def compiled(network: nn.Module) -> Callable[[Tensor], Tensor]:
    """The network, compiled for each shape of its input when that first occurs."""
    # It warns that there is no CUDA, which is not needed.
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    # A recipe has several image sizes, and a process several networks. Above its limit torch silently stops compiling.
    torch._dynamo.config.recompile_limit = MOST_VARIANTS
    return torch.compile(network, dynamic=False)
