"""Networks that are not ours, by name: `timm:NAME`, `torchvision:NAME`, or `package.module:function` for one's own.

A function of one's own is called as function(num_classes=..., in_channels=...) and returns a module from images
[B, C, H, W] to logits [B, classes].
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from skipwise.errors import SkipwiseError, missing_extra, unknown_name


def is_guest(name: str) -> bool:
    """Whether a network's name is one of somebody else's."""
    return ":" in name


def check_guest(name: str) -> None:
    """Raises SkipwiseError if there is no such guest."""
    _maker(name)


def create_guest(name: str, *, num_classes: int, in_channels: int, seed: int | None) -> nn.Module:
    """A guest with initial weights.

    Raises:
        SkipwiseError: there is no such guest, or it is not a network.
    """
    make = _maker(name)
    # A guest draws from torch's default generator; it is put back, so nobody else's draws depend on ours.
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        network = make(num_classes, in_channels)
    if not isinstance(network, nn.Module):
        raise SkipwiseError(f"{name!r} returned a {type(network).__name__}; it must return a torch.nn.Module.")
    return network


def _maker(name: str) -> Callable[[int, int], object]:
    """(classes, channels) -> the guest."""
    library, _, model = name.partition(":")
    if library == "timm":
        return _timm(model)
    if library == "torchvision":
        return _torchvision(model)
    function = _imported(name)
    return lambda classes, channels: function(num_classes=classes, in_channels=channels)


def _timm(model: str) -> Callable[[int, int], object]:
    try:
        import timm
    except ImportError as error:
        raise missing_extra("timm", "timm") from error
    if not timm.is_model(model):
        raise unknown_name("network in timm", model, timm.list_models())
    return lambda classes, channels: timm.create_model(model, num_classes=classes, in_chans=channels)


def _torchvision(model: str) -> Callable[[int, int], object]:
    from torchvision import models

    names = models.list_models(module=models)  # the classifiers, without detection and segmentation
    if model not in names:
        raise unknown_name("classifier in torchvision", model, names)

    def make(classes: int, channels: int) -> object:
        if channels != 3:
            raise SkipwiseError(f"torchvision:{model} takes images of 3 channels, not {channels}.")
        return models.get_model(model, weights=None, num_classes=classes)

    return make


def _imported(name: str) -> Callable[..., object]:
    module_name, _, function_name = name.partition(":")
    # A module in the folder one stands in, as with `python -m`; behind everything installed.
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise SkipwiseError(
            f"The network {name!r} can't be imported ({error}); name it as package.module:function."
        ) from error
    if not callable(function):
        raise SkipwiseError(f"{name!r} is not a function; name it as package.module:function.")
    return function
