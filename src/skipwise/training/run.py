"""The run folder: written by training, read by everything after it.

run.json             what was run, how it ended, on which machine, and its metrics; written last
metrics.jsonl        one line per epoch
weights.safetensors  the last epoch's weights
predictions.npz      image ids, labels and logits of the validation and test images
resume*.safetensors  while unfinished
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save

from skipwise.data.batches import TrainingBatches
from skipwise.data.images import Images
from skipwise.data.preprocess import Preprocessing
from skipwise.errors import SkipwiseError, TrainingFailed
from skipwise.evaluation.metrics import Metrics, measure
from skipwise.evaluation.predict import predict_logits
from skipwise.files import atomic, make_folder, read_json, write_json, write_text
from skipwise.machine import Machine, describe_machine
from skipwise.nets.zoo import create_model
from skipwise.training.checkpoint import load_checkpoint, remove_checkpoint, save_checkpoint
from skipwise.training.execution import Execution
from skipwise.training.loop import Epoch, Progress, train
from skipwise.training.recipe import Recipe

CHECKPOINT_SECONDS = 15.0
"""At most this much training, and one step, is repeated after a kill."""


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """Everything that determines a run's result."""

    model: str
    seed: int
    stem: str
    width: float
    pretrained: bool
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    fingerprint: str
    recipe: Recipe
    execution: Execution


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """How a run ended. `reason` says why it failed; metrics are None for a failed run or an empty split."""

    spec: RunSpec
    status: Literal["finished", "failed"]
    reason: str | None
    val: Metrics | None
    test: Metrics | None
    seconds: float
    machine: Machine


@dataclass(frozen=True, eq=False)
class Predictions:
    """A split's answers: ids [N], labels [N], logits [N, classes]."""

    ids: NDArray[np.str_]
    labels: NDArray[np.int64]
    logits: NDArray[np.float32]


@dataclass(frozen=True)
class _State:
    """What a checkpoint says beside its tensors: see `Progress`."""

    spec: RunSpec
    history: tuple[Epoch, ...]
    steps: int
    loss: float
    seconds: float


def execute_run(
    spec: RunSpec, images: Images, folder: Path, on_epoch: Callable[[Epoch], None] | None = None
) -> RunRecord:
    """Trains, evaluates on the last epoch and writes the run folder; goes on from a checkpoint if there is one.

    A run that is already finished (or failed) under the same spec is read and returned.

    Raises:
        SkipwiseError: the folder can't be written, or holds another run.
    """
    record = find_run(spec, folder)
    if record is not None:
        remove_checkpoint(folder / "resume.safetensors")  # left by a kill between the record and this
        return record
    make_folder(folder)
    for leftover in folder.glob(".*.tmp"):
        leftover.unlink(missing_ok=True)
    started = time.perf_counter()
    try:
        record = _train_and_evaluate(spec, images, folder, on_epoch, started)
    except TrainingFailed as error:
        record = failed_run(spec, str(error), time.perf_counter() - started)
    except SkipwiseError:  # nothing wrong with the run: the disk, a folder
        raise
    except Exception as error:  # whatever one network's code raises, the other runs go on
        write_text(folder / "error.txt", traceback.format_exc())
        reason = str(error).strip().partition("\n")[0] or "no message"
        record = failed_run(spec, f"{type(error).__name__}: {reason}", time.perf_counter() - started)
    write_json(folder / "run.json", record)
    remove_checkpoint(folder / "resume.safetensors")
    return record


def failed_run(spec: RunSpec, reason: str, seconds: float = 0.0) -> RunRecord:
    """The record of a run that could not be finished."""
    return RunRecord(
        spec=spec,
        status="failed",
        reason=reason,
        val=None,
        test=None,
        seconds=seconds,
        machine=describe_machine(),
    )


def find_run(spec: RunSpec, folder: Path) -> RunRecord | None:
    """The ended run in `folder`, or None if there is none yet or its predictions are damaged.

    Raises:
        SkipwiseError: the run there has another spec.
    """
    path = folder / "run.json"
    if not path.exists():
        return None
    record = read_json(path, RunRecord)
    if record.spec != spec:
        raise SkipwiseError(f"{folder} holds a run of another plan; choose another folder with --output.")
    if record.status == "finished":
        try:
            read_predictions(folder, "test")
        except SkipwiseError:
            path.unlink()
            return None
    return record


def read_predictions(folder: Path, split: str) -> Predictions:
    """The predictions of a finished run for "val" or "test".

    Raises:
        SkipwiseError: the file is missing or damaged.
    """
    path = folder / "predictions.npz"
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return Predictions(*(arrays[f"{split}_{name}"] for name in ("ids", "labels", "logits")))
    except Exception as error:  # numpy raises half a dozen kinds for a damaged archive
        raise SkipwiseError(f"{path} is damaged ({error}); remove its folder to run that again.") from error


