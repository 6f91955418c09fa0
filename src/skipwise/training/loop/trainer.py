"""The training loop."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from skipwise.core.errors import TrainingFailed
from skipwise.data.batches.augment import resize
from skipwise.data.batches.batches import Batch, TrainingBatches, stream, to_input
from skipwise.data.image.preprocess import Preprocessing
from skipwise.evaluation.metrics import Metrics
from skipwise.training.folder.state import EpochMetrics, TrainState
from skipwise.training.loop import schedule
from skipwise.training.loop.initialisation import dirac, whiten
from skipwise.training.loop.optimizer import head_parameters, make_optimizer, norms, set_learning_rate
from skipwise.training.loop.recipe import Recipe
from skipwise.training.machine.compiling import compiled
from skipwise.training.machine.execution import Execution
from skipwise.training.machine.ranks import ALONE, Ranks

INITIAL_PIXELS, LEAST_INITIAL_IMAGES = 500_000, 10
"""`Recipe.whiten` computes initial weights from so many pixels of training images, and from at least so many images."""
_LAYERS = 2  # the random stream of layers that draw, beside those of data/batches/batches.py
CUT = 0.5
"""The learning rate is multiplied by this each time the loss diverges."""
DIVERGED = 20.0
"""The loss has diverged when it is more than so many times that of guessing."""
LEAST_SCALE = 1.0
"""The smallest loss scale for float16. The scale begins at 65,536 and is halved at each step that overflows."""


class Training:
    """The training loop: call `step` until it is `finished`, and `close_epoch` whenever `epoch_is_over`.

    The same arguments give the same weights to the bit, with or without interruptions, on the same machine with the
    same versions of libraries. Use it within `execution.reproducible`.

    Args:
        network: is trained in place.
        start: the state to start from.
        tensors: what `tensors` returned in that state; None at the beginning of a run.
        ranks: the processes that share each batch.
    """

    def __init__(
        self,
        network: nn.Module,
        batches: TrainingBatches,
        recipe: Recipe,
        preprocessing: Preprocessing,
        execution: Execution,
        *,
        start: TrainState,
        tensors: dict[str, Tensor] | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        self.state = start
        self.batches, self.recipe, self.preprocessing, self.execution = batches, recipe, preprocessing, execution
        if tensors is None:
            self._make_initial_weights(network)
        self.network = ranks.prepare(network.to(execution.device).to(memory_format=torch.channels_last))
        for norm in norms(self.network) if recipe.norm_momentum is not None else ():
            norm.momentum = recipe.norm_momentum
        self._learning = {id(parameter) for parameter in self.network.parameters() if parameter.requires_grad}
        self.optimizer = make_optimizer(self.network, recipe, execution.precision)
        # Gradients too small for float16 are lifted into its range; a step whose gradients leave it is left out.
        self._scaler = torch.amp.GradScaler(execution.device, enabled=execution.precision == "fp16")
        self.eval_network = copy.deepcopy(self.network).eval() if recipe.average else self.network
        if tensors is not None:
            self._restore(tensors)
        self._forward = compiled(self.network) if execution.compile else self.network
        self._ranks = ranks
        self._class_weights = batches.class_weights().to(execution.device) if recipe.balance == "loss" else None
        # One image of a rare class may weigh as much as a hundred others.
        self._diverged = DIVERGED * (1.0 if self._class_weights is None else float(self._class_weights.max()))
        self.between_steps = True  # else weights and norm statistics are of different steps
        self._head_only: bool | None = None
        self._order: tuple[int, Any] = (-1, None)
        self._inputs: Tensor | None = None

    @property
    def epoch_is_over(self) -> bool:
        """True if all steps of the current epoch are done. The last epoch may be shorter (see `StepSchedule`)."""
        end = (len(self.state.history) + 1) * self.batches.per_epoch
        return self.state.steps >= min(end, self.state.step_schedule.steps)

    @property
    def finished(self) -> bool:
        """True if all epochs are closed."""
        return len(self.state.history) * self.batches.per_epoch >= self.state.step_schedule.steps

    def step(self) -> None:
        """One step along the gradient of one batch.

        Raises:
            TrainingFailed: the loss diverges, or is not a number.
        """
        started = time.perf_counter()
        at, self.between_steps = self.state, False
        share = at.step_schedule.share(at.steps)
        epoch, index = divmod(at.steps, self.batches.per_epoch)
        set_learning_rate(self.optimizer, self.learning_rate)
        self._set_mode(share < self.recipe.head_first)
        # Dropout and similar layers draw from torch's default generator, which is seeded for each step.
        torch.manual_seed(stream(self.batches.seed, _LAYERS, epoch, index) + self._ranks.rank)
        batch = self._batch(epoch, index, schedule.side(share, self.recipe, self.preprocessing.size))
        mean, std = self.preprocessing.mean, self.preprocessing.std
        self._inputs = inputs = to_input(batch.images, mean, std, out=self._inputs)
        with self.execution.autocast():
            logits = self._forward(inputs)
        smoothing = self.recipe.label_smoothing
        loss = batch_loss(logits.float(), batch, label_smoothing=smoothing, weights=self._class_weights)
        loss = loss * (len(batch.labels) / self.batches.batch_size)  # this process's share of it
        value = self._learn(loss, guessing=math.log(logits.shape[1]), where=f"epoch {epoch + 1}, step {index + 1}")
        seconds = at.seconds + time.perf_counter() - started
        self.state = replace(at, steps=at.steps + 1, loss=at.loss + value, seconds=seconds)
        self.between_steps = True

    def _learn(self, loss: Tensor, *, guessing: float, where: str) -> float:
        """Moves the weights along the gradient, and returns the loss of all processes.

        Args:
            guessing: the loss of guessing.
            where: the step, for an error.
        """
        self.optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        value = self._ranks.combine(self.network, loss)
        if not value < self._diverged * max(1.0, guessing):  # not-a-number is not less either
            raise TrainingFailed(f"the loss became {value:.3g} in {where}")
        self._scaler.unscale_(self.optimizer)
        self._scaler.step(self.optimizer)
        self._scaler.update()
        if self._scaler.get_scale() < LEAST_SCALE:
            raise TrainingFailed(f"the gradients overflow float16 at any loss scale in {where}")
        if self.recipe.average:
            self._average()
        return value

    def close_epoch(self, validate: Callable[[nn.Module], Metrics] | None) -> EpochMetrics:
        """Validates the network, and begins the next epoch."""
        at, started = self.state, time.perf_counter()
        metrics = validate(self.eval_network) if validate is not None else None
        epoch = EpochMetrics(
            epoch=len(at.history) + 1,
            train_loss=at.loss / (at.steps - len(at.history) * self.batches.per_epoch),
            learning_rate=self.learning_rate,
            val=metrics,
            seconds=at.seconds + time.perf_counter() - started,
        )
        self.state = replace(at, history=(*at.history, epoch), loss=0.0, seconds=0.0)
        return epoch

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step; at the end, that of the last one."""
        last = max(self.state.step_schedule.steps - 1, 0)
        share = self.state.step_schedule.share(min(self.state.steps, last))
        return self.recipe.lr * schedule.rate(share, self.recipe) * CUT ** len(self.state.lr_cuts)

    def tensors(self) -> dict[str, Tensor]:
        """All tensors of the state: weights, norm statistics, momenta, averaged weights, and the loss scale of float16.

        They are not copies: store them before the next step.
        """
        names = {id(parameter): name for name, parameter in self.network.named_parameters()}
        found = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        for parameter, state in self.optimizer.state.items():
            found[f"momentum.{names[id(parameter)]}"] = state["momentum_buffer"]
        if self.recipe.average:
            found |= {f"average.{name}": tensor for name, tensor in self.eval_network.state_dict().items()}
        if scaling := self._scaler.state_dict():
            found |= {f"scaling.{name}": torch.tensor(value) for name, value in scaling.items()}
        return found

    def _restore(self, tensors: dict[str, Tensor]) -> None:
        parts: dict[str, dict[str, Tensor]] = {"network": {}, "momentum": {}, "average": {}, "scaling": {}}
        for name, tensor in tensors.items():
            kind, _, rest = name.partition(".")
            parts[kind][rest] = tensor
        self.network.load_state_dict(parts["network"])
        if self.recipe.average:
            self.eval_network.load_state_dict(parts["average"])
        for name, momentum in parts["momentum"].items():
            self.optimizer.state[self.network.get_parameter(name)]["momentum_buffer"].copy_(momentum)
        if parts["scaling"]:
            self._scaler.load_state_dict({name: value.item() for name, value in parts["scaling"].items()})

    def _make_initial_weights(self, network: nn.Module) -> None:
        if self.recipe.dirac:
            dirac(network)
        if self.recipe.whiten:
            pixels = self.preprocessing.size**2
            some = self.batches.order(0)[: max(LEAST_INITIAL_IMAGES, INITIAL_PIXELS // pixels)]
            images = torch.as_tensor(self.batches.pixels[np.sort(some)]).cpu()
            whiten(network, to_input(images, self.preprocessing.mean, self.preprocessing.std))

    def _set_mode(self, head_only: bool) -> None:
        """Chooses which layers are trained, and which norms use the statistics of the batch."""
        if head_only is self._head_only:
            return
        self._head_only = head_only
        learning = self._learning & head_parameters(self.network) if head_only else self._learning
        for parameter in self.network.parameters():
            parameter.requires_grad_(id(parameter) in learning)
        self.network.train(not head_only)
        if self.recipe.freeze_norms:
            for norm in norms(self.network):
                norm.eval()
                norm.requires_grad_(False)

    def _batch(self, epoch: int, index: int, side: int) -> Batch:
        if self._order[0] != epoch:
            self._order = epoch, self.batches.order(epoch, balanced=self.recipe.balance == "sampling")
        batch = self._ranks.part(self.batches.batch(epoch, index, self._order[1]))
        # Resized before they are copied to the device, which then takes less time.
        return replace(batch, images=resize(batch.images, side)).to(self.execution.device)

    @torch.no_grad()
    def _average(self) -> None:
        """Updates the moving average of weights and norm statistics."""
        steps = self.state.steps + 1  # while there are fewer steps than the average is over, it is over all of them
        new = max(1 / steps, 1 / (1 + self.recipe.average * self.state.step_schedule.steps))
        for ours, theirs in zip(
            self.eval_network.state_dict().values(), self.network.state_dict().values(), strict=True
        ):
            if ours.is_floating_point():
                ours.lerp_(theirs, new)
            else:
                ours.copy_(theirs)


def batch_loss(logits: Tensor, batch: Batch, *, label_smoothing: float = 0.0, weights: Tensor | None = None) -> Tensor:
    """Mean cross-entropy of logits [B, classes]; of a mixed image, that of its two classes by their shares.

    Args:
        weights: of the classes [classes]. The loss of an image, smoothed labels included, is multiplied by the weight
            of its class, and the sum is divided by the number of images. Dividing by the sum of the weights, as torch
            does, would give an image more weight in batches with few images of the classes that weigh most.
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
