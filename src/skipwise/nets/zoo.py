"""Every named network, a row each, and the one way to make one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from skipwise.core.errors import SkipwiseError, unknown_name
from skipwise.nets.blocks import (
    BasicBlock,
    Bottleneck,
    GateMaker,
    InvertedResidual,
    RectifiedSqueezeExcite,
    SkipMaker,
    SqueezeExcite,
    matching_skip,
    no_skip,
    padding_skip,
    projection_skip,
)
from skipwise.nets.catalogue import check_model
from skipwise.nets.external import create_external, is_external
from skipwise.nets.network import Architecture, Stage, build
from skipwise.nets.stems import STEMS, resolve_stem
from skipwise.nets.weights.loading import load_weights
from skipwise.nets.weights.published import fetch, published

RESNET = "He et al. 2015, arXiv:1512.03385"
RESNEXT = "Xie et al. 2017, arXiv:1611.05431"
SENET = "Hu et al. 2018, arXiv:1709.01507"
MOBILENET_V2 = "Sandler et al. 2018, arXiv:1801.04381"

BASIC = (64, 128, 256, 512)
WIDE = (256, 512, 1024, 2048)
CIFAR = (16, 32, 64)

ResNeXtBlock = partial(Bottleneck, squeeze=0.5, groups=32)
BiasFreeSqueezeExcite = partial(SqueezeExcite, bias=False)
# The pool of the Caffe networks: no padding, and a last window that may hang over the edge.
CaffePool = partial(nn.MaxPool2d, 3, stride=2, ceil_mode=True)


def _residual(
    block: Callable[..., nn.Module],
    channels: tuple[int, ...],
    depths: tuple[int, ...],
    *,
    gate: GateMaker | None = None,
    skip: SkipMaker = projection_skip,
) -> tuple[Stage, ...]:
    """Stages of residual blocks: output channels and depth per stage; all but the first halve the image."""
    return tuple(
        Stage(block=block, channels=width, depth=depth, stride=1 if index == 0 else 2, gate=gate, skip=skip)
        for index, (width, depth) in enumerate(zip(channels, depths, strict=True))
    )


def _inverted(*rows: tuple[int, int, int, int, int]) -> tuple[Stage, ...]:
    """Stages of inverted residuals: expand, channels, depth, stride, and stride under the small stem."""
    return tuple(
        Stage(
            block=partial(InvertedResidual, expand=expand),
            channels=channels,
            depth=depth,
            stride=stride,
            small_stride=small_stride,
            skip=matching_skip,
        )
        for expand, channels, depth, stride, small_stride in rows
    )


def _cifar(depth: int, paper: str, *, gate: GateMaker | None = None, skip: SkipMaker = padding_skip) -> Architecture:
    """The CIFAR-10 networks of the ResNet paper, section 4.2: `depth` = 6 n + 2 layers."""
    stages = _residual(BasicBlock, CIFAR, ((depth - 2) // 6,) * 3, gate=gate, skip=skip)
    return Architecture(stages=stages, paper=paper, stem="small", stem_channels=16)


# fmt: off
NETWORKS: dict[str, Architecture] = {
    "resnet18": Architecture(stages=_residual(BasicBlock, BASIC, (2, 2, 2, 2)), paper=RESNET),
    "resnet34": Architecture(stages=_residual(BasicBlock, BASIC, (3, 4, 6, 3)), paper=RESNET),
    "resnet50": Architecture(stages=_residual(Bottleneck, WIDE, (3, 4, 6, 3)), paper=RESNET),
    "resnet101": Architecture(stages=_residual(Bottleneck, WIDE, (3, 4, 23, 3)), paper=RESNET),
    "resnet152": Architecture(stages=_residual(Bottleneck, WIDE, (3, 8, 36, 3)), paper=RESNET),
    "resnext50_32x4d": Architecture(stages=_residual(ResNeXtBlock, WIDE, (3, 4, 6, 3)), paper=RESNEXT),

    "plain18": Architecture(stages=_residual(BasicBlock, BASIC, (2, 2, 2, 2), skip=no_skip), paper=RESNET),
    "plain34": Architecture(stages=_residual(BasicBlock, BASIC, (3, 4, 6, 3), skip=no_skip), paper=RESNET),

    "se_resnet18": Architecture(stages=_residual(BasicBlock, BASIC, (2, 2, 2, 2), gate=SqueezeExcite), paper=SENET),
    "se_resnet34": Architecture(stages=_residual(BasicBlock, BASIC, (3, 4, 6, 3), gate=SqueezeExcite), paper=SENET),
    "se_resnet50": Architecture(stages=_residual(Bottleneck, WIDE, (3, 4, 6, 3), gate=SqueezeExcite), paper=SENET),
    "se_resnet101": Architecture(stages=_residual(Bottleneck, WIDE, (3, 4, 23, 3), gate=SqueezeExcite), paper=SENET),
    "se_resnet152": Architecture(stages=_residual(Bottleneck, WIDE, (3, 8, 36, 3), gate=SqueezeExcite), paper=SENET),
    "se_resnext50_32x4d": Architecture(
        stages=_residual(ResNeXtBlock, WIDE, (3, 4, 6, 3), gate=SqueezeExcite), paper=SENET
    ),
    "legacy_se_resnet18": Architecture(
        stages=_residual(BasicBlock, BASIC, (2, 2, 2, 2), gate=RectifiedSqueezeExcite), stem_pool=CaffePool, paper=SENET
    ),
    "legacy_se_resnet34": Architecture(
        stages=_residual(BasicBlock, BASIC, (3, 4, 6, 3), gate=RectifiedSqueezeExcite), stem_pool=CaffePool, paper=SENET
    ),
    "senet34": Architecture(
        stages=_residual(BasicBlock, BASIC, (3, 4, 6, 3), gate=BiasFreeSqueezeExcite), paper=SENET
    ),

    "resnet20": _cifar(20, RESNET),
    "resnet32": _cifar(32, RESNET),
    "resnet44": _cifar(44, RESNET),
    "resnet56": _cifar(56, RESNET),
    "resnet110": _cifar(110, RESNET),
    "plain20": _cifar(20, RESNET, skip=no_skip),
    "plain56": _cifar(56, RESNET, skip=no_skip),
    "se_resnet20": _cifar(20, SENET, gate=SqueezeExcite),
    "se_resnet56": _cifar(56, SENET, gate=SqueezeExcite),

    "mobilenet_v2": Architecture(
        stages=_inverted(  # table 2 of the paper, and the strides under the small stem
            (1, 16, 1, 1, 1),
            (6, 24, 2, 2, 1),
            (6, 32, 3, 2, 2),
            (6, 64, 4, 2, 2),
            (6, 96, 3, 1, 1),
            (6, 160, 3, 2, 2),
            (6, 320, 1, 1, 1),
        ),
        paper=MOBILENET_V2, stem_channels=32, stem_kernel=3, stem_pool=None, activation=nn.ReLU6, head_channels=1280,
    ),
}
# fmt: on


def list_models() -> list[str]:
    """The names of all networks, sorted."""
    return sorted(NETWORKS)


def create_model(
    name: str,
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    stem: str | None = None,
    width: float = 1.0,
    reduction: int | None = None,
    drop_path: float = 0.0,
    zero_init_last: bool = False,
    pretrained: bool = False,
    image_size: int | None = None,
    seed: int | None = None,
) -> nn.Module:
    """A network by name, with initial weights.

    Args:
        name: one of `list_models()`, or an external network: `timm:NAME`, `torchvision:NAME`, or
            `package.module:function` for your own. External networks set their own stem and width.
        stem: `imagenet` (strided, pooled), `small` (3x3, stride 1, no pool), or `auto`, by `image_size`; None is the
            one the network was published with: `small` for the CIFAR ResNets, `imagenet` for all others.
        width: scales all channels, rounded to multiples of 8; 1 is the published network.
        reduction: of the channels in squeeze-excite gates; None is the published 16.
        drop_path: how often the last block's branch is dropped in training; earlier ones less often.
        zero_init_last: whether every residual branch starts at zero (Goyal et al. 2017, arXiv:1706.02677).
        pretrained: start from published ImageNet weights (see nets/weights/published.py), downloaded once; with another
            number of classes than 1,000 the last layer is a new one.
        image_size: pixels a side; only `auto` needs it.
        seed: of the initial weights; None draws from torch's default generator.

    Returns:
        A module from images [B, in_channels, H, W] to logits [B, num_classes], in training mode.

    Raises:
        SkipwiseError: an unknown name or stem (the nearest is suggested), sizes that give no network, or weights that
            can't be had.
    """
    check_model(name, NETWORKS)
    if stem is not None and stem not in STEMS:
        raise unknown_name("stem", stem, STEMS)
    if stem == "auto" and image_size is None:
        raise SkipwiseError("The stem 'auto' needs the image size; give image_size, or 'small' or 'imagenet'.")
    if is_external(name):
        theirs = published(name) if pretrained else None
        if theirs is not None and in_channels != len(theirs.mean):
            raise SkipwiseError(
                f"The published weights of {name!r} are for {len(theirs.mean)} channels; leave in_channels out, or "
                "pretrained."
            )
        external = create_external(name, num_classes=num_classes, in_channels=in_channels, seed=seed)
        if theirs is not None:
            load_weights(external, fetch(theirs), new_head=True)
        return external
    architecture = NETWORKS[name]
    stem = resolve_stem(stem or architecture.stem, image_size or 0)
    if pretrained:
        weights = published(name)
        if (stem, width, in_channels, reduction) != ("imagenet", 1.0, 3, None):
            raise SkipwiseError(
                f"The published weights of {name!r} are for the imagenet stem, width 1, 3 channels and gates as "
                "published; leave those options out, or leave out pretrained."
            )
    network = build(
        architecture,
        num_classes=num_classes,
        in_channels=in_channels,
        stem=stem,
        width=width,
        reduction=reduction,
        drop_path=drop_path,
        zero_init_last=zero_init_last,
        generator=None if seed is None else torch.Generator().manual_seed(seed),
    )
    if pretrained:
        load_weights(network, fetch(weights), new_head=True)
    return network
