"""The run folder: written by training, read by everything after it.

run.json             what was run, how it ended, on which machine, its metrics, and checksums; written last
metrics.jsonl        one line per epoch
weights.safetensors  the last epoch's weights
predictions.npz      image ids, labels and logits of the validation and test images
resume*.safetensors  while unfinished
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.atomic import atomic, write_text
from skipwise.core.files.checksums import check_files
from skipwise.core.files.json_records import LARGEST_RECORD
from skipwise.core.files.regular import read_regular
from skipwise.training.folder.names import METRICS, PREDICTIONS, RECORD, WEIGHTS, previous
from skipwise.training.folder.state import EpochMetrics

if TYPE_CHECKING:
    from torch import nn

FILES = (METRICS, WEIGHTS, PREDICTIONS)
"""Those that the record has checksums of."""
AGAIN = "remove its folder to run that again"


def check_file(folder: Path, name: str) -> None:
    """Holds a file of a run that has ended against its checksum."""
    if (folder / RECORD).exists():
        check_files(folder / RECORD, name, mend=AGAIN)


def read_history(folder: Path) -> tuple[EpochMetrics, ...]:
    """The epochs of a run, () if it has none yet.

    Raises:
        SkipwiseError: the file is damaged.
    """
    path = folder / METRICS
    check_file(folder, path.name)
    if not path.exists():
        return ()
    try:
        lines = read_regular(path, LARGEST_RECORD).splitlines()
        return tuple(msgspec.json.decode(line, type=EpochMetrics) for line in lines)
    except (msgspec.MsgspecError, ValueError, RecursionError, OSError) as error:
        raise SkipwiseError(f"{path} is damaged ({error}); {AGAIN}.") from error


def write_history(folder: Path, history: tuple[EpochMetrics, ...]) -> None:
    """Writes the epochs, a line each."""
    write_text(folder / METRICS, "".join(msgspec.json.encode(epoch).decode() + "\n" for epoch in history))


def write_weights(folder: Path, model: str, network: nn.Module) -> None:
    """Writes a network's weights and norm statistics."""
    from safetensors.torch import save  # which imports torch; what only reads runs needs none

    # Copies: safetensors takes no two names for one piece of memory, which tied weights are.
    weights = {name: tensor.cpu().contiguous().clone() for name, tensor in network.state_dict().items()}
    with atomic(folder / WEIGHTS) as temporary:
        # Not save_file, which makes a file that only its owner may read.
        temporary.write_bytes(save(weights, metadata={"model": model}))


def remove_checkpoint(path: Path) -> None:
    """Removes the checkpoint and the previous one, if they are there."""
    path.unlink(missing_ok=True)
    previous(path).unlink(missing_ok=True)
