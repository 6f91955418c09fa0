"""From a table of stages to a network: stem, stages, head.

`Architecture` is data and `Network` is the one loop that reads it, so a new network is a new row in the zoo.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from skipwise.core.errors import SkipwiseError
from skipwise.nets.blocks import ConvNormAct, DropPath, GateMaker, Skip, SkipMaker, projection_skip, scaled
from skipwise.nets.stems import check_width

StemPool = partial(nn.MaxPool2d, 3, stride=2, padding=1)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """`depth` blocks of `channels` output channels; the first one strides, or `small_stride` under a small stem.

    `block` is called as block(in_channels, out_channels, stride, gate=module, skip=module).
    """

    block: Callable[..., nn.Module]
    channels: int
    depth: int
    stride: int
    small_stride: int | None = None
    gate: GateMaker | None = None
    skip: SkipMaker = projection_skip


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A network before it has a size.

    `stem_channels` is the width of the first convolution; `stem_kernel` its size under the ImageNet stem, where
    it strides by 2 and `stem_pool` makes the pooling that follows. `stem` is the one it was published with.
    `head_channels` adds a 1x1 convolution before the last pooling. `paper` is where the network was published.
    """

    stages: tuple[Stage, ...]
    paper: str
    stem: str = "imagenet"
    stem_channels: int = 64
    stem_kernel: int = 7
    stem_pool: Callable[[], nn.Module] | None = StemPool
    activation: Callable[[], nn.Module] = nn.ReLU
    head_channels: int | None = None


class Network(nn.Module):
    """Stem, stages, global average, linear head.

    Shapes: images [B, in_channels, H, W] of any size from 8 pixels a side -> logits [B, num_classes].
    """

    def __init__(
        self,
        architecture: Architecture,
        *,
        num_classes: int,
        in_channels: int,
        stem: str,
        width: float,
        reduction: int | None,
        drop_path: float,
    ) -> None:
        super().__init__()
        # Deeper blocks are dropped more often, from never to `drop_path` (Huang et al. 2016, section 3).
        depth = sum(stage.depth for stage in architecture.stages)
        shares = iter(torch.linspace(0, drop_path, depth, device="cpu").tolist())
        squeeze = {} if reduction is None else {"reduction": reduction}
        small = stem == "small"
        channels = scaled(architecture.stem_channels, width)
        self.stem = nn.Sequential(
            ConvNormAct(
                in_channels,
                channels,
                3 if small else architecture.stem_kernel,
                stride=1 if small else 2,
                activation=architecture.activation,
            )
        )
        if architecture.stem_pool is not None and not small:
            self.stem.append(architecture.stem_pool())

        self.stages = nn.Sequential()
        for stage in architecture.stages:
            out_channels = scaled(stage.channels, width)
            stride = stage.small_stride if small and stage.small_stride is not None else stage.stride
            blocks = nn.Sequential()
            for index in range(stage.depth):
                shape = (channels, out_channels, stride if index == 0 else 1)
                gate = stage.gate(out_channels, **squeeze) if stage.gate is not None else nn.Identity()
                skip, share = stage.skip(*shape), next(shares)
                if share > 0 and isinstance(skip, Skip):  # without a skip a dropped branch would leave nothing
                    skip.drop_path = DropPath(share)
                blocks.append(stage.block(*shape, gate=gate, skip=skip))
                channels = out_channels
            self.stages.append(blocks)
        if architecture.head_channels is not None:
            out_channels = scaled(architecture.head_channels, width)
            self.stages.append(ConvNormAct(channels, out_channels, 1, activation=architecture.activation))
            channels = out_channels

        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        features_BCHW = self.stages(self.stem(x_BCHW))
        return self.classifier(features_BCHW.mean(dim=(2, 3)))


def build(
    architecture: Architecture,
    *,
    num_classes: int,
    in_channels: int = 3,
    stem: str,
    width: float = 1.0,
    reduction: int | None = None,
    drop_path: float = 0.0,
    zero_init_last: bool = False,
    generator: torch.Generator | None = None,
) -> Network:
    """The network with initial weights drawn from `generator` (torch's default one if None).

    The other arguments are those of `zoo.create_model`.

    Raises:
        SkipwiseError: numbers that give no network.
    """
    if num_classes < 1 or in_channels < 1:
        raise SkipwiseError(
            f"A network needs at least 1 class and 1 input channel, not {num_classes} and {in_channels}."
        )
    check_width(width)
    if reduction is not None and reduction < 1:
        raise SkipwiseError(
            f"The squeeze-excite reduction must be at least 1, not {reduction}; 16 is the published one."
        )
    if not 0 <= drop_path < 1:
        raise SkipwiseError(f"drop_path must be at least 0 and below 1, not {drop_path:g}.")
    # Built without storage first: the layers' own initialisation would draw from torch's global generator.
    with torch.device("meta"):
        network = Network(
            architecture,
            num_classes=num_classes,
            in_channels=in_channels,
            stem=stem,
            width=width,
            reduction=reduction,
            drop_path=drop_path,
        )
    network.to_empty(device="cpu")
    initialise(network, generator)
    if zero_init_last:
        for name, module in network.named_modules():
            if isinstance(module, Skip):
                block: Any = network.get_submodule(name.rpartition(".")[0])
                nn.init.zeros_(block.branch[-1].norm.weight)
    return network


def initialise(network: nn.Module, generator: torch.Generator | None) -> None:
    """Fresh weights for convolutions, norms and linear layers, in place.

    Convolutions: He et al. 2015 (arXiv:1502.01852), fan out, that of grouped ones counted over all groups as
    torchvision does; norms: the identity; linear layers: uniform within 1 / sqrt(fan in), biases too, as torch has it.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
        elif isinstance(module, nn.Linear):
            bound = 1 / math.sqrt(module.in_features)
            nn.init.uniform_(module.weight, -bound, bound, generator=generator)
            if module.bias is not None:
                nn.init.uniform_(module.bias, -bound, bound, generator=generator)
