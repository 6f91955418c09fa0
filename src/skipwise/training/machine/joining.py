"""The processes that train together: those that torchrun started, or this one alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from skipwise.training.machine.ranks import ALONE, Ranks, environment_number


@contextlib.contextmanager
def joined(device: str) -> Iterator[Ranks]:
    """The processes that torchrun started together with this one, or this one alone.

    Raises:
        SkipwiseError: they can't be reached, or one of them is gone.
    """
    if environment_number("WORLD_SIZE", 1) <= 1:
        yield ALONE
        return
    from skipwise.training.machine.distributed import process_group  # which imports torch

    with process_group(device) as ranks:
        yield ranks
