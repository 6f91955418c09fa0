"""How many images a batch may have where the device's memory is too small for what was asked for.

The batch is halved until a step at full image size fits, before the first epoch, and the learning rate with it (see
`recipe.rescaled`). A step is taken for this, but on the CPU only where memory may be short at all: there it takes as
long as a step of the run.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from skipwise.core.errors import SkipwiseError
from skipwise.core.machine import devices
from skipwise.training.loop.optimizer import make_optimizer, set_learning_rate
from skipwise.training.loop.recipe import Recipe, rescaled
from skipwise.training.machine.execution import Execution, reproducible

LEAST = 2
"""Images, for each process: batch norm needs company."""
ROOMY = 2.0
"""Where this many times what a step is thought to need is free, none is tried on the CPU."""


class TooLarge(SkipwiseError):
    """Not even the smallest batch fits into memory."""


@dataclass(frozen=True, kw_only=True)
class Room:
    """What has to fit into the memory of the device, beside the network and its batch.

    Args:
        channels, size: of the images, in pixels a side.
        processes: that share each batch; each has its part of it on a device of its own, or on the CPU.
        at_once: processes that share the device's memory.
        resident: bytes of training images that lie in it.
    """

    channels: int
    size: int
    processes: int = 1
    at_once: int = 1
    resident: int = 0


def largest_batch(network: nn.Module, name: str, recipe: Recipe, execution: Execution, room: Room) -> int:
    """The recipe's batch, or as many images of it as fit into memory: half, a quarter, and so on.

    Raises:
        TooLarge: not even two images fit.
        Exception: whatever the network raises for another reason.
    """
    batch = recipe.batch_size
    while not _fits(network, rescaled(recipe, batch), execution, room):
        if batch // 2 < LEAST * room.processes:
            raise TooLarge(
                f"A batch of {batch} images of {room.size} x {room.size} pixels of {name} does not fit into the memory "
                f"of this device ({execution.device}), and smaller ones can't be trained with; take smaller images "
                "(--img-size), a narrower network (--width), or fewer runs at once (--workers)."
            )
        batch //= 2
    return batch


def with_batch(recipe: Recipe, batch: int, size: int, notice: Callable[[str], None]) -> Recipe:
    """The recipe with the batch that fits, and a line about it where that is not its own."""
    if batch == recipe.batch_size:
        return recipe
    smaller = rescaled(recipe, batch)
    notice(
        f"Batches of {recipe.batch_size} images of {size} x {size} pixels do not fit into the memory of this device: "
        f"they have {batch}, and the learning rate is {smaller.lr:.3g} instead of {recipe.lr:.3g}."
    )
    return smaller


def _fits(network: nn.Module, recipe: Recipe, execution: Execution, room: Room) -> bool:
    device, batch = devices.of(execution.device), recipe.batch_size // room.processes
    if not device.own_cores:
        free = device.free_memory()
        if free is None:
            return True
        needed = _estimate(network, execution, room, batch) * room.at_once
        if ROOMY * needed < free:
            return True
        if needed > free:  # not tried: where memory runs out, kernels that can't be made are never made again
            return False
    try:
        with device.no_more_than(1 / room.at_once), reproducible(execution):
            _step(network, recipe, execution, room, batch)
        return True
    except Exception as error:
        if not devices.is_out_of_memory(error):
            raise
        return False
    finally:
        device.release()


def _estimate(network: nn.Module, execution: Execution, room: Room, batch: int) -> float:
    """Bytes that a step needs: what is kept of each image for the backward pass, and a few times the weights."""
    kept: dict[int, int] = {}
    weights = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    tried = copy.deepcopy(network)
    with reproducible(execution), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        with execution.autocast():
            logits = tried(torch.zeros(LEAST, room.channels, room.size, room.size))
        del logits
    of_images = sum(size for place, size in kept.items() if place not in weights)
    of_weights = sum(parameter.nbytes for parameter in network.parameters())
    return of_images * batch / LEAST + 4 * of_weights


def _step(network: nn.Module, recipe: Recipe, execution: Execution, room: Room, batch: int) -> None:
    """One on made-up images, with all that a run holds in memory meanwhile; nothing is kept of it."""
    place = execution.device
    resident = torch.empty(room.resident if execution.resident else 0, dtype=torch.uint8, device=place)
    trained = copy.deepcopy(network).to(place).to(memory_format=torch.channels_last)
    answer = copy.deepcopy(trained) if recipe.average else trained
    optimizer = make_optimizer(trained, recipe)
    set_learning_rate(optimizer, 0.0)
    for parameter in trained.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.zeros_like(parameter)
    optimizer.step()  # what it remembers is there in all steps but the first
    inputs = torch.zeros(batch, room.channels, room.size, room.size).to(place, memory_format=torch.channels_last)
    with execution.autocast():
        logits = trained(inputs)
    labels = torch.zeros(len(logits), dtype=torch.int64, device=logits.device)
    F.cross_entropy(logits.float(), labels).backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    devices.of(place).synchronize()
    del resident, answer
