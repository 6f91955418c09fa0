"""The run folder: written by training, read by everything after it.

run.json             what was run, how it ended, on which machine, its metrics, and checksums; written last
metrics.jsonl        one line per epoch
weights.safetensors  the last epoch's weights
predictions.npz      image ids, labels and logits of the validation and test images
resume*.safetensors  while unfinished
"""

from __future__ import annotations

import math
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from skipwise.core.differences import compared
from skipwise.core.errors import Damaged, SkipwiseError
from skipwise.core.files.atomic import atomic, write_text
from skipwise.core.files.checksums import check_files, read_sealed, write_sealed
from skipwise.core.files.json_records import LARGEST_RECORD
from skipwise.core.files.regular import open_regular, read_regular
from skipwise.core.files.zip_directory import open_zip
from skipwise.core.machine.system import Machine, describe_machine
from skipwise.data.containers import LONGEST_NAME
from skipwise.data.image.preprocess import Preprocessing
from skipwise.evaluation.metrics import Metrics
from skipwise.nets.spec import NetworkSpec
from skipwise.training.loop.recipe import Recipe, recipes_apart
from skipwise.training.loop.schedule import Pace
from skipwise.training.machine.execution import Execution
from skipwise.training.run.progress import Epoch

if TYPE_CHECKING:
    from torch import nn

RECORD = "run.json"
FILES = ("metrics.jsonl", "weights.safetensors", "predictions.npz")
"""Those that the record has checksums of."""
CHECKPOINT = "resume.safetensors"
AGAIN = "remove its folder to run that again"
LONGEST_ID = 4 * LONGEST_NAME
"""Bytes that numpy takes for the id of an image."""


class DamagedWarning(UserWarning):
    """A file was damaged, and is made again."""


def _said_of_size(ours: RunSpec, theirs: RunSpec) -> str:
    return f"the image size is {theirs.preprocessing.size} there and {ours.preprocessing.size} here"


def _said_of_recipes(ours: RunSpec, theirs: RunSpec) -> str:
    return recipes_apart(ours.recipe, theirs.recipe)


def _said_of_device(ours: RunSpec, theirs: RunSpec) -> str:
    return f"the device is {theirs.execution.device} there and {ours.execution.device} here"


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """Everything that determines a run's result.

    Args:
        pretrained: whether it started from published weights, as earlier versions wrote it, without their hash.
        init: the SHA-256 of a file of weights to start from; `init_key` is the one asked for, where it holds several.
        time_limit: in seconds; how many steps that were is in the record.
        fold: which of how many parts of the images was tested; the rest was trained on. None where there is a split.
    """

    model: str
    seed: int
    stem: str
    width: float
    pretrained: bool = False
    init: str | None = field(default=None, metadata=compared("it starts from other weights"))
    init_key: str | None = None
    time_limit: float | None = None
    classes: tuple[str, ...]
    # What else is in there follows from the images.
    preprocessing: Preprocessing = field(metadata=compared(_said_of_size, by=lambda made: made.size, first=True))
    fingerprint: str = field(metadata=compared("the images differ, or how they are split", first=True))
    recipe: Recipe = field(metadata=compared(_said_of_recipes, within=True))
    execution: Execution = field(metadata=compared(_said_of_device, by=lambda made: made.device))
    fold: tuple[int, int] | None = None

    @property
    def network(self) -> NetworkSpec:
        """The network that is trained. The file of weights that it starts from is not in it; only its hash is here."""
        return NetworkSpec(
            name=self.model,
            num_classes=len(self.classes),
            in_channels=self.preprocessing.channels,
            stem=self.stem,
            width=self.width,
            image_size=self.preprocessing.size,
        )


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """How a run ended.

    Args:
        reason: why it failed.
        val, test: None for a failed run or an empty split.
        seconds: of training, whenever that was.
        pace: how the steps shared the schedule.
        cuts: the steps at which it went astray and went on from an earlier state at half the learning rate.
    """

    spec: RunSpec
    status: Literal["finished", "failed"]
    reason: str | None = None
    val: Metrics | None = None
    test: Metrics | None = None
    seconds: float
    pace: Pace | None = None
    cuts: tuple[int, ...] = ()
    machine: Machine


@dataclass(frozen=True, eq=False)
class Predictions:
    """A split's answers: ids [N], labels [N], logits [N, classes]."""

    ids: NDArray[np.str_]
    labels: NDArray[np.int64]
    logits: NDArray[np.float32]


def failed_run(spec: RunSpec, reason: str, seconds: float = 0.0) -> RunRecord:
    """The record of a run that could not be finished."""
    return RunRecord(spec=spec, status="failed", reason=reason, seconds=seconds, machine=describe_machine())


def find_run(spec: RunSpec, folder: Path) -> RunRecord | None:
    """The ended run in `folder`, or None if there is none yet or a file of it is damaged: then it is done again.

    Raises:
        SkipwiseError: the run there has another spec, or a file of it can't be read just now.
    """
    path = folder / RECORD
    if not path.exists():
        return None
    record = read_sealed(path, RunRecord)
    if record.spec != spec:
        raise SkipwiseError(f"{folder} holds a run of another plan; choose another folder with --output.")
    if record.status == "finished":
        try:
            # Weights may have been removed to save space; what was answered is all that a comparison needs.
            check_files(path, *(name for name in FILES if (folder / name).exists()), mend=AGAIN)
            if not (folder / "predictions.npz").exists():
                raise Damaged(f"{folder / 'predictions.npz'} is missing; {AGAIN}.")
            for split, metrics in (("val", record.val), ("test", record.test)):
                if metrics is not None:
                    read_predictions(folder, split)
        except Damaged as error:
            warnings.warn(f"{str(error).partition(';')[0]}, so that run is done again.", DamagedWarning, stacklevel=2)
            return None
    return record


