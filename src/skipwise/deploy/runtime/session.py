"""A network that is open and gives probabilities: an exported one, which needs no PyTorch, or a finished run's.

It takes pixels of any size, which an exported file resizes itself, or pixels that Skipwise has resized already.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError, missing_extra
from skipwise.core.machine.system import usable_cores
from skipwise.core.remote.copies import local_path
from skipwise.core.text import command
from skipwise.data.image.preprocess import Preprocessing
from skipwise.deploy.artifact.artifact import Artifact, HeatMaps, is_artifact, read_artifact
from skipwise.deploy.formats import Backend, find_backend
from skipwise.deploy.runtime.model_session import ModelSession
from skipwise.nets.explanation.grid import Grid


class Session(Protocol):
    """A network that gives probabilities for pixels. It may be used from several threads.

    Attributes:
        classes: the names of the classes, in the order of the probabilities.
        preprocessing: how images become its input.
        identity: a hash of the network; where it is the same, so are the answers.
    """

    classes: tuple[str, ...]
    preprocessing: Preprocessing
    identity: str

    def predict_resized(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """Probabilities float32 [N, classes] for pixels [N, size, size, C] that `fit_square` has resized."""
        ...

    def predict_pixels(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """Probabilities float32 [N, classes] for pixels [N, H, W, C] of any size."""
        ...


class ArtifactSession:
    """A `Session` of an artifact in a backend."""

    def __init__(self, folder: Path, artifact: Artifact, backend: Backend, threads: int | None = None) -> None:
        self.folder = folder
        self.artifact = artifact
        self.classes = artifact.classes
        self.preprocessing = artifact.preprocessing
        self.identity = artifact.files[""]
        self.backend = backend
        self._model = ModelSession(backend, artifact.model_file(folder), threads or usable_cores())

    def predict_resized(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """Probabilities float32 [N, classes] for pixels [N, size, size, C] that `fit_square` has resized."""
        return self._model.predict_resized(pixels)

    def predict_pixels(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """Probabilities float32 [N, classes] for pixels [N, H, W, C] of any size."""
        return self._model.predict_pixels(pixels)

    @property
    def grid(self) -> Grid:
        """The positions of its heat maps' cells.

        Raises:
            SkipwiseError: the artifact has no heat maps.
        """
        maps = self._heat_maps()
        return Grid(first=maps.first, step=maps.step)

    def _heat_maps(self) -> HeatMaps:
        maps = self.artifact.heat_maps
        if maps is None:
            raise SkipwiseError(
                f"{self.folder} gives no heat maps; export its run again, with them: "
                f"{command('skipwise', 'export', Path(self.artifact.provenance.run), '--explain')}"
            )
        return maps

    def explain_resized(self, pixels: NDArray[np.uint8], /) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """For pixels [N, size, size, C]: float32 [N, classes], and the heat map of each answer [N, h, w].

        Raises:
            SkipwiseError: the artifact has no heat maps, or its file gives others than it says.
        """
        maps = self._heat_maps()
        probabilities, found = self._model.explain_resized(pixels)
        if found.shape != (len(pixels), maps.cells, maps.cells) or not np.isfinite(found).all():
            raise SkipwiseError(f"{self.folder} does not give the heat maps that its record says; export it again.")
        return probabilities, found


def open_session(
    where: str | os.PathLike[str],
    *,
    trust: bool | str = False,
    threads: int | None = None,
    backend: str | None = None,
) -> Session:
    """Opens an artifact's folder, or a finished run's.

    Args:
        trust: whether a network of your own, which only a run's record names, may run: True, or its name.
        threads: how many the network uses; None is one per core.
        backend: what runs an artifact; None is the format's own.

    Raises:
        SkipwiseError: the folder holds neither, the run's network is not trusted, the backend does not run the
            artifact's format, or it is not installed.
    """
    folder = local_path(where)
    if is_artifact(folder):
        return open_artifact(folder, threads=threads, backend=backend)
    if not folder.is_dir():
        raise SkipwiseError(f"There is no folder {folder}; give one that 'skipwise export' or 'skipwise train' made.")
    if not any((folder / name).exists() for name in ("run.json", "terms.json", "plan.json", "comparison.json")):
        raise SkipwiseError(
            f"{folder} holds neither an exported network (artifact.json) nor a finished run (run.json)."
        )
    if backend is not None:
        raise SkipwiseError(f"{folder} is a run, which PyTorch runs; leave the backend out, or export the run.")
    from skipwise.deploy.runtime.run_session import RunSession
    from skipwise.deploy.trained.trained_network import network_of_run

    return RunSession(network_of_run(folder, trust))


def open_artifact(folder: Path, *, threads: int | None = None, backend: str | None = None) -> ArtifactSession:
    """Opens an artifact, after it was checked.

    Raises:
        SkipwiseError: it is damaged or of a newer version, or the backend does not run its format or is not installed.
    """
    artifact = read_artifact(folder)
    chosen = artifact.kind.backends[0] if backend is None else find_backend(backend, artifact.kind)
    try:
        return ArtifactSession(folder, artifact, chosen, threads)
    except ModuleNotFoundError as error:
        if error.name not in {"torch", "onnx", "onnxruntime", "openvino"}:
            raise
        raise missing_extra(chosen.extra, error.name) from error
