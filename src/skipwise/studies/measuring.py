"""Measurements before anything is trained, for studies whose design depends on the machine."""

from __future__ import annotations

from collections.abc import Sequence

from skipwise.cost.counts import Counts, count
from skipwise.studies.networks import spec_of


def counted(name: str, size: int) -> Counts:
    """Counts the cost of a network of `networks.py` for one colour image of a size in pixels."""
    return count(spec_of(name).build_for_counting(), channels=3, size=size)


def one_image(names: Sequence[str], size: int) -> tuple[int, dict[str, float]]:
    """The median seconds of a forward pass of one colour image in float32, of all networks in turn.

    Returns:
        The number of threads, and the seconds of each network of `networks.py`.
    """
    from skipwise.cost.timing import latencies

    threads, found = latencies({name: spec_of(name).build(seed=0) for name in names}, channels=3, size=size)
    return threads, {name: timing.median for name, timing in found.items()}
