"""The blocks that residual networks are made of.

What differs between families is passed to a block as a module: a `gate` on the residual branch (`SqueezeExcite` or
`nn.Identity`), and a `skip` that joins the branch with the block's input. A new variant is a new module to pass, never
another flag.

Shapes are written as in `x_BCHW`: batch, channels, height, width.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def scaled(channels: int, width: float, *, unit: int = 8) -> int:
    """`channels` times `width`, rounded to a multiple of `unit` and at least `unit`; vector units are fastest with
    multiples of 8."""
    return max(unit, unit * math.floor(channels * width / unit + 0.5))


GateMaker = Callable[..., nn.Module]
"""(channels, reduction=...) -> a module that maps [B, C, H, W] to the same shape."""


class ConvNormAct(nn.Sequential):
    """Convolution without bias, batch norm, activation: [B, in, H, W] -> [B, out, H / stride, W / stride].

    The norm's shift makes a bias of the convolution redundant (Ioffe and Szegedy 2015, arXiv:1502.03167).

    Args:
        activation: the class of the activation, or None for a linear output.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        groups: int = 1,
        activation: Callable[[], nn.Module] | None = nn.ReLU,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)
        if activation is not None:
            self.act = activation()


class SqueezeExcite(nn.Module):
    """Scales every channel by a gate computed from all of them (Hu et al. 2018, arXiv:1709.01507).

    Global average -> linear -> ReLU -> linear -> sigmoid, one factor in (0, 1) per image and channel.
    A gate has at least four hidden units, so that it still works in a narrow network.

    Shapes: [B, C, H, W] -> [B, C, H, W].
    """

    def __init__(self, channels: int, *, reduction: int = 16, bias: bool = True) -> None:
        super().__init__()
        hidden = max(channels // reduction, 4)
        self.squeeze = nn.Linear(channels, hidden, bias=bias)
        self.excite = nn.Linear(hidden, channels, bias=bias)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        # Not mean((2, 3)): its gradient comes out in another memory layout than channels-last images, and adding the
        # two made training the gate up to 1.5 times slower (benchmarks/squeeze_excite.py --gate).
        mean_BC = x_BCHW.flatten(2).transpose(1, 2).mean(dim=1)
        gate_BC = torch.sigmoid(self.excite(torch.relu(self.squeeze(mean_BC))))
        return x_BCHW * gate_BC[:, :, None, None]


class RectifiedSqueezeExcite(SqueezeExcite):
    """Squeeze-excite after a ReLU, as in the Caffe networks and the weights converted from them."""

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return super().forward(torch.relu(x_BCHW))


class DropPath(nn.Module):
    """Stochastic depth: in training, sets a branch to zero for random images (Huang et al. 2016, arXiv:1603.09382).

    The other images' branches are scaled up, so that the expected output stays the same. The draws come from torch's
    default generator.

    Args:
        drop_prob: the probability of setting an image's branch to zero.
    """

    def __init__(self, drop_prob: float) -> None:
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, x_BCHW: Tensor) -> Tensor:
        if not self.training:
            return x_BCHW
        keep = torch.rand(len(x_BCHW), 1, 1, 1, device=x_BCHW.device) >= self.drop_prob
        return x_BCHW * (keep / (1 - self.drop_prob)).to(x_BCHW.dtype)


class Skip(nn.Module):
    """Adds the block's input, brought to the branch's shape by `shortcut`, to the branch.

    `drop_path` is applied to the branch first: `nn.Identity`, or a `DropPath`.
    """

    def __init__(self, shortcut: nn.Module) -> None:
        super().__init__()
        self.shortcut = shortcut
        self.drop_path: nn.Module = nn.Identity()

    def forward(self, branch: Tensor, x: Tensor) -> Tensor:
        return self.drop_path(branch) + self.shortcut(x)


class NoSkip(nn.Module):
    """Returns the branch alone, as in a plain network, the control that shows what the skip connection does."""

    def forward(self, branch: Tensor, x: Tensor) -> Tensor:  # noqa: ARG002 - the signature of a skip
        return branch


SkipMaker = Callable[[int, int, int], nn.Module]
"""(in_channels, out_channels, stride) -> a module called as skip(branch, x)."""


