"""Every named network: one row each in `NETWORKS`.

To add a network, add a row here and run `python -m skipwise.cost.make_catalogue`, which counts it and writes
`catalogue.json`. Every verb and the tests of all networks know it from then on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import nn

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
from skipwise.nets.network import Architecture, Stage

RESNET = "He et al. 2015, arXiv:1512.03385"
RESNEXT = "Xie et al. 2017, arXiv:1611.05431"
SENET = "Hu et al. 2018, arXiv:1709.01507"
MOBILENET_V2 = "Sandler et al. 2018, arXiv:1801.04381"

BASIC = (64, 128, 256, 512)
WIDE = (256, 512, 1024, 2048)
CIFAR = (16, 32, 64)

ResNeXtBlock = partial(Bottleneck, squeeze=0.5, groups=32)
BiasFreeSqueezeExcite = partial(SqueezeExcite, bias=False)
# The pooling of the Caffe networks: no padding, and a last window that may extend beyond the edge.
CaffePool = partial(nn.MaxPool2d, 3, stride=2, ceil_mode=True)


def _residual(
    block: Callable[..., nn.Module],
    channels: tuple[int, ...],
    depths: tuple[int, ...],
    *,
    gate: GateMaker | None = None,
    skip: SkipMaker = projection_skip,
) -> tuple[Stage, ...]:
    """Stages of residual blocks, with output channels and depth for each stage; all but the first halve the image."""
    return tuple(
        Stage(block=block, channels=width, depth=depth, stride=1 if index == 0 else 2, gate=gate, skip=skip)
        for index, (width, depth) in enumerate(zip(channels, depths, strict=True))
    )


def _inverted(*rows: tuple[int, int, int, int, int]) -> tuple[Stage, ...]:
    """Stages of inverted residuals; a row is expand, channels, depth, stride, and the stride after the small stem."""
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
    """A network of `depth` = 6 n + 2 layers for CIFAR-10, after section 4.2 of the ResNet paper."""
    stages = _residual(BasicBlock, CIFAR, ((depth - 2) // 6,) * 3, gate=gate, skip=skip)
    return Architecture(stages=stages, paper=paper, stem="small", stem_channels=16)


def table(*rows: tuple[str, Architecture]) -> dict[str, Architecture]:
    """The networks by name.

    Raises:
        ValueError: two rows have the same name.
    """
    found: dict[str, Architecture] = {}
    for name, architecture in rows:
        if name in found:
            raise ValueError(f"Two rows of the table are called {name!r}.")
        found[name] = architecture
    return found


# fmt: off
NETWORKS = table(
    ("resnet18", Architecture(stages=_residual(BasicBlock, BASIC, (2, 2, 2, 2)), paper=RESNET)),
    ("resnet34", Architecture(stages=_residual(BasicBlock, BASIC, (3, 4, 6, 3)), paper=RESNET)),
    ("resnet50", Architecture(stages=_residual(Bottleneck, WIDE, (3, 4, 6, 3)), paper=RESNET)),
    ("resnet101", Architecture(stages=_residual(Bottleneck, WIDE, (3, 4, 23, 3)), paper=RESNET)),
    ("resnet152", Architecture(stages=_residual(Bottleneck, WIDE, (3, 8, 36, 3)), paper=RESNET)),
    ("resnext50_32x4d", Architecture(stages=_residual(ResNeXtBlock, WIDE, (3, 4, 6, 3)), paper=RESNEXT)),

    ("plain18", Architecture(stages=_residual(BasicBlock, BASIC, (2, 2, 2, 2), skip=no_skip), paper=RESNET)),
    ("plain34", Architecture(stages=_residual(BasicBlock, BASIC, (3, 4, 6, 3), skip=no_skip), paper=RESNET)),

    ("se_resnet18", Architecture(stages=_residual(BasicBlock, BASIC, (2, 2, 2, 2), gate=SqueezeExcite), paper=SENET)),
    ("se_resnet34", Architecture(stages=_residual(BasicBlock, BASIC, (3, 4, 6, 3), gate=SqueezeExcite), paper=SENET)),
    ("se_resnet50", Architecture(stages=_residual(Bottleneck, WIDE, (3, 4, 6, 3), gate=SqueezeExcite), paper=SENET)),
    ("se_resnet101", Architecture(stages=_residual(Bottleneck, WIDE, (3, 4, 23, 3), gate=SqueezeExcite), paper=SENET)),
    ("se_resnet152", Architecture(stages=_residual(Bottleneck, WIDE, (3, 8, 36, 3), gate=SqueezeExcite), paper=SENET)),
    ("se_resnext50_32x4d", Architecture(
        stages=_residual(ResNeXtBlock, WIDE, (3, 4, 6, 3), gate=SqueezeExcite), paper=SENET
    )),
    ("legacy_se_resnet18", Architecture(
        stages=_residual(BasicBlock, BASIC, (2, 2, 2, 2), gate=RectifiedSqueezeExcite), stem_pool=CaffePool, paper=SENET
    )),
    ("legacy_se_resnet34", Architecture(
        stages=_residual(BasicBlock, BASIC, (3, 4, 6, 3), gate=RectifiedSqueezeExcite), stem_pool=CaffePool, paper=SENET
    )),
    ("senet34", Architecture(
        stages=_residual(BasicBlock, BASIC, (3, 4, 6, 3), gate=BiasFreeSqueezeExcite), paper=SENET
    )),

    ("resnet20", _cifar(20, RESNET)),
    ("resnet32", _cifar(32, RESNET)),
    ("resnet44", _cifar(44, RESNET)),
    ("resnet56", _cifar(56, RESNET)),
    ("resnet110", _cifar(110, RESNET)),
    ("projection_resnet20", _cifar(20, RESNET, skip=projection_skip)),
    ("projection_resnet32", _cifar(32, RESNET, skip=projection_skip)),
    ("projection_resnet44", _cifar(44, RESNET, skip=projection_skip)),
    ("projection_resnet56", _cifar(56, RESNET, skip=projection_skip)),
    ("plain20", _cifar(20, RESNET, skip=no_skip)),
    ("plain32", _cifar(32, RESNET, skip=no_skip)),
    ("plain44", _cifar(44, RESNET, skip=no_skip)),
    ("plain56", _cifar(56, RESNET, skip=no_skip)),
    ("se_resnet20", _cifar(20, SENET, gate=SqueezeExcite)),
    ("se_resnet56", _cifar(56, SENET, gate=SqueezeExcite)),

    ("mobilenet_v2", Architecture(
        stages=_inverted(  # table 2 of the paper, and the strides after the small stem
            (1, 16, 1, 1, 1),
            (6, 24, 2, 2, 1),
            (6, 32, 3, 2, 2),
            (6, 64, 4, 2, 2),
            (6, 96, 3, 1, 1),
            (6, 160, 3, 2, 2),
            (6, 320, 1, 1, 1),
        ),
        paper=MOBILENET_V2, stem_channels=32, stem_kernel=3, stem_pool=None, activation=nn.ReLU6, head_channels=1280,
    )),
)
# fmt: on
