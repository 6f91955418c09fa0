"""Times networks in PyTorch, and how fast this machine multiplies matrices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from skipwise.core.machine import devices
from skipwise.cost.interleaved import Timing, interleaved, interleaved_times

if TYPE_CHECKING:
    import torch
    from torch import nn


def forward_pass(
    network: nn.Module, *, channels: int, size: int, batch_size: int, precision: str = "fp32"
) -> Callable[[], object]:
    """Returns a function to time: a forward pass of a batch, channels-last, in evaluation mode on the CPU.

    Args:
        network: the network; it is converted to channels-last in place.
        channels: the channels of the images.
        size: their side in pixels.
        batch_size: the images per batch.
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
    """Times forward passes of one image in float32, with one thread and with all, about a second per network.

    A second thread has nothing to do in small networks, and where other programs use the cores, threads wait for each
    other a hundred times as long.

    Returns:
        The number of threads with which all networks together are faster, and the times with it in seconds.
    """
    import torch

    tasks = {
        name: forward_pass(network, channels=channels, size=size, batch_size=1) for name, network in networks.items()
    }
    before, found = torch.get_num_threads(), {}
    try:
        for threads in sorted({1, before}):
            torch.set_num_threads(threads)
            found[threads] = interleaved(tasks, seconds=0.5 * len(tasks))
    finally:
        torch.set_num_threads(before)
    threads = min(found, key=lambda count: sum(timing.median for timing in found[count].values()))
    return threads, found[threads]


MATMUL_SIDE, SHORT_SIDE, LONG_SIDE = 1024, 384, 4096


def matrix_product(dtype: torch.dtype, *, side: int = MATMUL_SIDE, device: str = "cpu") -> Callable[[], object]:
    """Returns a function to time: a product of two square matrices in `dtype`, which is side^3 multiply-adds."""
    import torch

    left, right = (torch.ones(side, side, dtype=dtype, device=device) for _ in range(2))

    def product() -> None:
        left @ right
        devices.of(device).synchronize()

    return product


def bf16_speedup() -> float:
    """Returns the speed of bfloat16 products relative to float32 ones here; 1 without native support.

    It is measured, since some processors list AVX512-BF16 and are slower with it. Short products on one thread are
    timed, and the fastest of each type counts: where other programs use the cores, medians of long products on all
    threads would measure how long threads wait.
    """
    import torch

    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    if not any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")):
        return 1.0
    tasks = {str(kind): matrix_product(kind, side=SHORT_SIDE) for kind in (torch.float32, torch.bfloat16)}
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        taken = interleaved_times(tasks, seconds=0.5, least_rounds=15)
    finally:
        torch.set_num_threads(before)
    return min(taken[str(torch.float32)]) / min(taken[str(torch.bfloat16)])


def multiply_adds_per_second(device: str, *, threads: int, precision: str) -> float:
    """The peak speed of a device: the fastest of a few matrix products.

    On a CPU it is that of one thread times `threads`: where other programs use the cores, several threads would wait
    for each other most of the time.

    Args:
        device: "cpu", "cuda" or "mps".
        threads: the threads that work will use on a CPU.
        precision: "fp32", "bf16" or "fp16"; on a CPU, float16 counts as float32.
    """
    import torch

    own_cores = devices.of(device).own_cores
    halves = {"bf16": torch.bfloat16} | ({"fp16": torch.float16} if own_cores else {})
    side = LONG_SIDE if own_cores else SHORT_SIDE
    product = matrix_product(halves.get(precision, torch.float32), side=side, device=device)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        taken = interleaved_times({"product": product}, seconds=0.1, least_rounds=10)
    finally:
        torch.set_num_threads(before)
    return (1 if own_cores else threads) * side**3 / min(taken["product"])
