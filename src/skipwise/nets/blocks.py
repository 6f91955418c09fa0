"""The pieces residual networks are made of.

A block is told what differs between families by being handed it: a `gate` (a module on the residual branch,
`SqueezeExcite` or `nn.Identity`) and a `skip` (a module that joins the branch with the block's input). A new
variant is a new module to hand over, never another flag.

Shapes are written as in `x_BCHW`: batch, channels, height, width.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

GateMaker = Callable[[int], nn.Module]
"""channels -> a module that maps [B, C, H, W] to the same shape."""


class ConvNormAct(nn.Sequential):
    """Convolution without bias, batch norm, activation: [B, in, H, W] -> [B, out, H / stride, W / stride].

    The norm's shift makes a bias of the convolution redundant (Ioffe and Szegedy 2015, arXiv:1502.03167).

    Args:
        activation: the module's class, or None for a linear output.
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
    At least four hidden units, so that a narrow network keeps a gate worth the name.

    Shapes: [B, C, H, W] -> [B, C, H, W].
    """

    def __init__(self, channels: int, *, reduction: int = 16, bias: bool = True) -> None:
        super().__init__()
        hidden = max(channels // reduction, 4)
        # Linear layers on [B, C], not 1x1 convolutions on [B, C, 1, 1]: the same sums with less overhead.
        self.squeeze = nn.Linear(channels, hidden, bias=bias)
        self.excite = nn.Linear(hidden, channels, bias=bias)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        mean_BC = x_BCHW.mean(dim=(2, 3))
        gate_BC = torch.sigmoid(self.excite(torch.relu(self.squeeze(mean_BC))))
        return x_BCHW * gate_BC[:, :, None, None]


class Skip(nn.Module):
    """Adds the block's input, brought to the branch's shape by `shortcut`, to the branch."""

    def __init__(self, shortcut: nn.Module) -> None:
        super().__init__()
        self.shortcut = shortcut

    def forward(self, branch: Tensor, x: Tensor) -> Tensor:
        return branch + self.shortcut(x)


class NoSkip(nn.Module):
    """Passes the branch on alone: the plain network, the control for what the skip connection does."""

    def forward(self, branch: Tensor, x: Tensor) -> Tensor:  # noqa: ARG002 - the signature of a skip
        return branch


SkipMaker = Callable[[int, int, int], nn.Module]
"""(in_channels, out_channels, stride) -> a module called as skip(branch, x)."""


def projection_skip(in_channels: int, out_channels: int, stride: int) -> Skip:
    """Identity where shapes agree, else a strided 1x1 convolution: option B of He et al. 2015."""
    if stride == 1 and in_channels == out_channels:
        return Skip(nn.Identity())
    return Skip(ConvNormAct(in_channels, out_channels, 1, stride=stride, activation=None))


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


class InvertedResidual(nn.Module):
    """Widen, filter each channel on its own, narrow again (Sandler et al. 2018, arXiv:1801.04381).

    The narrow ends carry the skip and have no activation: a ReLU there would lose information.

    Shapes: [B, in, H, W] -> [B, out, H / stride, W / stride].

    Args:
        expand: how many times wider the middle is than the input; 1 leaves the widening out.
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
