"""The ways in which the same images can be answered: PyTorch, and the file in every engine that runs it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import NotTrusted, SkipwiseError
from skipwise.core.text import command, printable
from skipwise.data.image.decode import UnreadableImage, decode
from skipwise.deploy.artifact.artifact import MODEL_FILES, Artifact, Precision
from skipwise.deploy.artifact.images import LabelledImages, square
from skipwise.deploy.runtime.engines import Backend, Opened
from skipwise.deploy.runtime.session import Session, engines
from skipwise.deploy.runtime.soundness import shaped

if TYPE_CHECKING:
    from skipwise.deploy.artifact.trained_network import TrainedNetwork

PYTORCH = "PyTorch"
BACKEND_NAMES: dict[Backend, str] = {
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
    "torch": "torch.export",
}

Progress = Callable[[str, int, int], None]

MOST_HELD = 3 * 2**20
"""Bytes of pixels after which no more images go into one batch: engines need some twenty times as much for each."""


@dataclass(frozen=True, eq=False)
class Way:
    """One way of answering: fitted pixels [N, size, size, C] or whole ones [N, H, W, C] -> probabilities."""

    name: str
    precision: Precision
    own: bool
    fitted: bool
    answer: Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def open_backends(folder: Path, artifact: Artifact, threads: int) -> tuple[dict[Backend, Opened], list[str]]:
    """The engines that run this format and are installed here, the format's own first."""
    path = folder / MODEL_FILES[artifact.format][0]
    opened: dict[Backend, Opened] = {}
    notes = []
    for name in engines(artifact.format):
        try:
            opened[name] = Opened(name, path, threads)
        except ImportError:
            notes.append(f"{BACKEND_NAMES[name]} is not installed here, so it was not tried.")
    if not opened:
        raise SkipwiseError(
            f"Nothing that runs {artifact.format} is installed here; run: pip install 'skipwise[train]'"
        )
    return opened, notes


def find_trained_network(
    artifact: Artifact, run: str | os.PathLike[str] | None, trust: bool | str
) -> tuple[TrainedNetwork | None, str]:
    """What the artifact was exported from, or None and why it can't be asked.

    A network of somebody's own runs only where `run` is given and it is trusted, and never from the folder one stands
    in, where a checked artifact may lie with code that nobody checked.

    Raises:
        SkipwiseError: `run` names something else, or a network that is not trusted or not installed.
    """
    where = run if run is not None else artifact.provenance.run
    try:
        import skipwise.deploy.runtime.run_session  # noqa: F401 - which asks it, and is all that needs PyTorch
        from skipwise.deploy.artifact.trained_network import network_of_artifact
        from skipwise.nets.external import is_own
        from skipwise.nets.external_code import is_installed
    except ModuleNotFoundError as error:
        if error.name not in {"torch", "torchvision", "sklearn"}:
            raise
        return None, "PyTorch is not installed here."
    except SkipwiseError as error:  # it needs more memory than there may be
        return None, str(error)
    try:
        network = network_of_artifact(artifact, where, trust if run is not None else False)
        if is_own(network.model) and not is_installed(network.model):
            raise SkipwiseError(
                f"The module of the network {network.model!r} is not installed, and 'verify' does not search the "
                "current folder; run the same command with PYTHONPATH set to the folder of that module."
            )
        return network, ""
    except NotTrusted as error:
        if run is not None:
            raise
        return None, (
            f"The network {printable(artifact.provenance.model)} is Python code, which runs here only where you ask "
            f"for it: add {command('--run', artifact.provenance.run, *error.options)}, and the folder of its module to "
            "PYTHONPATH."
        )
    except SkipwiseError as error:
        if run is not None:
            raise
        return None, f"{printable(str(error)).rstrip('.')}; --run names what this was exported from."


def list_backends(
    artifact: Artifact,
    opened: dict[Backend, Opened],
    network: TrainedNetwork | None,
    reference: Session | None,
    folder: Path,
    threads: int,
) -> list[Way]:
    """The reference first."""
    precision, ways = artifact.precision, []
    if reference is not None:
        ways.append(Way(PYTORCH, "fp32", False, True, reference.predict_resized))
    first = next(iter(opened))
    named = {name: f"{BACKEND_NAMES[name]} {precision.upper()}" for name in opened}
    ways.append(Way(f"{named[first]}, fitted before", precision, True, True, opened[first].predict_resized))
    if network is not None and precision == "int8":
        from skipwise.deploy.export.model_file import write_single_precision

        path = write_single_precision(network, folder)
        for name in engines("onnx"):
            engine = Opened(name, path, threads)
            ways.append(Way(f"{BACKEND_NAMES[name]} FP32", "fp32", False, False, engine.predict_pixels))
    ways += [Way(named[name], precision, True, False, engine.predict_pixels) for name, engine in opened.items()]
    return ways


def predict_all(
    ways: list[Way], images: LabelledImages, artifact: Artifact, tell: Progress
) -> dict[str, NDArray[np.float32]]:
    """Every way's probabilities [N, classes], from the images' bytes on; of what has another shape, no numbers."""
    classes = len(artifact.classes)
    parts: dict[str, list[NDArray[np.float32]]] = {way.name: [] for way in ways}
    done = 0
    for some in _decoded(images, artifact, 32):
        tell("Answering in every way", done, len(images))
        fitted = np.stack([small for _, small in some])
        for way in ways:
            if way.fitted:
                parts[way.name].append(shaped(way.answer(fitted), len(fitted), classes))
                continue
            for same in _runs_of_one_shape([pixels for pixels, _ in some]):
                parts[way.name].append(shaped(way.answer(same), len(same), classes))
        done += len(some)
    return {name: np.concatenate(found) for name, found in parts.items()}


def _decoded(
    images: LabelledImages, artifact: Artifact, size: int
) -> Iterator[list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]]:
    """Pixels as they are and fitted, `size` images at a time."""
    prepared = artifact.preprocessing
    some: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]] = []
    for position, data in enumerate(images.encoded()):
        try:
            pixels = decode(data, channels=prepared.channels, levels=prepared.levels)
        except UnreadableImage as error:
            raise SkipwiseError(f"{images.id(position)} can't be read ({error}); repair or remove it.") from error
        some.append((pixels, square(pixels, prepared)))
        if len(some) == size or sum(whole.size for whole, _ in some) > MOST_HELD:
            yield some
            some = []
    if some:
        yield some


def _runs_of_one_shape(pixels: list[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """Neighbours of one size together: [N, H, W, C]."""
    for _, same in itertools.groupby(pixels, key=lambda each: each.shape):
        yield np.stack(list(same))
