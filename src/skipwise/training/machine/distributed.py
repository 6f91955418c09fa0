"""Several processes that train one network together, each on a part of every batch.

    torchrun --nproc-per-node 2 -m skipwise train ...

Every process draws the same batch and takes its part of it, and all add up their gradients. So the run is the same for
any number of processes, up to rounding, and can be resumed with another number. Two things differ. Random layers, such
as dropout, draw in each process for its own part. And on the CPU, batch norms use the statistics of a process's own
part, of which those of the first process are kept as running statistics. On GPUs they use the whole batch (torch's
SyncBatchNorm).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn

from skipwise.core.errors import SkipwiseError
from skipwise.data.batches.batches import Batch
from skipwise.training.machine.meeting import meet
from skipwise.training.machine.ranks import environment_number, local_processes
from skipwise.training.machine.signals import Waiting, deferred_signals, raise_signal

WAIT = timedelta(hours=6)
"""The longest time that the others wait for the first process, which reads the images and validates."""

R = TypeVar("R")


class Several:
    """The processes that torchrun started."""

    def __init__(self, device: str) -> None:
        self.rank, self.count, self.device = distributed.get_rank(), distributed.get_world_size(), device
        self.first = self.rank == 0
        self._late: int | None = None  # a signal that came after the others had agreed on none

    def prepare(self, network: nn.Module) -> nn.Module:
        if self.device != "cuda":
            return network
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]

    def part(self, batch: Batch) -> Batch:
        own = slice(self.rank, None, self.count)
        tensors = (batch.images, batch.labels, batch.partners, batch.share)
        images, labels, partners, share = (t if t is None else t[own] for t in tensors)
        assert images is not None
        assert labels is not None
        return replace(batch, images=images.contiguous(), labels=labels, partners=partners, share=share)

    def combine(self, network: nn.Module, loss: Tensor) -> float:
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        flat = torch.cat([*(gradient.reshape(-1) for gradient in gradients), loss.detach().reshape(1)])
        with _together():
            distributed.all_reduce(flat)
        start = 0
        for gradient in gradients:
            gradient.copy_(flat[start : start + gradient.numel()].view(gradient.shape))
            start += gradient.numel()
        return flat[-1].item()

    @contextlib.contextmanager
    def uninterrupted(self) -> Iterator[None]:
        waiting = Waiting()
        try:
            with deferred_signals() as waiting:
                yield
                signal = torch.tensor(waiting.signal or self._late or 0, device=self.device)
                with _together():
                    distributed.all_reduce(signal, distributed.ReduceOp.MAX)
                agreed = int(signal) or None
                self._late, waiting.signal = waiting.signal, agreed
        finally:
            raise_signal(waiting.signal)

    @contextlib.contextmanager
    def in_turn(self) -> Iterator[None]:
        if not self.first:
            with _together():
                distributed.barrier()
        yield
        if self.first:
            with _together():
                distributed.barrier()

    def broadcast(self, record: R) -> R:
        parcel = [record]
        with _together():
            distributed.broadcast_object_list(parcel, src=0)
        return parcel[0]


@contextlib.contextmanager
def process_group(device: str) -> Iterator[Several]:
    """Joins the processes that torchrun started together with this one.

    Raises:
        SkipwiseError: they can't be reached, or one of them is gone.
    """
    own = None
    if device == "cuda":
        processes, there = local_processes(), torch.cuda.device_count()
        if processes > there:
            raise SkipwiseError(
                f"There are {processes} processes and only {there} GPUs here; start at most as many processes."
            )
        own = torch.device("cuda", environment_number("LOCAL_RANK", 0))
        torch.cuda.set_device(own)
    try:
        backend = "nccl" if device == "cuda" else "gloo"
        rank, count = environment_number("RANK", 0), environment_number("WORLD_SIZE", 1)
        store = meet(rank, count)
        # Without a store torch looks for all of it in the environment.
        place: dict[str, Any] = {} if store is None else {"store": store, "rank": rank, "world_size": count}
        distributed.init_process_group(backend, timeout=WAIT, device_id=own, **place)
    except (ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise SkipwiseError(
            f"The processes can't connect to each other ({reason}); start them with torchrun."
        ) from error
    try:
        yield Several(device)
    finally:
        distributed.destroy_process_group()


@contextlib.contextmanager
def _together() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise SkipwiseError(
            "Another process of this run ended, so this one stops, too; what was saved is kept, and the same command "
            "resumes it."
        ) from error
