"""The largest batch that fits into the device's memory, where the one that was asked for does not.

The batch is halved until a step at full image size fits, before the first epoch, and the learning rate is reduced with
it (see `recipe.rescaled`). A step is tried for this. On the CPU, where that takes as long as a step of the run, it is
tried only where memory may be short.
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
"""The least number of images for each process; batch norm needs two."""
ROOMY = 2.0
"""On the CPU no step is tried where so many times the estimated need is free."""


class TooLarge(SkipwiseError):
    """Not even the smallest batch fits into memory."""


@dataclass(frozen=True, kw_only=True)
class Room:
    """The room that is needed in the memory of the device, besides the network.

    Args:
        channels: of the images.
        size: of the images, in pixels a side.
        processes: how many processes share each batch, each on a device of its own or on the CPU.
        at_once: how many processes share the device's memory.
        resident: the size of the training images that are kept in it, in bytes.
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
        Exception: any other error of the network's code.
    """
    batch = recipe.batch_size
    while not _fits(network, rescaled(recipe, batch), execution, room):
        if batch // 2 < LEAST * room.processes:
            raise TooLarge(
                f"A batch of {batch} images of {room.size} x {room.size} pixels of {name} does not fit into the memory "
                f"of this device ({execution.device}), and a smaller one is too small to train with; take smaller "
                "images (--img-size), a narrower network (--width), or fewer runs at once (--workers)."
            )
        batch //= 2
    return batch


def with_batch(recipe: Recipe, batch: int, size: int, notice: Callable[[str], None]) -> Recipe:
    """The recipe with the batch that fits. Where that is a smaller one, `notice` is called with a sentence about it."""
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
        needed = step_bytes(network, execution, room, batch) * room.at_once
        if ROOMY * needed < free:
            return True
        if needed > free:  # not tried: kernels that can't be made for want of memory are never made again
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


def step_bytes(network: nn.Module, execution: Execution, room: Room, batch: int) -> float:
    """The memory of a step in bytes: activations kept for the backward pass, and a few times the weights."""
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
    """Does a step on made-up images, with everything that a run keeps in memory. Nothing of it is kept."""
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
