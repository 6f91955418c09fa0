"""Norms of activations and gradients at each block of a network: recorded in training, and read back.

The record is `depth-norms.json`. In the folder of `train` or `compare` it says after which epochs to record; in a run's
folder it has what was recorded, too. So it is found by whichever process does the run.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from skipwise.core.errors import Damaged, SkipwiseError
from skipwise.core.files.checksums import read_sealed, write_sealed
from skipwise.core.remote.copies import local_path
from skipwise.training.callbacks import Callback, Start

DEPTH_NORMS = "depth-norms.json"
LAST = -1
"""Stands for the last epoch, whichever that is."""
MEND = "remove it, and train again to record it"


@dataclass(frozen=True, kw_only=True)
class DepthSnapshot:
    """Root mean squares at the end of each block, in the order of the blocks.

    Args:
        epoch: after which epoch; 0 is before the first step.
        activations: of what each block gives.
        gradients: of the loss of each image, with respect to that. None where one is no finite number.
    """

    epoch: int
    activations: tuple[float | None, ...]
    gradients: tuple[float | None, ...]

    @property
    def growth(self) -> float | None:
        """The factor by which gradients grow from one block to the one before it, the geometric mean over all blocks;
        None where that is not known."""
        first, last = self.gradients[0], self.gradients[-1]
        if len(self.gradients) < 2 or not first or not last:
            return None
        return math.exp(math.log(first / last) / (len(self.gradients) - 1))


@dataclass(frozen=True, kw_only=True)
class DepthRecord:
    """The norms that `DepthNorms` records of one run.

    Args:
        epochs: after which epochs; -1 is the last one.
        model: the network; "" in the folder of a comparison, which has many.
        seed: of the run.
        images: how many training images it is measured on.
        blocks: the names of the blocks, from the first to the last.
        snapshots: what was recorded so far, the earliest first.
    """

    epochs: tuple[int, ...]
    model: str = ""
    seed: int = 0
    images: int = 0
    blocks: tuple[str, ...] = ()
    snapshots: tuple[DepthSnapshot, ...] = ()

    def at(self, epoch: int) -> DepthSnapshot | None:
        """The snapshot after an epoch, -1 for the latest; None if there is none."""
        if epoch == LAST:
            return self.snapshots[-1] if self.snapshots else None
        return next((each for each in self.snapshots if each.epoch == epoch), None)

    def wants(self, epoch: int, *, last: bool) -> bool:
        """Returns whether to record after an epoch.

        Args:
            last: whether it is the last one.
        """
        return epoch in self.epochs or (last and LAST in self.epochs)

    def including(self, snapshot: DepthSnapshot) -> DepthRecord:
        """The record with one more snapshot; those of this epoch and later ones, from before the run was resumed, are
        replaced."""
        earlier = (each for each in self.snapshots if each.epoch < snapshot.epoch)
        return replace(self, snapshots=(*earlier, snapshot))


class DepthNorms(Callback):
    """A callback that records how large activations and gradients are at each block of every network that is trained.

    On 64 training images, always the same, it records the root mean square of what each block gives, and of the
    gradient of the loss with respect to that: before the first step, and after the epochs that are asked for. In a deep
    network without skip connections gradients grow or shrink by a factor with every block; with skip connections they
    hardly do (He et al. 2015, arXiv:1512.03385; Balduzzi et al. 2017, arXiv:1702.08591). The record is in
    `depth-norms.json` in the folder of each run, and `read_depth_norms` reads it. It changes no weight.

    Args:
        epochs: the epochs after which to record; 0 is before the first step, -1 the last epoch. Default (0, 1, -1).

    Raises:
        SkipwiseError: there is no epoch, or a number that is none.

    Example:
        >>> norms = DepthNorms(epochs=(0, 5, -1))  # for skipwise.train("digits", callbacks=[norms])
        >>> norms.epochs
        (-1, 0, 5)
    """

    def __init__(self, epochs: Sequence[int] = (0, 1, LAST)) -> None:
        if not epochs or any(isinstance(each, bool) or not isinstance(each, int) or each < LAST for each in epochs):
            raise SkipwiseError(
                f"DepthNorms takes the numbers of epochs, such as (0, 1, -1), where -1 is the last; not {epochs!r}."
            )
        self.epochs = tuple(sorted(set(epochs)))

    def on_start(self, start: Start) -> None:
        """Writes down what the runs are to record."""
        before = read_depth_norms(start.folder) or DepthRecord(epochs=())
        if before.epochs != self.epochs:
            write_depth_norms(start.folder, replace(before, epochs=self.epochs))


def read_depth_norms(folder: str | os.PathLike[str]) -> DepthRecord | None:
    """Reads the norms that `DepthNorms` recorded of a run.

    Args:
        folder: the run's folder.

    Returns:
        The record; None if there is none.

    Raises:
        SkipwiseError: it is damaged, or can't be read.

    Example:
        >>> read_depth_norms("runs/train/digits") is None  # nothing was recorded there
        True
    """
    path = local_path(folder) / DEPTH_NORMS
    if not path.exists():
        return None
    record = read_sealed(path, DepthRecord, mend=MEND)
    blocks = len(record.blocks)
    if any(len(each.activations) != blocks or len(each.gradients) != blocks for each in record.snapshots):
        raise Damaged(f"{path} has not as many numbers as blocks; {MEND}.")
    return record


def write_depth_norms(folder: Path, record: DepthRecord) -> None:
    """Writes the record."""
    write_sealed(folder / DEPTH_NORMS, record)


def asked_epochs(folder: Path) -> tuple[int, ...]:
    """After which epochs the runs that are done in a folder, or below it, record norms; () where they don't."""
    record = read_depth_norms(folder)
    return () if record is None else record.epochs
