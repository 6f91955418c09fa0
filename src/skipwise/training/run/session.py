"""One session of a run: trains, saves on the way, evaluates, and writes all files but the record."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from skipwise.core.errors import TrainingFailed
from skipwise.core.machine.system import describe_machine
from skipwise.data.batches.batches import TrainingBatches
from skipwise.data.images import Images
from skipwise.data.store.on_device import Resident
from skipwise.evaluation.logits import predict_logits
from skipwise.evaluation.metrics import Metrics, measure
from skipwise.training.callbacks import Epoch
from skipwise.training.depth.recording import DepthRecorder
from skipwise.training.folder.files import write_history, write_weights
from skipwise.training.folder.metrics_file import MetricsFile
from skipwise.training.folder.names import CHECKPOINT
from skipwise.training.folder.predictions import Predictions, write_predictions
from skipwise.training.folder.record import RunRecord, RunSpec
from skipwise.training.folder.state import TrainState
from skipwise.training.loop.schedule import StepSchedule, sides
from skipwise.training.loop.trainer import Training
from skipwise.training.machine.execution import reproducible
from skipwise.training.machine.ranks import Ranks
from skipwise.training.machine.signals import deferred_signals
from skipwise.training.probe.step import try_gradients
from skipwise.training.run.pulse import RunPulse
from skipwise.training.run.saving import Saves
from skipwise.training.run.time_budget import Timekeeper


@dataclass
class Session:
    """One run, from its saved state or the beginning to its end; the fields are the arguments of `run_events`.

    `pulse` writes its heartbeat; None in all processes of a run but the first.
    """

    spec: RunSpec
    images: Images
    folder: Path
    name: str
    outcome: Callable[[Predictions], float | None] | None
    init: Path | None
    retries: int
    keeper: Timekeeper | None
    notice: Callable[[str], None]
    ranks: Ranks
    depth_epochs: tuple[int, ...]
    pulse: RunPulse | None

    def __post_init__(self) -> None:
        pixels, members, execution = self.images.pixels, self.images.members("train"), self.spec.execution
        self.batches = TrainingBatches(
            pixels=Resident.copied(pixels, members, execution.device) if execution.resident else pixels,
            labels=self.images.labels,
            members=members,
            batch_size=self.spec.recipe.batch_size,
            augmentation=self.spec.recipe.augmentation,
            seed=self.spec.seed,
        )
        self.saves = Saves(self.folder / CHECKPOINT, self.spec, self.notice)
        records = self.depth_epochs and self.ranks.first
        self.depth = DepthRecorder(self.spec, self.batches, self.folder, self.depth_epochs) if records else None
        self.val: Predictions | None = None  # of the epoch closed last

    def events(self) -> Generator[TrainState | Epoch, None, RunRecord]:
        """Trains to the end, and again from an earlier state where the loss diverges and that is allowed.

        Raises:
            TrainingFailed: the loss diverged more often than `retries`.
        """
        state, tensors = self._saved()
        if tensors is None:
            self._rehearse()
        if self.keeper is not None:
            state = self.keeper.begin(state) if tensors is None else self.keeper.resume(state)
            steps = state.step_schedule.steps
            fits = f"{steps:,} steps ({steps / self.batches.per_epoch:.1f} epochs)"
            self.notice(f"A step takes about {self.keeper.step:.2g} s: {fits} fit into the time limit.")
        training = self._training(state, tensors)
        while True:
            try:
                with reproducible(self.spec.execution):
                    return (yield from self._train(training))
            except TrainingFailed as error:
                lr_cuts = (*training.state.lr_cuts, training.state.steps)
                if len(lr_cuts) > self.retries:
                    again = f", {len(lr_cuts)} times, at ever smaller learning rates" if self.retries else ""
                    raise TrainingFailed(f"{error}{again}; a smaller --lr may help") from error
                self.saves.diverged(state.steps if tensors is not None else None)
                state, tensors = self._saved()
                if self.keeper is not None and tensors is None:
                    state = self.keeper.begin(state)
                state = replace(state, lr_cuts=lr_cuts)
                training = self._training(state, tensors)
                if self.ranks.first:  # so that the lower learning rate is kept if this process ends now
                    self.saves.write(training)
                where = f"step {state.steps:,}" if state.steps else "the beginning"
                self.notice(f"Trying again from {where} at half the learning rate: {error}.")

    def _saved(self) -> tuple[TrainState, dict[str, Tensor] | None]:
        """The newest saved state; without one, the first state of the run."""
        beginning = TrainState(
            StepSchedule.even(self.spec.recipe.steps or self.batches.per_epoch * self.spec.recipe.epochs)
        )
        return self.saves.newest() or (beginning, None)

    def _save(self, training: Training) -> None:
        if self.ranks.first:
            self.saves.save(training)

    def _rehearse(self) -> None:
        """Computes gradients at full size before the first step where images grow, to see if there is enough memory."""
        spec, batch = self.spec, self.spec.recipe.batch_size // self.ranks.count
        size, channels = spec.preprocessing.size, spec.preprocessing.channels
        if len(sides(spec.recipe, size)) > 1:
            eager = replace(spec.execution, compile=False)
            network = spec.network.build(seed=spec.seed)
            try_gradients(network, eager, batch=batch, channels=channels, size=size)

    def _training(self, state: TrainState, tensors: dict[str, Tensor] | None) -> Training:
        spec = self.spec
        network = spec.network
        if self.init is not None and tensors is None:
            network = network.from_file(self.init, sha256=spec.init, key=spec.init_key)
        with reproducible(spec.execution):
            return Training(
                network.build(seed=spec.seed),
                self.batches,
                spec.recipe,
                spec.preprocessing,
                spec.execution,
                start=state,
                tensors=tensors,
                ranks=self.ranks,
            )

    def _train(self, training: Training) -> Generator[TrainState | Epoch, None, RunRecord]:
        """Does the steps that are left, and evaluates. Ctrl-C and SIGTERM wait until a step is done; the state is saved
        then."""
        metrics = MetricsFile(self.folder, training.state.history)
        if self.depth is not None and not training.state.steps:
            self.depth.record(training)
        try:
            while not training.finished:
                epoch_closed = training.epoch_is_over
                if epoch_closed:
                    epoch = self._close_epoch(training)
                    if self.ranks.first:
                        metrics.on_epoch(epoch)
                        yield epoch
                else:
                    with self.ranks.uninterrupted():
                        training.step()
                    if self.keeper is not None:
                        training.state = self.ranks.broadcast(self.keeper.corrected(training.state))
                    if self.pulse is not None:
                        self.pulse.on_step(training.state)
                    yield training.state
                if self.saves.due(epoch_closed=epoch_closed):
                    self._save(training)
            return self._finish(training)
        except Exception:
            raise
        except BaseException:
            with deferred_signals():  # a second one often follows
                self._save(training)
            raise

    def _close_epoch(self, training: Training) -> Epoch:
        def validate(network: torch.nn.Module) -> Metrics:
            self.val = self._predictions(network, "val")
            return measure(self.val.logits, self.val.labels)

        ended = training.state
        with self._failing_together():
            line = training.close_epoch(validate if self.ranks.first and len(self.images.members("val")) else None)
        if self.depth is not None:  # before the state is saved: a run that is resumed does not come here again
            self.depth.record(training)
        if self.keeper is not None:
            self.keeper.epoch_closed()
        steps = ended.steps - len(ended.history) * self.batches.per_epoch
        return Epoch(
            line.epoch,
            line.train_loss,
            line.learning_rate,
            line.val,
            line.seconds,
            run=self.name,
            model=self.spec.model,
            seed=self.spec.seed,
            outcome=None if self.outcome is None or self.val is None else self.outcome(self.val),
            images_per_second=steps * self.batches.batch_size / max(ended.seconds, 1e-9),
        )

    def _finish(self, training: Training) -> RunRecord:
        """Evaluates the trained network, and writes its weights and predictions."""
        results = {}
        with self._failing_together():
            if self.ranks.first:
                known = {"val": self.val}
                for split in ("val", "test"):
                    if len(self.images.members(split)):
                        results[split] = known.get(split) or self._predictions(training.eval_network, split)
        if self.ranks.first:
            write_history(self.folder, training.state.history)
            write_weights(self.folder, self.spec.model, training.eval_network)
            write_predictions(self.folder, results)
        metrics = {split: measure(result.logits, result.labels) for split, result in results.items()}
        return RunRecord(
            spec=self.spec,
            status="finished",
            val=metrics.get("val"),
            test=metrics.get("test"),
            seconds=training.state.seconds_in_all,
            step_schedule=training.state.step_schedule,
            lr_cuts=training.state.lr_cuts,
            machine=describe_machine(),
        )

    @contextlib.contextmanager
    def _failing_together(self) -> Iterator[None]:
        """Raises an error of the first process in all of them."""
        reason: str | None = None
        try:
            yield
        except TrainingFailed as error:
            reason = str(error)
        reason = self.ranks.broadcast(reason)
        if reason is not None:
            raise TrainingFailed(reason)

    def _predictions(self, network: torch.nn.Module, split: str) -> Predictions:
        members = self.images.members(split)
        device = self.spec.execution.device
        logits = predict_logits(network, self.images.pixels, members, self.spec.preprocessing, device=device)
        if not np.isfinite(logits).all():
            raise TrainingFailed(f"the network's logits on the {split} images are not finite numbers")
        return Predictions(self.images.ids[members], self.images.labels[members], logits)
