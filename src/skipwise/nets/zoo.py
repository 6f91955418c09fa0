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
from skipwise.nets.spec import NetworkSpec

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


def list_models() -> list[str]:
    """Lists the networks that `create_model` knows by name.

    Returns:
        The names, sorted. Networks of timm, torchvision and your own modules come in addition; see `create_model`.

    Example:
        >>> from skipwise import list_models
        >>> [name for name in list_models() if name.startswith("plain")]
        ['plain18', 'plain20', 'plain32', 'plain34', 'plain44', 'plain56']
    """
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
    """Creates a network by name. It is short for `NetworkSpec(...).build(seed=...)`.

    Args:
        name: one of `list_models()`, or an external network: `timm:NAME`, `torchvision:NAME`, or
            `package.module:function` for your own. Stem, width and gates of an external network are its own.
        num_classes: the number of classes, at least 1; default 1,000.
        in_channels: the channels of the images: 3 (default) for colour, 1 for grey.
        stem: "imagenet" (stride 2, then pooling), "small" (3x3, stride 1, no pooling), or "auto", which goes by
            `image_size`. None (default) is the stem the network was published with: "small" for the CIFAR ResNets,
            "imagenet" for all others.
        width: a factor on all channel counts, which are rounded to multiples of 8; default 1, the published network.
        reduction: how many times fewer hidden units than channels a squeeze-excite gate has; None (default) is the
            published 16 (Hu et al. 2018, arXiv:1709.01507).
        drop_path: the probability in training of skipping the last block's branch; it falls linearly to 0 at the first
            block (stochastic depth, Huang et al. 2016, arXiv:1603.09382); default 0.
        zero_init_last: whether every residual branch starts at zero (Goyal et al. 2017, arXiv:1706.02677); default
            False.
        pretrained: whether to start from the ImageNet weights that torchvision or timm publish, which are downloaded
            once; default False. With another number of classes than 1,000 the last layer is new and starts at zero.
        image_size: the images' size in pixels a side; only the stem "auto" needs it. None (default) is unknown.
        seed: the seed of the initial weights; None (default) draws from torch's default generator.

    Returns:
        A module from images [B, in_channels, H, W] to logits [B, num_classes], in training mode, on the CPU. A network
        of Skipwise takes images of any size from 8 pixels a side.

    Raises:
        SkipwiseError: the name or stem is unknown (the message suggests the nearest one), numbers give no network, or
            published weights do not exist for it, do not fit the options or cannot be downloaded.
        TrainingFailed: the function of a network of your own fails or returns no module.

    Example:
        >>> import torch
        >>> from skipwise import create_model
        >>> network = create_model("resnet18", num_classes=10, stem="small", width=0.25, seed=0)
        >>> network(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """
    return NetworkSpec(
        name=name,
        num_classes=num_classes,
        in_channels=in_channels,
        stem=stem,
        width=width,
        reduction=reduction,
        drop_path=drop_path,
        zero_init_last=zero_init_last,
        image_size=image_size,
        weights="published" if pretrained else None,
    ).build(seed=seed)
