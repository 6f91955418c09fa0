"""External networks as a user would write them; some of them misbehave."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from skipwise.core.machine.memory import free_memory


class Linear(nn.Module):
    """The smallest network: colour averages and a linear layer. Prints, as people's networks do."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.head = nn.Linear(in_channels * 4, num_classes)
        self.dropout = nn.Dropout(0.1)
        print("a network may print")  # noqa: T201

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.dropout(nn.functional.adaptive_avg_pool2d(x, 2).flatten(1)))


class NotANumber(Linear):
    """Its answers become NaN after a few steps of training."""

    steps = 0

    def forward(self, x: Tensor) -> Tensor:
        self.steps += self.training
        return super().forward(x) * (float("nan") if self.steps > 2 else 1.0)


class ManyParts(nn.Module):
    """Has what draws at random in training, normalises its filters and images by what they are, and works in place."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.filters = nn.Conv2d(in_channels, 16, 3, stride=2)
        self.norms = nn.Sequential(
            nn.InstanceNorm2d(16), nn.InstanceNorm2d(16, track_running_stats=True), nn.BatchNorm2d(16)
        )
        self.rest = nn.Sequential(nn.ReLU(inplace=True), nn.Dropout2d(0.3), nn.RReLU(), nn.AlphaDropout(0.1))
        self.attention = nn.MultiheadAttention(16, 2, dropout=0.1, batch_first=True)
        self.head = nn.Sequential(nn.Dropout(0.5, inplace=True), nn.Linear(16, num_classes))

    def forward(self, x: Tensor) -> Tensor:
        filters = nn.functional.batch_norm(self.filters.weight.flatten(1)[None], None, None, training=True)
        x = nn.functional.conv2d(x, filters.view_as(self.filters.weight), self.filters.bias, stride=2)
        x = self.rest(self.norms(x)).mean((2, 3))[:, None]
        return self.head(self.attention(x, x, x, need_weights=False)[0][:, 0])


PAUSE = "TESTS_PAUSE"
"""The variable with the seconds that unhurried networks wait in each forward pass."""


class Unhurried(Linear):
    """Takes its time without any work, so that a run lasts long enough to be disturbed, on a busy machine too."""

    def forward(self, x: Tensor) -> Tensor:
        time.sleep(float(os.environ.get(PAUSE, 0)))
        return super().forward(x)


class UnhurriedParts(ManyParts):
    """The same, with all that draws at random."""

    def forward(self, x: Tensor) -> Tensor:
        time.sleep(float(os.environ.get(PAUSE, 0)))
        return super().forward(x)


class Decides(Linear):
    """Does one thing or another by what it sees, which no file of operations can."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(2 * x if x.mean() > 0 else x)


class Raises(Linear):
    """Has a bug."""

    def forward(self, x: Tensor) -> Tensor:  # noqa: ARG002
        raise IndexError("list index out of range")


class Killed(Linear):
    """Its process dies the first so many times, like one that runs out of memory; the file counts them."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training and x.shape[0] > 1:
            counter = Path(os.environ["KILLED_COUNTER"])
            deaths = int(counter.read_text())
            if deaths < int(os.environ["KILLED_TIMES"]):
                counter.write_text(str(deaths + 1))
                os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(x)


class _Held(torch.autograd.Function):
    """Passes on what it gets, and keeps so many bytes for the backward pass, which nobody writes to."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, size: int) -> Tensor:
        ctx.save_for_backward(torch.empty(size, dtype=torch.uint8))
        return logits.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        assert ctx.saved_tensors
        return gradient, None


class Hungry(Linear):
    """Each image takes a good part of the memory there is in training, and more than four are too many."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        if len(x) > 4:
            raise torch.OutOfMemoryError("no memory for that")
        return _Held.apply(super().forward(x), len(x) * (free_memory() or 2**33) // 12)


class Tied(nn.Module):
    """Uses one layer under two names."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(in_channels, in_channels, 3)
        self.second = self.first
        self.head = nn.Linear(in_channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(self.first(x)).mean((2, 3)))


class OfOneSize(nn.Module):
    """Takes images of 32 x 32 pixels alone."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(8)
        self.head = nn.Linear(in_channels * 16, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.pool(x).flatten(1))


class NoSmaller(Linear):
    """Takes images from 20 x 20 pixels on, as networks do that shrink them by so much."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(nn.functional.avg_pool2d(x, 20, stride=1))


hungry, no_smaller = Hungry, NoSmaller
linear, not_a_number, decides, raises, killed = Linear, NotANumber, Decides, Raises, Killed
tied, of_one_size, many_parts = Tied, OfOneSize, ManyParts

__all__ = ["hungry", "no_smaller", "killed", "linear", "many_parts", "not_a_number", "of_one_size", "raises", "tied"]
