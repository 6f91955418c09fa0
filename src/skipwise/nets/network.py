"""Builds a network (stem, stages, head) from a table of stages.

`Architecture` is data, and `Network` is the one loop that reads it, so a new network is a new row in `zoo.NETWORKS`.
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
    """Blocks of equal width in a row.

    Args:
        block: makes a block; called as block(in_channels, out_channels, stride, gate=module, skip=module).
        channels: the output channels at width 1.
        depth: the number of blocks.
        stride: the stride of the first block; the others have 1.
        small_stride: the stride of the first block after the small stem; None is `stride`.
        gate: makes the gate of each block; None for no gates.
        skip: makes the skip of each block.
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
    """A named network, for any width and any number of classes.

    Args:
        stages: the stages in order.
        paper: where the network was published.
        stem: the stem it was published with, "imagenet" or "small".
        stem_channels: the output channels of the first convolution at width 1.
        stem_kernel: the kernel size of the first convolution in the ImageNet stem, where its stride is 2.
        stem_pool: makes the pooling that follows it in the ImageNet stem; None for none.
        activation: makes the activation of stem and head.
        head_channels: the output channels of a 1x1 convolution before the global pooling; None for none.
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
        # The probability rises linearly with depth, from 0 to `drop_path` (Huang et al. 2016, section 3).
        depth = sum(stage.depth for stage in architecture.stages)
        drop_probs = iter(torch.linspace(0, drop_path, depth, device="cpu").tolist())
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
                skip, drop_prob = stage.skip(*shape), next(drop_probs)
                if drop_prob > 0 and isinstance(skip, Skip):  # without a skip, dropping the branch would leave nothing
                    skip.drop_path = DropPath(drop_prob)
                blocks.append(stage.block(*shape, gate=gate, skip=skip))
                channels = out_channels
            self.stages.append(blocks)
        if architecture.head_channels is not None:
            out_channels = scaled(architecture.head_channels, width)
            self.stages.append(ConvNormAct(channels, out_channels, 1, activation=architecture.activation))
            channels = out_channels

        self.classifier = nn.Linear(channels, num_classes)

    def features(self, x_BCHW: Tensor) -> Tensor:
        """The last feature maps [B, C, h, w], which the head averages over h and w and classifies."""
        return self.stages(self.stem(x_BCHW))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return self.classifier(self.features(x_BCHW).mean(dim=(2, 3)))