def write_run(folder: Path, record: RunRecord) -> None:
    """Writes `run.json`, with the checksums of the other files that are there.

    Raises:
        SkipwiseError: the disk is full, read-only, ...
    """
    write_sealed(folder / RECORD, record, [name for name in FILES if (folder / name).exists()])


def read_run(folder: Path, *names: str) -> RunRecord:
    """The ended run in a folder, wherever it was done.

    Args:
        names: of files of it that will be used; they are held against their checksums.

    Raises:
        SkipwiseError: the record or one of these files is damaged.
    """
    mend = f"train it again, or copy {folder} again"
    record = read_sealed(folder / RECORD, RunRecord, mend=mend)
    if record.status == "finished" and names:
        check_files(folder / RECORD, *names, mend=mend)
    return record


def read_predictions(folder: Path, split: str) -> Predictions:
    """The predictions of a finished run for "val" or "test".

    Raises:
        SkipwiseError: the file is missing or damaged.
    """
    path = folder / "predictions.npz"
    _check(folder, path.name)
    try:
        names = [f"{split}_{name}.npy" for name in ("ids", "labels", "logits")]
        with open_regular(path) as file, open_zip(file) as members:
            _check_shapes([_header(members, name, path.stat().st_size) for name in names])
            return Predictions(*(_array(members, name) for name in names))
    except Exception as error:  # numpy raises half a dozen kinds for a damaged archive
        raise Damaged(f"{path} is damaged ({error}); {AGAIN}.") from error


def _header(members: zipfile.ZipFile, name: str, most: int) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """The shape and the type of an array. Raises ValueError unless its bytes are there, as many as these say."""
    info = members.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or not info.file_size == info.compress_size <= most:
        raise ValueError(f"{name} is packed, as nothing of ours is")
    with members.open(info) as file:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError(f"{name} has a header of another kind")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        if file.tell() + math.prod(shape) * dtype.itemsize != info.file_size:
            raise ValueError(f"{name} has {info.file_size:,} bytes, and its shape is {shape}")
    return shape, dtype


def _check_shapes(headers: Sequence[tuple[tuple[int, ...], np.dtype[Any]]]) -> None:
    """Raises ValueError unless these are of ids, labels and logits of the same images."""
    shapes = [shape for shape, _ in headers]
    if [len(shape) for shape in shapes] != [1, 1, 2] or len({shape[0] for shape in shapes}) > 1:
        raise ValueError(f"its arrays have the shapes {shapes}")
    widths = [dtype.itemsize for _, dtype in headers]
    if [dtype.kind for _, dtype in headers] != ["U", "i", "f"] or widths[0] > LONGEST_ID or max(widths[1:]) > 8:
        raise ValueError(f"its arrays hold {', '.join(str(dtype) for _, dtype in headers)}")


def _array(members: zipfile.ZipFile, name: str) -> NDArray[Any]:
    with members.open(name) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def read_history(folder: Path) -> tuple[Epoch, ...]:
    """The epochs of a run, () if it has none yet.

    Raises:
        SkipwiseError: the file is damaged.
    """
    path = folder / "metrics.jsonl"
    _check(folder, path.name)
    if not path.exists():
        return ()
    try:
        lines = read_regular(path, LARGEST_RECORD).splitlines()
        return tuple(msgspec.json.decode(line, type=Epoch) for line in lines)
    except (msgspec.MsgspecError, ValueError, RecursionError, OSError) as error:
        raise SkipwiseError(f"{path} is damaged ({error}); {AGAIN}.") from error


def _check(folder: Path, name: str) -> None:
    """Holds a file of a run that has ended against its checksum."""
    if (folder / RECORD).exists():
        check_files(folder / RECORD, name, mend=AGAIN)


def remove_checkpoint(path: Path) -> None:
    """Removes the checkpoint and the previous one, if they are there."""
    path.unlink(missing_ok=True)
    previous(path).unlink(missing_ok=True)


def previous(path: Path) -> Path:
    """Where the checkpoint before the one at `path` is kept."""
    return path.with_name(f"{path.stem}-previous{path.suffix}")


def write_history(folder: Path, history: tuple[Epoch, ...]) -> None:
    """Writes the epochs, a line each."""
    write_text(folder / "metrics.jsonl", "".join(msgspec.json.encode(epoch).decode() + "\n" for epoch in history))


def write_predictions(folder: Path, results: dict[str, Predictions]) -> None:
    """Writes the predictions of each split."""
    arrays = {
        f"{split}_{field}": getattr(result, field)
        for split, result in results.items()
        for field in ("ids", "labels", "logits")
    }
    with atomic(folder / "predictions.npz") as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def write_weights(folder: Path, model: str, network: nn.Module) -> None:
    """Writes a network's weights and norm statistics."""
    from safetensors.torch import save  # which imports torch; what only reads runs needs none

    # Copies: safetensors takes no two names for one piece of memory, which tied weights are.
    weights = {name: tensor.cpu().contiguous().clone() for name, tensor in network.state_dict().items()}
    with atomic(folder / "weights.safetensors") as temporary:
        # Not save_file, which makes a file that only its owner may read.
        temporary.write_bytes(save(weights, metadata={"model": model}))
