"""From a table of stages to a network: stem, stages, head.

`Architecture` is data and `Network` is the one loop that reads it, so a new network is a new row in the zoo.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from skipwise.errors import SkipwiseError
from skipwise.nets.blocks import ConvNormAct, GateMaker, SkipMaker, projection_skip

STEMS = ("imagenet", "small", "auto")
SMALL_IMAGE = 64
"""Up to this many pixels a side the `auto` stem is `small`: the ImageNet stem would leave 16 x 16 or less."""


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
    it strides by 2 and `stem_pool` says whether a 3x3 max-pool of stride 2 follows. `head_channels` adds a 1x1
    convolution before the pooling. `paper` is where the network was published.
    """

    stages: tuple[Stage, ...]
    paper: str
    stem_channels: int = 64
    stem_kernel: int = 7
    stem_pool: bool = True
    activation: Callable[[], nn.Module] = nn.ReLU
    head_channels: int | None = None


def resolve_stem(stem: str, image_size: int) -> str:
    """`auto` as what it stands for at this image size (pixels a side); any other stem as it is."""
    if stem != "auto":
        return stem
    return "small" if image_size <= SMALL_IMAGE else "imagenet"


class Network(nn.Module):
    """Stem, stages, global average, linear head.

    Shapes: images [B, in_channels, H, W] of any size from 8 pixels a side -> logits [B, num_classes].
    """

    def __init__(
        self, architecture: Architecture, *, num_classes: int, in_channels: int, stem: str, width: float
    ) -> None:
        super().__init__()
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
        if architecture.stem_pool and not small:
            self.stem.append(nn.MaxPool2d(3, stride=2, padding=1))

        self.stages = nn.Sequential()
        for stage in architecture.stages:
            out_channels = scaled(stage.channels, width)
            stride = stage.small_stride if small and stage.small_stride is not None else stage.stride
            blocks = nn.Sequential()
            for index in range(stage.depth):
                shape = (channels, out_channels, stride if index == 0 else 1)
                gate = stage.gate(out_channels) if stage.gate is not None else nn.Identity()
                blocks.append(stage.block(*shape, gate=gate, skip=stage.skip(*shape)))
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


def check_width(width: float) -> None:
    """Raises SkipwiseError for a width that gives no network."""
    if not 0 < width <= 16:  # not-a-number is neither
        raise SkipwiseError(f"The width must be above 0 and at most 16, not {width:g}; 1 is the published network.")


def scaled(channels: int, width: float) -> int:
    """`channels` times `width`, rounded to a multiple of 8 (and at least 8), which vector units like."""
    return max(8, 8 * math.floor(channels * width / 8 + 0.5))


def build(
    architecture: Architecture,
    *,
    num_classes: int,
    in_channels: int = 3,
    stem: str = "imagenet",
    width: float = 1.0,
    generator: torch.Generator | None = None,
) -> Network:
    """The network with initial weights drawn from `generator` (torch's default one if None).

    Raises:
        SkipwiseError: a class count, channel count or width that gives no network.
    """
    if num_classes < 1 or in_channels < 1:
        raise SkipwiseError(
            f"A network needs at least 1 class and 1 input channel, not {num_classes} and {in_channels}."
        )
    check_width(width)
    # Built without storage first: the layers' own initialisation would draw from torch's global generator.
    with torch.device("meta"):
        network = Network(architecture, num_classes=num_classes, in_channels=in_channels, stem=stem, width=width)
    network.to_empty(device="cpu")
    initialise(network, generator)
    return network


def initialise(network: nn.Module, generator: torch.Generator | None) -> None:
    """Fresh weights for convolutions, norms and linear layers, in place.

    Convolutions: He et al. 2015 (arXiv:1502.01852), fan out; norms: the identity; linear layers: uniform within
    1 / sqrt(fan in), biases too, as torch has them.
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
