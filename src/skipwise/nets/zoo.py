"""Every named network, a row each, and the one way to make one.

`NETWORKS` is the whole list. A network of one's own is named `package.module:function`; the function is called as
function(num_classes=..., in_channels=...) and returns a module from images [B, C, H, W] to logits [B, classes].
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import nn

from skipwise.errors import SkipwiseError, unknown_name
from skipwise.nets.blocks import (
    BasicBlock,
    GateMaker,
    InvertedResidual,
    SkipMaker,
    SqueezeExcite,
    matching_skip,
    no_skip,
    projection_skip,
)
from skipwise.nets.network import STEMS, Architecture, Stage, build, resolve_stem

RESNET = "He et al. 2015, arXiv:1512.03385"
SENET = "Hu et al. 2018, arXiv:1709.01507"
MOBILENET_V2 = "Sandler et al. 2018, arXiv:1801.04381"


def _resnet_stages(
    block: Callable[..., nn.Module],
    depths: tuple[int, int, int, int],
    *,
    gate: GateMaker | None = None,
    skip: SkipMaker = projection_skip,
) -> tuple[Stage, ...]:
    """The four stages of the ImageNet ResNets (table 1 of the paper)."""
    return tuple(
        Stage(block=block, channels=channels, depth=depth, stride=stride, gate=gate, skip=skip)
        for channels, depth, stride in zip((64, 128, 256, 512), depths, (1, 2, 2, 2), strict=True)
    )


def _inverted_stages(*rows: tuple[int, int, int, int], small_strides: dict[int, int]) -> tuple[Stage, ...]:
    """The rows (expand, channels, depth, stride) of table 2 of the MobileNetV2 paper."""
    return tuple(
        Stage(
            block=partial(InvertedResidual, expand=expand),
            channels=channels,
            depth=depth,
            stride=stride,
            small_stride=small_strides.get(index),
            skip=matching_skip,
        )
        for index, (expand, channels, depth, stride) in enumerate(rows)
    )


NETWORKS: dict[str, Architecture] = {
    "resnet18": Architecture(stages=_resnet_stages(BasicBlock, (2, 2, 2, 2)), paper=RESNET),
    "plain18": Architecture(stages=_resnet_stages(BasicBlock, (2, 2, 2, 2), skip=no_skip), paper=RESNET),
    "se_resnet18": Architecture(stages=_resnet_stages(BasicBlock, (2, 2, 2, 2), gate=SqueezeExcite), paper=SENET),
    "mobilenet_v2": Architecture(
        stages=_inverted_stages(
            (1, 16, 1, 1),
            (6, 24, 2, 2),
            (6, 32, 3, 2),
            (6, 64, 4, 2),
            (6, 96, 3, 1),
            (6, 160, 3, 2),
            (6, 320, 1, 1),
            small_strides={1: 1},
        ),
        paper=MOBILENET_V2,
        stem_channels=32,
        stem_kernel=3,
        stem_pool=False,
        activation=nn.ReLU6,
        head_channels=1280,
    ),
}


def list_models() -> list[str]:
    """The names of all networks, sorted."""
    return sorted(NETWORKS)


def check_model(name: str) -> None:
    """Says whether `create_model` knows the name, without building anything.

    Raises:
        SkipwiseError: it does not; the nearest name is suggested.
    """
    if ":" in name:
        _imported(name)
    elif name not in NETWORKS:
        raise unknown_name("network", name, NETWORKS)


def create_model(
    name: str,
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    stem: str = "imagenet",
    width: float = 1.0,
    image_size: int | None = None,
    seed: int | None = None,
) -> nn.Module:
    """A network by name, with initial weights.

    Args:
        name: one of `list_models()`, or `package.module:function` for a network of one's own, which takes care
            of its stem, width and initial weights itself.
        stem: `imagenet` (strided, pooled), `small` (3x3, stride 1, no pool), or `auto`, by `image_size`.
        width: scales all channels, rounded to multiples of 8; 1 is the published network.
        image_size: pixels a side; only `auto` needs it.
        seed: of the initial weights; None draws from torch's default generator.

    Returns:
        A module from images [B, in_channels, H, W] to logits [B, num_classes], in training mode.

    Raises:
        SkipwiseError: an unknown name or stem (the nearest is suggested), or sizes that give no network.
    """
    check_model(name)
    if stem not in STEMS:
        raise unknown_name("stem", stem, STEMS)
    if stem == "auto":
        if image_size is None:
            raise SkipwiseError("The stem 'auto' needs the image size; give image_size, or 'small' or 'imagenet'.")
        stem = resolve_stem(stem, image_size)
    if ":" in name:
        return _guest(name, num_classes=num_classes, in_channels=in_channels, seed=seed)
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    return build(
        NETWORKS[name],
        num_classes=num_classes,
        in_channels=in_channels,
        stem=stem,
        width=width,
        generator=generator,
    )


def _guest(name: str, *, num_classes: int, in_channels: int, seed: int | None) -> nn.Module:
    function = _imported(name)
    # A guest draws from torch's default generator; it is put back, so nobody else's draws depend on ours.
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        network = function(num_classes=num_classes, in_channels=in_channels)
    if not isinstance(network, nn.Module):
        raise SkipwiseError(f"{name!r} returned a {type(network).__name__}; it must return a torch.nn.Module.")
    return network


def _imported(name: str) -> Callable[..., nn.Module]:
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
