"""From a table of stages to a network: stem, stages, head.

`Architecture` is data and `Network` is the one loop that reads it, so a new network is a new row in the zoo.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from skipwise.nets.blocks import ConvNormAct, DropPath, GateMaker, Skip, SkipMaker, projection_skip, scaled

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
