"""The verb `profile`: what networks cost, counted and measured side by side on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from skipwise.core.errors import SkipwiseError, unknown_name
from skipwise.core.machine.system import Machine, describe_machine
from skipwise.cost.counts import Counts, count
from skipwise.cost.interleaved import Timing, interleaved
from skipwise.cost.timing import MATMUL_SIDE, forward_arm, matmul_arm
from skipwise.nets.external import is_external
from skipwise.nets.external_sizes import check_size
from skipwise.nets.spec import NetworkSpec
from skipwise.nets.stems import resolve_stem

PRECISIONS = {"fp32": "float32", "bf16": "bfloat16"}
"""And what torch calls them."""


@dataclass(frozen=True, kw_only=True)
class NetworkProfile:
    """One network's costs. `latency` is of one image and `batch` of a batch, seconds per forward pass.

    `of_peak` is the share of the machine's matrix-multiply peak that the batch's multiply-adds reach.
    """

    name: str
    counts: Counts
    latency: Timing
    batch: Timing
    images_per_second: float
    of_peak: float


@dataclass(frozen=True, kw_only=True)
class ProfileReport:
    """What `profile` returns. `peak` is in multiply-adds per second, measured in the same rounds as the networks."""

    machine: Machine
    threads: int
    image_size: int
    num_classes: int
    stem: str
    width: float
    batch_size: int
    precision: str
    compiled: bool
    peak: float
    networks: tuple[NetworkProfile, ...]


def profile(
    models: Sequence[str],
    *,
    img_size: int = 224,
    batch_size: int = 32,
    num_classes: int = 1000,
    stem: str = "auto",
    width: float = 1.0,
    precision: str = "fp32",
    compile: bool = False,
    seconds: float = 3.0,
) -> ProfileReport:
    """Counts and times networks on the CPU, in turn, round by round, so that a drifting machine treats all alike.

    Args:
        models: names as for `skipwise.create_model`.
        precision: "fp32", or "bf16" for autocast.
        compile: whether torch.compile makes kernels of each network first, which takes a while.
        seconds: of measuring per network, about.

    Raises:
        SkipwiseError: an unknown network or precision, or sizes that give no network.
    """
    if not models:
        raise SkipwiseError("Name at least one network to profile, like: skipwise profile resnet18,mobilenet_v2")
    if precision not in PRECISIONS:
        raise unknown_name("precision", precision, PRECISIONS)
    if not 8 <= img_size <= 1024:
        raise SkipwiseError(f"--img-size must lie between 8 and 1024 pixels, not {img_size}.")
    if batch_size < 1:
        raise SkipwiseError(f"--batch-size must be at least 1, not {batch_size}.")
    specs = [
        NetworkSpec(name=name, num_classes=num_classes, stem=stem, width=width, image_size=img_size) for name in models
    ]
    for spec in specs:
        spec.check()
    import torch

    networks = {spec.name: spec.build(seed=0) for spec in specs}
    for name in filter(is_external, models):
        check_size(networks[name], name, channels=3, size=img_size)
    counts = {name: count(network, channels=3, size=img_size) for name, network in networks.items()}
    shape = {"channels": 3, "size": img_size}
    one, many = {}, {"": matmul_arm(getattr(torch, PRECISIONS[precision]))}
    for name, network in networks.items():
        runnable: Any = torch.compile(network) if compile else network
        one[name] = forward_arm(runnable, **shape, batch_size=1, precision=precision)
        many[name] = forward_arm(runnable, **shape, batch_size=batch_size, precision=precision)
    latency = interleaved(one, seconds=seconds * len(networks) / 3)
    batches = interleaved(many, seconds=seconds * len(networks) * 2 / 3)
    peak = MATMUL_SIDE**3 / batches[""].median
    return ProfileReport(
        machine=describe_machine(),
        threads=torch.get_num_threads(),
        image_size=img_size,
        num_classes=num_classes,
        stem=resolve_stem(stem, img_size),
        width=width,
        batch_size=batch_size,
        precision=precision,
        compiled=compile,
        peak=peak,
        networks=tuple(
            NetworkProfile(
                name=name,
                counts=counts[name],
                latency=latency[name],
                batch=batches[name],
                images_per_second=batch_size / batches[name].median,
                of_peak=counts[name].multiply_adds * batch_size / batches[name].median / peak,
            )
            for name in networks
        ),
    )
