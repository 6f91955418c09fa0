"""Does a run: trains, saves on the way, evaluates, and writes the run folder."""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from skipwise.core.errors import SkipwiseError, TrainingFailed
from skipwise.core.files.atomic import clear_leftovers, write_text
from skipwise.core.files.folders import make_folder
from skipwise.core.machine.system import describe_machine
from skipwise.data.batches.batches import TrainingBatches
from skipwise.data.images import Images
from skipwise.data.store.on_device import Resident
from skipwise.evaluation.logits import predict_logits
from skipwise.evaluation.metrics import Metrics, measure
from skipwise.training.loop.schedule import Pace, sides
from skipwise.training.loop.trainer import Training
from skipwise.training.machine.compiling import lacks_compiler
from skipwise.training.machine.execution import reproducible
from skipwise.training.machine.faults import enough_memory, in_short
from skipwise.training.machine.ranks import ALONE, Ranks
from skipwise.training.machine.signals import held
from skipwise.training.probe.step import try_gradients
from skipwise.training.run.progress import Epoch, Standing
from skipwise.training.run.record import (
    CHECKPOINT,
    RECORD,
    Predictions,
    RunRecord,
    RunSpec,
    failed_run,
    find_run,
    remove_checkpoint,
    write_history,
    write_predictions,
    write_run,
    write_weights,
)
from skipwise.training.run.saving import Saves
from skipwise.training.run.time_budget import Timekeeper


def execute_run(
    spec: RunSpec,
    images: Images,
    folder: Path,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
    *,
    on_step: Callable[[Standing], None] = lambda _: None,
    init: Path | None = None,
    retries: int = 0,
    keeper: Timekeeper | None = None,
    notice: Callable[[str], None] = lambda _: None,
    ranks: Ranks = ALONE,
) -> RunRecord:
    """Trains, evaluates on the last epoch and writes the run folder; goes on from a checkpoint if there is one.

    A run that is already finished (or failed) under the same spec is read and returned.

    Args:
        on_epoch, on_step: are told of each epoch and each step.
        init: the file of weights to start from, where the spec has one.
        retries: how often a run that goes astray is tried again from its last good state, each time at half the
            learning rate. In a comparison never: it would not be fair.
        keeper: of the time limit, where the spec has one.
        notice: is told what a person should know.
        ranks: the processes that do the run together; only the first one writes.

    Raises:
        SkipwiseError: the folder can't be written, or holds another run; there is no memory or no compiler for it here.
        Exception: whatever the network's code raises. What was saved stays.
    """
    record = find_run(spec, folder)
    if record is None:
        if spec.execution.compile and lacks_compiler(spec.execution.device):
            raise SkipwiseError(
                f"{folder} was begun compiled, and there is no C++ compiler here any more; install g++, or begin "
                "another run with --no-compile."
            )
        make_folder(folder)
        if ranks.first:
            (folder / RECORD).unlink(missing_ok=True)  # of a run that was damaged
            clear_leftovers(folder)
        started = time.perf_counter()
        try:
            with enough_memory():
                run = _Run(spec, images, folder, on_epoch, on_step, init, retries, keeper, notice, ranks)
                record = run.carry_out()
        except TrainingFailed as error:
            record = failed_run(spec, str(error), time.perf_counter() - started)
        if ranks.first:
            write_run(folder, record)
    if ranks.first:
        remove_checkpoint(folder / CHECKPOINT)
    return record


def give_up(spec: RunSpec, folder: Path, error: BaseException) -> None:
    """Ends a run for good, as failed for what its network's code raised; the traceback is in error.txt."""
    write_text(folder / "error.txt", "".join(traceback.format_exception(error)))
    write_run(folder, failed_run(spec, in_short(error)))
    remove_checkpoint(folder / CHECKPOINT)