def read_history(folder: Path) -> tuple[Epoch, ...]:
    """The epochs of a run, () if it has none yet.

    Raises:
        SkipwiseError: the file is damaged.
    """
    path = folder / "metrics.jsonl"
    if not path.exists():
        return ()
    try:
        lines = path.read_bytes().splitlines()
        return tuple(msgspec.json.decode(line, type=Epoch) for line in lines)
    except (msgspec.MsgspecError, OSError) as error:
        raise SkipwiseError(f"{path} is damaged ({error}); remove its folder to run that again.") from error


def _train_and_evaluate(
    spec: RunSpec, images: Images, folder: Path, on_epoch: Callable[[Epoch], None] | None, started: float
) -> RunRecord:
    network = create_model(
        spec.model,
        num_classes=len(spec.classes),
        in_channels=spec.preprocessing.channels,
        stem=spec.stem,
        width=spec.width,
        pretrained=spec.pretrained,
        seed=spec.seed,
    )
    batches = TrainingBatches(
        pixels=images.pixels,
        labels=images.labels,
        members=images.members("train"),
        batch_size=spec.recipe.batch_size,
        augmentation=spec.recipe.augmentation,
        seed=spec.seed,
    )

    def predictions(split: str) -> Predictions:
        members = images.members(split)
        device = spec.execution.device
        logits = predict_logits(network, images.pixels, members, spec.preprocessing, device=device)
        if not np.isfinite(logits).all():
            raise TrainingFailed(
                f"the network's answers on the {split} images are not finite numbers; a smaller --lr may help"
            )
        return Predictions(images.ids[members], images.labels[members], logits)

    def validate(_: torch.nn.Module) -> Metrics:
        val = predictions("val")
        return measure(val.logits, val.labels)

    checkpoint = folder / "resume.safetensors"
    saved = time.perf_counter()

    def after_step(progress: Callable[[], Progress]) -> None:
        nonlocal saved
        if time.perf_counter() - saved >= CHECKPOINT_SECONDS:
            _save(checkpoint, spec, progress())
            saved = time.perf_counter()

    def after_epoch(progress: Progress) -> None:
        write_text(folder / "metrics.jsonl", _lines(progress.history))
        if len(progress.history) < spec.recipe.epochs:
            after_step(lambda: progress)
        if on_epoch is not None:
            on_epoch(progress.history[-1])

    train(
        network,
        batches,
        spec.recipe,
        spec.preprocessing,
        spec.execution,
        validate=validate if len(images.members("val")) else None,
        on_epoch=after_epoch,
        on_step=after_step,
        resume=_resumable(spec, checkpoint),
    )
    results = {split: predictions(split) for split in ("val", "test") if len(images.members(split))}
    # Copies: safetensors takes no two names for one piece of memory, which tied weights are.
    weights = {name: tensor.cpu().contiguous().clone() for name, tensor in network.state_dict().items()}
    with atomic(folder / "weights.safetensors") as temporary:
        # Not save_file, which makes a file that only its owner may read.
        temporary.write_bytes(save(weights, metadata={"model": spec.model}))
    arrays = {
        f"{split}_{field}": getattr(result, field)
        for split, result in results.items()
        for field in ("ids", "labels", "logits")
    }
    with atomic(folder / "predictions.npz") as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)
    metrics = {split: measure(result.logits, result.labels) for split, result in results.items()}
    return RunRecord(
        spec=spec,
        status="finished",
        reason=None,
        val=metrics.get("val"),
        test=metrics.get("test"),
        seconds=time.perf_counter() - started,
        machine=describe_machine(),
    )


def _save(checkpoint: Path, spec: RunSpec, progress: Progress) -> None:
    state = _State(spec, progress.history, progress.steps, progress.loss, progress.seconds)
    save_checkpoint(checkpoint, progress.tensors, msgspec.to_builtins(state))


def _resumable(spec: RunSpec, checkpoint: Path) -> Progress | None:
    """Where an interrupted run of the same spec stood, if it got as far as a checkpoint."""
    found = load_checkpoint(checkpoint)
    if found is None:
        return None
    tensors, state = found
    stored = msgspec.convert(state, _State)
    if stored.spec != spec:
        return None
    return Progress(stored.history, tensors, stored.steps, stored.loss, stored.seconds)


def _lines(history: tuple[Epoch, ...]) -> str:
    return "".join(msgspec.json.encode(epoch).decode() + "\n" for epoch in history)
