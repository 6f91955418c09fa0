"""Records of an export format and of a backend, which each file in this folder fills in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from skipwise.core.reporting import Progress

if TYPE_CHECKING:
    from skipwise.deploy.artifact.artifact import Quantization
    from skipwise.deploy.trained.images import LabelledImages
    from skipwise.deploy.trained.trained_network import TrainedNetwork

Precision = Literal["fp32", "fp16", "int8"]
"""The precision of the weights in a file."""
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

RESIZED = "fitted"
"""The tensor in a file that holds resized pixels: those that are resized already are fed in there."""


class BackendSession(Protocol):
    """A model's file, loaded into a backend. One call at a time, always from the same thread."""

    def predict_resized(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """Probabilities [N, classes] for pixels [N, size, size, C] that have the network's size already."""

    def predict_pixels(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """Probabilities [N, classes] for pixels [N, H, W, C] of any size, which the file itself resizes."""

    def stop(self) -> None:
        """Asks a prediction that is under way, in another thread, to end."""


@dataclass(frozen=True, kw_only=True)
class Backend:
    """A library that runs models.

    Args:
        name: as `Predictor(backend=...)` takes it.
        title: its name for people.
        extra: the extra of Skipwise that installs it.
        load: opens a model's file, with a number of threads. Nothing in the file is trusted: what it may hold is
            checked before the library sees it.
    """

    name: str
    title: str
    extra: str
    load: Callable[[Path, int], BackendSession]


@dataclass(frozen=True, kw_only=True, eq=False)
class ExportJob:
    """The input of an export format.

    Args:
        network: the trained network.
        precision: one of the format's own.
        images: images to calibrate INT8 on and to check its accuracy; other precisions need none.
        max_drop: for INT8, the accuracy that may be lost, a fraction.
        explain: whether the file has the heat map of the answer as a second output.
        progress: is told what is being done.
    """

    network: TrainedNetwork
    precision: Precision
    images: LabelledImages | None
    max_drop: float
    explain: bool = False
    progress: Progress


@dataclass(frozen=True, kw_only=True)
class ExportFormat:
    """A format that networks are exported in.

    Args:
        name: as `--format` takes it and artifact.json records it.
        title: its name for people.
        files: the names of its files; the first one is given to the backends.
        precisions: those it can be written in.
        backends: what runs it, its own first.
        packages: what writing it needs besides PyTorch.
        opset: the version of its operators, where it has one.
        explains: whether its files may have the heat map of the answer as a second output.
        write: writes the files into a folder, and returns how the network was quantized, or None. Raises SkipwiseError
            where it can't be written or INT8 loses more accuracy than it may.
    """

    name: str
    title: str
    files: tuple[str, ...]
    precisions: tuple[Precision, ...]
    backends: tuple[Backend, ...]
    packages: tuple[str, ...] = ()
    opset: int | None = None
    explains: bool = False
    write: Callable[[Path, ExportJob], Quantization | None]
