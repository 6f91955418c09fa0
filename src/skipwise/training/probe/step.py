"""Measures a training step on this machine before a run begins, and decides whether compiling saves time."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from skipwise.core.machine import devices
from skipwise.cost.load import Measured, measure
from skipwise.training.loop.optimizer import make_optimizer, set_learning_rate
from skipwise.training.loop.recipe import Recipe
from skipwise.training.loop.schedule import sides
from skipwise.training.machine.compiling import compiled, lacks_compiler
from skipwise.training.machine.execution import Execution, reproducible
from skipwise.training.probe.step_cost import StepCost

PIXELS = 64 * 32 * 32
"""The most pixels in the batch of a trial on a CPU. Larger batches take proportionally longer."""
ENOUGH = 1.0
"""Each part of a step is timed for at most so many seconds."""
COMPILE_SECONDS = 60.0
"""The time to compile one network at one image size; 8 to 66 s in single trials."""
COMPILE_GAIN = 0.05
"""The share of a step's time that compiling saves; 3 to 19% in single trials, in float32."""


def try_step(
    network: nn.Module, recipe: Recipe, execution: Execution, *, channels: int, size: int, seconds: float = ENOUGH
) -> StepCost:
    """Trains a copy of the network for a few steps on made-up images, and evaluates it on them.

    Args:
        seconds: how long each part of a step is timed at most.
    """
    batch = recipe.batch_size
    if not devices.of(execution.device).own_cores:  # accelerators take as long for a few images as for many
        batch = min(batch, max(2, PIXELS // size**2))
    inputs = torch.zeros(batch, channels, size, size).to(execution.device, memory_format=torch.channels_last)
    trained = copy.deepcopy(network).to(execution.device).to(memory_format=torch.channels_last)
    optimizer = make_optimizer(trained, recipe, execution.precision)
    set_learning_rate(optimizer, 0.0)

    def timed(work: Callable[[], object], part: float, least: int) -> Measured:
        return measure(work, threads=execution.threads, seconds=seconds * part, least=least)

    with reproducible(execution):
        gradients = timed(lambda: _gradients(trained, inputs, execution), 1.0, 3)
        # They take little time beside the gradients, so that a rough measurement is enough.
        update = timed(lambda: _updated(optimizer, execution), 0.2, 1)
        trained.eval()
        with torch.inference_mode():
            evaluation = timed(lambda: trained(inputs).cpu(), 0.2, 1)
    return StepCost(
        step=gradients.seconds * recipe.batch_size / batch + update.seconds,
        evaluation=evaluation.seconds / batch,
        update=update.seconds,
        share=1.0 if devices.of(execution.device).own_cores else gradients.share,
    )


def repays(seconds: float, recipe: Recipe, size: int) -> bool:
    """Returns whether compiling saves time in a run that takes `seconds` without it."""
    # Training the head alone, and then the whole network, compiles twice.
    variants = len(sides(recipe, size)) * (2 if recipe.head_first else 1)
    return seconds * COMPILE_GAIN > COMPILE_SECONDS * variants


def choose_compile(
    execution: Execution,
    wanted: bool | None,
    networks: dict[str, nn.Module],
    *,
    seconds: float,
    recipe: Recipe,
    channels: int,
    size: int,
    notice: Callable[[str], None],
) -> Execution:
    """The execution with `compile`, where it is asked for or saves time, and works.

    Args:
        wanted: None compiles where it saves time.
        networks: all networks that will be trained; they are compiled all or none.
        seconds: the time of the shortest run without compiling.
        recipe: of the runs.
        channels: of the images.
        size: of the images, in pixels a side.
        notice: is called with the reason where compiling would have saved time and is not possible.
    """
    worth_it = devices.of(execution.device).compiles and repays(seconds, recipe, size)
    if wanted is False or (wanted is None and not worth_it):
        return execution
    with_compile = replace(execution, compile=True)
    if lacks_compiler(execution.device):
        notice("Not compiled: torch.compile needs a C++ compiler (g++ or clang++), and there is none here.")
        return execution
    for name, network in networks.items():
        notice(f"Compiling {name} (a minute or so; --no-compile does without) ...")
        try:
            first = sides(recipe, size)[0]
            try_gradients(network, with_compile, batch=recipe.batch_size, channels=channels, size=first)
        except Exception as error:  # compilers fail in many ways, none of which has to stop training
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            notice(f"Not compiled: torch.compile can't do {name} ({reason}).")
            return execution
    return with_compile


def try_gradients(network: nn.Module, execution: Execution, *, batch: int, channels: int, size: int) -> None:
    """Computes the gradients of a whole batch once, to see whether the network can be compiled and fits into memory.

    What is compiled for this is used in the steps of that size, unless only some layers or norms are trained in them.
    """
    trained = copy.deepcopy(network).to(execution.device).to(memory_format=torch.channels_last)
    inputs = torch.zeros(batch, channels, size, size).to(execution.device, memory_format=torch.channels_last)
    with reproducible(execution):
        _gradients(compiled(trained) if execution.compile else trained, inputs, execution)


def _gradients(network: Callable[[Tensor], Tensor], inputs: Tensor, execution: Execution) -> None:
    """Computes the gradients of a loss on made-up labels."""
    with execution.autocast():
        logits = network(inputs)
    labels = torch.zeros(len(logits), dtype=torch.int64, device=logits.device)
    loss = F.cross_entropy(logits.float(), labels)
    loss.backward()  # type: ignore[no-untyped-call]
    loss.item()  # waits for an accelerator


def _updated(optimizer: torch.optim.Optimizer, execution: Execution) -> None:
    optimizer.step()
    devices.of(execution.device).synchronize()
