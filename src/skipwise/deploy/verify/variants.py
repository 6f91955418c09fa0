"""The ways to answer the images of a certificate: PyTorch, and the file in every backend that runs it."""

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
from skipwise.core.reporting import Progress
from skipwise.core.text import command, printable
from skipwise.data.image.decode import UnreadableImage, decode
from skipwise.deploy.artifact.artifact import Artifact
from skipwise.deploy.formats import Precision
from skipwise.deploy.formats.onnx_format import ONNX
from skipwise.deploy.runtime.model_session import ModelSession
from skipwise.deploy.runtime.session import Session
from skipwise.deploy.runtime.soundness import shaped
from skipwise.deploy.trained.images import LabelledImages, square

if TYPE_CHECKING:
    from skipwise.deploy.trained.trained_network import TrainedNetwork

PYTORCH = "PyTorch"

MOST_HELD = 3 * 2**20
"""Bytes of pixels after which no more images go into a batch: backends need about twenty times as much for each."""


@dataclass(frozen=True, eq=False)
class Variant:
    """One of the networks that answer the same images: PyTorch's, or a file in a backend.

    Args:
        name: the backend, the precision, and whether pixels are resized before, for people.
        precision: that of the weights.
        own: whether it is the artifact's file; other files show where a difference comes from.
        resized: whether it takes resized pixels [N, size, size, C] instead of pixels of any size [N, H, W, C].
        predict: pixels -> probabilities [N, classes].
    """

    name: str
    precision: Precision
    own: bool
    resized: bool
    predict: Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def open_backends(folder: Path, artifact: Artifact, threads: int) -> tuple[list[ModelSession], list[str]]:
    """Opens the artifact in each backend that runs its format and is installed, the format's own first.

    Returns:
        The sessions, and a sentence for each backend that is not installed.

    Raises:
        SkipwiseError: none of the backends is installed, or one can't use the file.
    """
    sessions: list[ModelSession] = []
    notes = []
    for backend in artifact.kind.backends:
        try:
            sessions.append(ModelSession(backend, artifact.model_file(folder), threads))
        except ImportError:
            notes.append(f"{backend.title} is not installed here, so it was not tested.")
    if not sessions:
        kind = artifact.kind
        raise SkipwiseError(
            f"Nothing that runs {kind.title} is installed here; run: pip install 'skipwise[{kind.backends[0].extra}]'"
        )
    return sessions, notes


def find_trained_network(
    artifact: Artifact, run: str | os.PathLike[str] | None, trust: bool | str
) -> tuple[TrainedNetwork | None, str]:
    """The network that the artifact was exported from, or None and why it can't be used, as a sentence.

    A network of your own runs only where `run` is given and it is trusted. Its code is never taken from the current
    folder, where code that nobody checked may lie beside the artifact.

    Raises:
        SkipwiseError: `run` names something else, or a network that is not trusted or not installed.
    """
    where = run if run is not None else artifact.provenance.run
    try:
        import skipwise.deploy.runtime.run_session  # noqa: F401 - which asks it, and is all that needs PyTorch
        from skipwise.deploy.trained.trained_network import network_of_artifact
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


def list_variants(
    artifact: Artifact,
    sessions: list[ModelSession],
    network: TrainedNetwork | None,
    reference: Session | None,
    folder: Path,
    threads: int,
) -> list[Variant]:
    """The variants to compare, the reference first.

    Args:
        folder: where a file in single precision is written to compare INT8 with.
    """
    precision, variants = artifact.precision, []
    if reference is not None:
        variants.append(Variant(PYTORCH, "fp32", False, True, reference.predict_resized))
    names = [f"{session.backend.title} {precision.upper()}" for session in sessions]
    variants.append(Variant(f"{names[0]}, resized before", precision, True, True, sessions[0].predict_resized))
    if network is not None and precision == "int8":
        from skipwise.deploy.export.onnx_pipeline import write_single_precision

        path = folder / ONNX.files[0]
        write_single_precision(network, path)
        for backend in ONNX.backends:
            single = ModelSession(backend, path, threads)
            variants.append(Variant(f"{backend.title} FP32", "fp32", False, False, single.predict_pixels))
    own = zip(names, sessions, strict=True)
    variants += [Variant(name, precision, True, False, session.predict_pixels) for name, session in own]
    return variants


def predict_all(
    variants: list[Variant], images: LabelledImages, artifact: Artifact, progress: Progress
) -> dict[str, NDArray[np.float32]]:
    """The probabilities [N, classes] of each variant by its name, from the images' bytes on.

    Where a variant's answer has another shape, its rows are NaN.

    Raises:
        SkipwiseError: an image can't be read, or a backend can't use its file.
    """
    classes = len(artifact.classes)
    parts: dict[str, list[NDArray[np.float32]]] = {variant.name: [] for variant in variants}
    done = 0
    for batch in _decoded(images, artifact, 32):
        progress("Predicting with each backend", done, len(images))
        resized = np.stack([small for _, small in batch])
        for variant in variants:
            if variant.resized:
                parts[variant.name].append(shaped(variant.predict(resized), len(resized), classes))
                continue
            for same in _runs_of_one_shape([pixels for pixels, _ in batch]):
                parts[variant.name].append(shaped(variant.predict(same), len(same), classes))
        done += len(batch)
    return {name: np.concatenate(found) for name, found in parts.items()}


def _decoded(
    images: LabelledImages, artifact: Artifact, size: int
) -> Iterator[list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]]:
    """Pixels of the images, and the same resized, at most `size` images at a time."""
    prepared = artifact.preprocessing
    batch: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]] = []
    for position, data in enumerate(images.encoded()):
        try:
            pixels = decode(data, channels=prepared.channels, levels=prepared.levels)
        except UnreadableImage as error:
            raise SkipwiseError(f"{images.id(position)} can't be read ({error}); repair or remove it.") from error
        batch.append((pixels, square(pixels, prepared)))
        if len(batch) == size or sum(pixels.size for pixels, _ in batch) > MOST_HELD:
            yield batch
            batch = []
    if batch:
        yield batch


def _runs_of_one_shape(pixels: list[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """Neighbours of one size as one array [N, H, W, C]."""
    for _, same in itertools.groupby(pixels, key=lambda each: each.shape):
        yield np.stack(list(same))
