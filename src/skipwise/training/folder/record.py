"""The record of a run, `run.json`, and what determines the run."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from msgspec import UNSET, UnsetType

from skipwise.core.deprecation import earlier_name
from skipwise.core.differences import compared
from skipwise.core.errors import Damaged, SkipwiseError
from skipwise.core.files.checksums import check_files, read_sealed, write_sealed
from skipwise.core.machine.system import Machine, describe_machine
from skipwise.data.image.preprocess import Preprocessing
from skipwise.evaluation.metrics import Metrics
from skipwise.nets.spec import NetworkSpec
from skipwise.training.folder.files import AGAIN, FILES
from skipwise.training.folder.names import RECORD
from skipwise.training.folder.predictions import read_predictions
from skipwise.training.loop.recipe import Recipe, recipes_apart
from skipwise.training.loop.schedule import StepSchedule
from skipwise.training.machine.execution import Execution
from skipwise.training.tuning.tried import Tuned

if TYPE_CHECKING:
    pass


class DamagedWarning(UserWarning):
    """A file was damaged, and is made again."""


def said_of_size(ours: Any, theirs: Any) -> str:
    """The image sizes of two records with a `preprocessing`."""
    return f"the image size is {theirs.preprocessing.size} there and {ours.preprocessing.size} here"


def said_of_recipes(ours: Any, theirs: Any) -> str:
    """Names the differences between the recipes of two records, other than their numbers."""
    return recipes_apart(ours.recipe, theirs.recipe)


def said_of_device(ours: Any, theirs: Any) -> str:
    """The devices of two records with an `execution`."""
    return f"the device is {theirs.execution.device} there and {ours.execution.device} here"


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """Everything that determines a run's result.

    Args:
        pretrained: whether it started from published weights, as earlier versions wrote it, without their hash.
        init: the SHA-256 of a file of weights to start from; `init_key` is the one asked for, where it holds several.
        time_limit: in seconds; how many steps that were is in the record.
        fold: which of how many parts of the images was tested; the rest was trained on. None where there is a split.
        train_share: the share of the training images that it trained on, see `data.subsets.nested_part`; left out of
            files where it trained on all of them.
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
    preprocessing: Preprocessing = field(metadata=compared(said_of_size, by=lambda made: made.size, first=True))
    fingerprint: str = field(metadata=compared("the images differ, or how they are split", first=True))
    recipe: Recipe = field(metadata=compared(said_of_recipes, within=True))
    execution: Execution = field(metadata=compared(said_of_device, by=lambda made: made.device))
    fold: tuple[int, int] | None = None
    train_share: float | UnsetType = field(
        default=UNSET, metadata=compared("another share of the training images is used")
    )

    @property
    def share_of_images(self) -> float:
        """The share of the training images that it trains on: 1 for all of them."""
        return 1.0 if isinstance(self.train_share, UnsetType) else self.train_share

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
class Job:
    """A run that is to be done: what, and in which folder of that of a comparison, or of the run that it tunes for."""

    spec: RunSpec
    folder: str


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """The end of a run.

    Args:
        reason: why it failed.
        val, test: None for a failed run or an empty split.
        seconds: of training, whenever that was.
        step_schedule: how far the schedule was after each step.
        lr_cuts: the steps at which the loss diverged, and the run continued from an earlier state at half the learning
            rate.
        tuned: what was tried to choose its hyperparameters; left out where they were not tuned.
    """

    spec: RunSpec
    status: Literal["finished", "failed"]
    reason: str | None = None
    val: Metrics | None = None
    test: Metrics | None = None
    seconds: float
    step_schedule: StepSchedule | None = None
    lr_cuts: tuple[int, ...] = ()
    machine: Machine
    tuned: Tuned | UnsetType = UNSET

    EARLIER_NAMES: ClassVar[dict[str, str]] = {"step_schedule": "pace", "lr_cuts": "cuts"}
    pace = earlier_name("step_schedule", "pace")
    cuts = earlier_name("lr_cuts", "cuts")


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
