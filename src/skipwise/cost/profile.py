"""The verb `profile`: counts what networks cost, and times them side by side on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from skipwise.core.errors import SkipwiseError, unknown_name
from skipwise.core.machine.system import Machine, describe_machine
from skipwise.core.shown import Shown
from skipwise.core.signatures import takes
from skipwise.cost.counts import Counts, count
from skipwise.cost.interleaved import Timing, interleaved
from skipwise.cost.options import ProfileOptions
from skipwise.cost.timing import MATMUL_SIDE, forward_pass, matrix_product
from skipwise.nets.external import is_external
from skipwise.nets.external_sizes import check_size
from skipwise.nets.spec import NetworkSpec
from skipwise.nets.stems import resolve_stem

PRECISIONS = {"fp32": "float32", "bf16": "bfloat16"}
"""The precisions, and the names of torch's types."""


@dataclass(frozen=True, kw_only=True)
class NetworkProfile:
    """The cost of one network.

    Args:
        name: the network.
        counts: its parameters, multiply-adds and activations.
        latency: the seconds of a forward pass of one image.
        batch: the seconds of a forward pass of a batch.
        images_per_second: the images per second in batches.
        of_peak: the multiply-adds per second in batches, as a fraction of the machine's peak.
    """

    name: str
    counts: Counts
    latency: Timing
    batch: Timing
    images_per_second: float
    of_peak: float


@dataclass(frozen=True, kw_only=True)
class ProfileReport(Shown):
    """The result of `profile`.

    Args:
        machine: the machine it ran on.
        threads: the threads that torch used.
        image_size: the side of the images in pixels.
        num_classes, stem, width: of all networks, as they were built; external networks have their own stem and width.
        batch_size: the images per batch.
        precision: "fp32" or "bf16".
        compiled: whether the networks were compiled.
        peak: the multiply-adds per second of a large matrix product, measured in the same rounds as the networks.
        networks: what each network costs, in the order they were named.
    """

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


@takes(ProfileOptions)
def profile(models: Sequence[str], *, options: ProfileOptions, seconds: float = 3.0) -> ProfileReport:
    """Counts what networks cost, and times their forward passes on the CPU.

    The networks are timed in turn, round by round, so that a change in the machine's speed affects all of them.

    Args:
        models: the names of the networks, as for `create_model`.
        seconds: about how long each network is timed, in seconds; default 3.

    Returns:
        A record with the machine and a `NetworkProfile` for each network: its counts, its latency for one image, and
        its images per second in batches.

    Raises:
        SkipwiseError: there is no such network or precision, a number is out of range, or an external network does not
            take images of this size.

    Example:
        >>> import skipwise
        >>> report = skipwise.profile(["resnet20"], img_size=32, batch_size=2, num_classes=10, seconds=0.1)
        >>> report.networks[0].counts.parameters
        269722
        >>> report.networks[0].latency.median > 0
        True
    """
    img_size, batch_size, num_classes = options.img_size, options.batch_size, options.num_classes
    stem, width, precision, compile = options.stem, options.width, options.precision, options.compile
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
    one, many = {}, {"": matrix_product(getattr(torch, PRECISIONS[precision]))}
    for name, network in networks.items():
        runnable: Any = torch.compile(network) if compile else network
        one[name] = forward_pass(runnable, **shape, batch_size=1, precision=precision)
        many[name] = forward_pass(runnable, **shape, batch_size=batch_size, precision=precision)
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
