"""Latency of networks in PyTorch on this machine, and how fast it multiplies matrices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from skipwise.core.machine import devices
from skipwise.cost.interleaved import Timing, in_turn, interleaved

if TYPE_CHECKING:
    import torch
    from torch import nn


def forward_arm(
    network: nn.Module, *, channels: int, size: int, batch_size: int, precision: str = "fp32"
) -> Callable[[], object]:
    """One forward pass of a batch, channels-last, in evaluation mode on the CPU, ready to be timed.

    Args:
        precision: "fp32", or "bf16" for autocast.
    """
    import torch

    from skipwise.evaluation.logits import evaluating

    network.to(memory_format=torch.channels_last)
    batch = torch.zeros(batch_size, channels, size, size).to(memory_format=torch.channels_last)

    def forward() -> None:
        with evaluating(network), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            network(batch)

    return forward


def latencies(networks: Mapping[str, nn.Module], *, channels: int, size: int) -> tuple[int, dict[str, Timing]]:
    """Seconds per forward pass of one image in float32, the networks in turn, about a second each.

    With one thread, and with all: whichever is quicker in sum, and how many these are. Small networks have nothing to
    do for a second one, and where other programs hold the cores, threads wait for each other a hundred times as long.
    """
    import torch

    arms = {
        name: forward_arm(network, channels=channels, size=size, batch_size=1) for name, network in networks.items()
    }
    before, found = torch.get_num_threads(), {}
    try:
        for threads in sorted({1, before}):
            torch.set_num_threads(threads)
            found[threads] = interleaved(arms, seconds=0.5 * len(arms))
    finally:
        torch.set_num_threads(before)
    threads = min(found, key=lambda count: sum(timing.median for timing in found[count].values()))
    return threads, found[threads]


MATMUL_SIDE, SHORT_SIDE, LONG_SIDE = 1024, 384, 4096


def matmul_arm(dtype: torch.dtype, *, side: int = MATMUL_SIDE, device: str = "cpu") -> Callable[[], object]:
    """A product of two square matrices in `dtype`, ready to be timed: side^3 multiply-adds."""
    import torch

    left, right = (torch.ones(side, side, dtype=dtype, device=device) for _ in range(2))

    def product() -> None:
        left @ right
        devices.of(device).synchronize()

    return product


def bf16_speedup() -> float:
    """How many times faster this processor multiplies bfloat16 matrices than float32 ones; 1 if it can't natively.

    An instruction set is not a speed: there are processors that list AVX512-BF16 and are slower with it. On one
    thread, products short enough to fall between two interruptions, the quickest of each kind: where other programs
    hold the cores, medians of longer ones on all threads say how long these waited.
    """
    import torch

    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    if not any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")):
        return 1.0
    arms = {str(kind): matmul_arm(kind, side=SHORT_SIDE) for kind in (torch.float32, torch.bfloat16)}
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        taken = in_turn(arms, seconds=0.5, least_rounds=15)
    finally:
        torch.set_num_threads(before)
    return min(taken[str(torch.float32)]) / min(taken[str(torch.bfloat16)])


def multiply_adds_per_second(device: str, *, threads: int, precision: str) -> float:
    """How many a device does at most, in products of matrices: the fastest of a few, on a CPU on one thread, times
    threads.

    Where other programs hold the cores, several threads would wait for each other most of the time.

    Args:
        precision: "fp32", "bf16" or "fp16"; on a CPU, float16 counts as float32.
    """
    import torch

    own_cores = devices.of(device).own_cores
    halves = {"bf16": torch.bfloat16} | ({"fp16": torch.float16} if own_cores else {})
    side = LONG_SIDE if own_cores else SHORT_SIDE
    arm = matmul_arm(halves.get(precision, torch.float32), side=side, device=device)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        taken = in_turn({"product": arm}, seconds=0.1, least_rounds=10)
    finally:
        torch.set_num_threads(before)
    return (1 if own_cores else threads) * side**3 / min(taken["product"])
