"""The processes that share a run: one, unless torchrun started several (distributed.py).

Without torch, which only several processes need.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol, TypeVar

from skipwise.core.errors import SkipwiseError
from skipwise.training.machine.signals import Waiting, deferred_signals, raise_signal

if TYPE_CHECKING:
    from torch import Tensor, nn

    from skipwise.data.batches.batches import Batch

R = TypeVar("R")


class Ranks(Protocol):
    """The processes that share each batch. Only the `first` one writes files and prints."""

    @property
    def first(self) -> bool: ...

    @property
    def rank(self) -> int: ...

    @property
    def count(self) -> int: ...

    def prepare(self, network: nn.Module) -> nn.Module:
        """The network, ready to be trained by these processes."""

    def part(self, batch: Batch) -> Batch:
        """This process's part of a batch."""

    def combine(self, network: nn.Module, loss: Tensor) -> float:
        """Adds up the gradients of all processes, and returns the sum of their losses."""

    def uninterrupted(self) -> contextlib.AbstractContextManager[None]:
        """A context in which no signal interrupts. A signal that came takes effect afterwards, in all processes."""

    def in_turn(self) -> contextlib.AbstractContextManager[None]:
        """A context that the first process goes through before the others, which then find the files that it wrote."""

    def broadcast(self, record: R) -> R:
        """The record of the first process, in all processes."""


class Alone:
    """One process."""

    first, rank, count = True, 0, 1

    def prepare(self, network: nn.Module) -> nn.Module:
        return network

    def part(self, batch: Batch) -> Batch:
        return batch

    def combine(self, network: nn.Module, loss: Tensor) -> float:  # noqa: ARG002 - the protocol's
        return loss.item()

    @contextlib.contextmanager
    def uninterrupted(self) -> Iterator[None]:
        waiting = Waiting()
        try:
            with deferred_signals() as waiting:
                yield
        finally:
            raise_signal(waiting.signal)

    @contextlib.contextmanager
    def in_turn(self) -> Iterator[None]:
        yield

    def broadcast(self, record: R) -> R:
        return record


ALONE = Alone()


def local_processes() -> int:
    """Returns the number of processes that torchrun started on this machine; 1 without it."""
    return environment_number("LOCAL_WORLD_SIZE", 1)


def rank() -> int:
    """Returns the rank of this process among those that torchrun started; 0 without it."""
    return environment_number("RANK", 0)


def environment_number(name: str, default: int) -> int:
    """A number that torchrun sets in the environment of its processes.

    Raises:
        SkipwiseError: it is not a number.
    """
    text = os.environ.get(name) or str(default)
    if not text.isdecimal():
        raise SkipwiseError(
            f"The environment variable {name} is {text!r}, where torchrun sets a number; start with torchrun, or unset "
            "it."
        )
    return int(text)