@dataclass
class _Run:
    """One run in its folder; the fields are the arguments of `execute_run`."""

    spec: RunSpec
    images: Images
    folder: Path
    on_epoch: Callable[[Epoch], None]
    on_step: Callable[[Standing], None]
    init: Path | None
    retries: int
    keeper: Timekeeper | None
    notice: Callable[[str], None]
    ranks: Ranks

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
        self.val: Predictions | None = None  # of the epoch closed last

    def carry_out(self) -> RunRecord:
        """Trains to the end, trying again where that is allowed, and writes all but the record.

        Raises:
            TrainingFailed: it went astray once too often.
        """
        standing, tensors = self._saved()
        if tensors is None:
            self._rehearse()
        if self.keeper is not None:
            standing = self.keeper.begin(standing) if tensors is None else self.keeper.go_on(standing)
            fits = f"{standing.pace.steps:,} steps ({standing.pace.steps / self.batches.per_epoch:.1f} epochs)"
            self.notice(f"A step takes about {self.keeper.step:.2g} s: {fits} fit into the time limit.")
        training = self._training(standing, tensors)
        while True:
            try:
                with reproducible(self.spec.execution):
                    return self._train(training)
            except TrainingFailed as error:
                cuts = (*training.at.cuts, training.at.steps)
                if len(cuts) > self.retries:
                    again = f", {len(cuts)} times, at ever smaller learning rates" if self.retries else ""
                    raise TrainingFailed(f"{error}{again}; a smaller --lr may help") from error
                self.saves.led_astray(standing.steps if tensors is not None else None)
                standing, tensors = self._saved()
                if self.keeper is not None and tensors is None:
                    standing = self.keeper.begin(standing)
                standing = replace(standing, cuts=cuts)
                training = self._training(standing, tensors)
                if self.ranks.first:  # so that the cut holds if this process ends now
                    self.saves.write(training)
                where = f"step {standing.steps:,}" if standing.steps else "the beginning"
                self.notice(f"Trying again from {where} at half the learning rate: {error}.")

    def _saved(self) -> tuple[Standing, dict[str, Tensor] | None]:
        """The newest saved state; else the beginning."""
        beginning = Standing(Pace.even(self.spec.recipe.steps or self.batches.per_epoch * self.spec.recipe.epochs))
        return self.saves.newest() or (beginning, None)

    def _save(self, training: Training) -> None:
        if self.ranks.first:
            self.saves.save(training)

    def _rehearse(self) -> None:
        """Where images grow, gradients at full size before the first step: what takes most memory is tried out now."""
        spec, batch = self.spec, self.spec.recipe.batch_size // self.ranks.count
        size, channels = spec.preprocessing.size, spec.preprocessing.channels
        if len(sides(spec.recipe, size)) > 1:
            eager = replace(spec.execution, compile=False)
            network = spec.network.build(seed=spec.seed)
            try_gradients(network, eager, batch=batch, channels=channels, size=size)

    def _training(self, standing: Standing, tensors: dict[str, Tensor] | None) -> Training:
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
                start=standing,
                tensors=tensors,
                ranks=self.ranks,
            )

    def _train(self, training: Training) -> RunRecord:
        """Takes the steps that are left, and evaluates. Ctrl-C and SIGTERM wait until a step is done, and save."""
        try:
            while not training.finished:
                epoch_closed = training.epoch_is_over
                if epoch_closed:
                    self._close_epoch(training)
                else:
                    with self.ranks.undisturbed():
                        training.step()
                    if self.keeper is not None:
                        training.at = self.ranks.agree(self.keeper.corrected(training.at))
                    self.on_step(training.at)
                if self.saves.due(epoch_closed=epoch_closed):
                    self._save(training)
            return self._finish(training)
        except Exception:
            raise
        except BaseException:
            with held():  # often there comes a second one
                self._save(training)
            raise

    def _close_epoch(self, training: Training) -> None:
        def validate(network: torch.nn.Module) -> Metrics:
            self.val = self._predictions(network, "val")
            return measure(self.val.logits, self.val.labels)

        with self._failing_together():
            epoch = training.close_epoch(validate if self.ranks.first and len(self.images.members("val")) else None)
        if self.keeper is not None:
            self.keeper.epoch_closed()
        if self.ranks.first:
            write_history(self.folder, training.at.history)
            self.on_epoch(epoch)

    def _finish(self, training: Training) -> RunRecord:
        """Evaluates the answer and writes it down."""
        results = {}
        with self._failing_together():
            if self.ranks.first:
                known = {"val": self.val}
                for split in ("val", "test"):
                    if len(self.images.members(split)):
                        results[split] = known.get(split) or self._predictions(training.answer, split)
        if self.ranks.first:
            write_history(self.folder, training.at.history)
            write_weights(self.folder, self.spec.model, training.answer)
            write_predictions(self.folder, results)
        metrics = {split: measure(result.logits, result.labels) for split, result in results.items()}
        return RunRecord(
            spec=self.spec,
            status="finished",
            val=metrics.get("val"),
            test=metrics.get("test"),
            seconds=training.at.seconds_in_all,
            pace=training.at.pace,
            cuts=training.at.cuts,
            machine=describe_machine(),
        )

    @contextlib.contextmanager
    def _failing_together(self) -> Iterator[None]:
        """What only the first process does fails in all of them."""
        reason: str | None = None
        try:
            yield
        except TrainingFailed as error:
            reason = str(error)
        reason = self.ranks.agree(reason)
        if reason is not None:
            raise TrainingFailed(reason)

    def _predictions(self, network: torch.nn.Module, split: str) -> Predictions:
        members = self.images.members(split)
        device = self.spec.execution.device
        logits = predict_logits(network, self.images.pixels, members, self.spec.preprocessing, device=device)
        if not np.isfinite(logits).all():
            raise TrainingFailed(f"the network's answers on the {split} images are not finite numbers")
        return Predictions(self.images.ids[members], self.images.labels[members], logits)