def projection_skip(in_channels: int, out_channels: int, stride: int) -> Skip:
    """Identity where the shapes are equal, otherwise a strided 1x1 convolution: option B of He et al. 2015."""
    if stride == 1 and in_channels == out_channels:
        return Skip(nn.Identity())
    return Skip(ConvNormAct(in_channels, out_channels, 1, stride=stride, activation=None))


class PadShortcut(nn.Module):
    """Gives x the branch's shape without parameters: takes every stride-th pixel, and adds channels of zeros."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        extra = out_channels - in_channels
        self.pad = (extra // 2, extra - extra // 2)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return F.pad(x_BCHW[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, *self.pad))


def padding_skip(in_channels: int, out_channels: int, stride: int) -> Skip:
    """Identity where the shapes are equal, otherwise `PadShortcut`: option A of He et al. 2015, used for CIFAR-10."""
    if stride == 1 and in_channels == out_channels:
        return Skip(nn.Identity())
    return Skip(PadShortcut(in_channels, out_channels, stride))


def matching_skip(in_channels: int, out_channels: int, stride: int) -> Skip | NoSkip:
    """A skip only where input and output have the same shape (MobileNetV2)."""
    return Skip(nn.Identity()) if stride == 1 and in_channels == out_channels else NoSkip()


def no_skip(in_channels: int, out_channels: int, stride: int) -> NoSkip:  # noqa: ARG001 - a SkipMaker
    """No skip anywhere."""
    return NoSkip()


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a skip (He et al. 2015, arXiv:1512.03385): [B, in, H, W] -> [B, out, H/s, W/s]."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, *, gate: nn.Module, skip: nn.Module) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            ConvNormAct(in_channels, out_channels, stride=stride),
            ConvNormAct(out_channels, out_channels, activation=None),
        )
        self.gate = gate
        self.skip = skip

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return torch.relu(self.skip(self.gate(self.branch(x_BCHW)), x_BCHW))


class Bottleneck(nn.Module):
    """1x1 down, 3x3, 1x1 up and a skip (He et al. 2015): [B, in, H, W] -> [B, out, H / stride, W / stride].

    The 3x3 convolution strides, as in all weights published since 2016; the paper's first 1x1 did.

    Args:
        squeeze: the middle channels as a fraction of the output channels, rounded to a multiple of 8 and of `groups`.
        groups: the groups of the 3x3 convolution; more than one is ResNeXt (Xie et al. 2017, arXiv:1611.05431).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        *,
        gate: nn.Module,
        skip: nn.Module,
        squeeze: float = 0.25,
        groups: int = 1,
    ) -> None:
        super().__init__()
        middle = scaled(out_channels, squeeze, unit=max(8, groups))
        self.branch = nn.Sequential(
            ConvNormAct(in_channels, middle, 1),
            ConvNormAct(middle, middle, stride=stride, groups=groups),
            ConvNormAct(middle, out_channels, 1, activation=None),
        )
        self.gate = gate
        self.skip = skip

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return torch.relu(self.skip(self.gate(self.branch(x_BCHW)), x_BCHW))


class InvertedResidual(nn.Module):
    """1x1 up, 3x3 depthwise, 1x1 down, and a skip between the narrow ends (Sandler et al. 2018, arXiv:1801.04381).

    The narrow output has no activation, since a ReLU there would lose information.

    Shapes: [B, in, H, W] -> [B, out, H / stride, W / stride].

    Args:
        expand: the middle channels as a multiple of the input channels; 1 leaves out the first convolution.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        *,
        gate: nn.Module,
        skip: nn.Module,
        expand: int = 6,
    ) -> None:
        super().__init__()
        hidden = in_channels * expand
        self.branch = nn.Sequential()
        if expand != 1:
            self.branch.append(ConvNormAct(in_channels, hidden, 1, activation=nn.ReLU6))
        self.branch.append(ConvNormAct(hidden, hidden, stride=stride, groups=hidden, activation=nn.ReLU6))
        self.branch.append(ConvNormAct(hidden, out_channels, 1, activation=None))
        self.gate = gate
        self.skip = skip

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return self.skip(self.gate(self.branch(x_BCHW)), x_BCHW)
