"""The training loop."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from skipwise.data.batches import Batch, TrainingBatches, stream, to_input
from skipwise.data.preprocess import Preprocessing
from skipwise.errors import TrainingFailed
from skipwise.evaluation.metrics import Metrics
from skipwise.training.execution import Execution
from skipwise.training.optimizer import learning_rate, make_optimizer, set_learning_rate
from skipwise.training.recipe import Recipe

_deterministic: Any = torch.utils.deterministic  # its one attribute is made at run time

_LAYERS = 2  # the random stream of layers that draw, beside those of data/batches.py


@dataclass(frozen=True)
class Epoch:
    """One finished epoch, counted from 1. The validation metrics are None where there is no validation split."""

    epoch: int
    train_loss: float
    learning_rate: float
    val: Metrics | None
    seconds: float


@dataclass(frozen=True, eq=False)
class Progress:
    """Where a run stands: the epochs done, and the tensors that go on from there (see `_tensors`).

    Of an epoch that is not finished: the steps done, the sum of their losses, and the seconds they took.
    """

    history: tuple[Epoch, ...]
    tensors: dict[str, Tensor]
    steps: int = 0
    loss: float = 0.0
    seconds: float = 0.0


def train(
    network: nn.Module,
    batches: TrainingBatches,
    recipe: Recipe,
    preprocessing: Preprocessing,
    execution: Execution,
    *,
    validate: Callable[[nn.Module], Metrics] | None,
    on_epoch: Callable[[Progress], None],
    on_step: Callable[[Callable[[], Progress]], None] = lambda _: None,
    resume: Progress | None = None,
) -> tuple[Epoch, ...]:
    """Trains `network` in place and returns its history.

    The same arguments give the same weights to the bit, in one go or resumed after any step, on the same machine and
    versions.

    Args:
        on_epoch: called after each epoch, with what `resume` needs to go on from there.
        on_step: called after each step but an epoch's last, with a function that gives the same.

    Raises:
        TrainingFailed: the loss is no longer a finite number.
    """
    steps = batches.per_epoch * recipe.epochs
    network.to(execution.device).to(memory_format=torch.channels_last)
    optimizer = make_optimizer(network, recipe)
    at = resume or Progress((), {})
    if resume is not None:
        _restore(network, optimizer, resume.tensors)
    history = at.history

    def progress(steps: int, loss: float, seconds: float) -> Progress:
        return Progress(history, _tensors(network, optimizer), steps, loss, seconds)

    network.train()
    inputs: Tensor | None = None
    weights = batches.class_weights().to(execution.device) if recipe.balance == "loss" else None
    with reproducible(execution):
        for epoch in range(len(history), recipe.epochs):
            started = time.perf_counter() - at.seconds
            order = batches.order(epoch, balanced=recipe.balance == "sampling")
            total, rate = at.loss, 0.0
            for step in range(at.steps, batches.per_epoch):
                rate = learning_rate(epoch * batches.per_epoch + step, steps, recipe)
                set_learning_rate(optimizer, rate)
                # Dropout and its like draw from torch's default generator: the same in this step, come what may.
                torch.manual_seed(stream(batches.seed, _LAYERS, epoch, step))
                batch = batches.batch(epoch, step, order).to(execution.device)
                inputs = to_input(batch.images, preprocessing.mean, preprocessing.std, out=inputs)
                with torch.autocast(execution.device, torch.bfloat16, enabled=execution.precision == "bf16"):
                    logits = network(inputs)
                loss = batch_loss(logits.float(), batch, label_smoothing=recipe.label_smoothing, weights=weights)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                value = loss.item()
                if not math.isfinite(value):
                    raise TrainingFailed(
                        f"the loss became {value} in epoch {epoch + 1}, step {step + 1}; a smaller --lr may help"
                    )
                optimizer.step()
                total += value
                if step + 1 < batches.per_epoch:
                    on_step(partial(progress, step + 1, total, time.perf_counter() - started))
            metrics = validate(network) if validate is not None else None
            seconds = time.perf_counter() - started
            history = (*history, Epoch(epoch + 1, total / batches.per_epoch, rate, metrics, seconds))
            at = Progress(history, _tensors(network, optimizer))
            on_epoch(at)
    return history


def batch_loss(logits: Tensor, batch: Batch, *, label_smoothing: float = 0.0, weights: Tensor | None = None) -> Tensor:
    """Mean cross-entropy of logits [B, classes]; of a mixed image, that of its two classes by their shares.

    Args:
        weights: of the classes [classes]. An image counts as much as its class weighs, smoothed labels included, and
            the sum is divided by the number of images: dividing by their weights, as torch does, would count an
            image for more in batches that have few of the heavy classes.
    """
    if batch.partners is None and weights is None:
        return F.cross_entropy(logits, batch.labels, label_smoothing=label_smoothing)

    def against(labels: Tensor) -> Tensor:
        each = F.cross_entropy(logits, labels, label_smoothing=label_smoothing, reduction="none")
        return each if weights is None else each * weights[labels]

    each = against(batch.labels)
    if batch.partners is not None and batch.share is not None:
        each = batch.share * each + (1 - batch.share) * against(batch.partners)
    return each.mean()


@contextlib.contextmanager
def reproducible(execution: Execution) -> Iterator[None]:
    """Deterministic algorithms, the run's thread count, and torch's random state put back afterwards."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    filled = _deterministic.fill_uninitialized_memory
    torch.set_num_threads(execution.threads)
    torch.use_deterministic_algorithms(True)
    # Filling every new tensor with NaN would cost a pass over memory and only matters to code that reads garbage.
    _deterministic.fill_uninitialized_memory = False
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)
        _deterministic.fill_uninitialized_memory = filled


def _tensors(network: nn.Module, optimizer: torch.optim.SGD) -> dict[str, Tensor]:
    """Weights, norm statistics and momenta. They are the live ones: store them before the next step."""
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    weights = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    momenta = {
        f"momentum.{names[id(parameter)]}": state["momentum_buffer"]
        for parameter, state in optimizer.state.items()
        if state.get("momentum_buffer") is not None
    }
    return weights | momenta


def _restore(network: nn.Module, optimizer: torch.optim.SGD, tensors: dict[str, Tensor]) -> None:
    split = {"network": {}, "momentum": {}}  # type: dict[str, dict[str, Tensor]]
    for name, tensor in tensors.items():
        kind, _, rest = name.partition(".")
        split[kind][rest] = tensor
    network.load_state_dict(split["network"])
    for name, parameter in network.named_parameters():
        if name in split["momentum"]:
            # In the layout of the parameter, as the optimizer itself makes it.
            optimizer.state[parameter]["momentum_buffer"] = torch.empty_like(parameter).copy_(split["momentum"][name])
