"""Writes golden images into an artifact, and checks the exported file on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.core.text import printable
from skipwise.data.image.decode import UnreadableImage, decode
from skipwise.deploy.artifact import golden
from skipwise.deploy.artifact.artifact import Golden
from skipwise.deploy.formats import ExportFormat, Precision
from skipwise.deploy.runtime.model_session import ModelSession
from skipwise.deploy.trained.images import LabelledImages, fit
from skipwise.deploy.trained.trained_network import TrainedNetwork


def write_golden(
    folder: Path, network: TrainedNetwork, images: LabelledImages | None, format: ExportFormat, precision: Precision
) -> tuple[Golden, ...]:
    """Writes the golden images, with the probabilities of the network and of the exported file.

    Raises:
        SkipwiseError: the file's differ by more than is tolerated.
    """
    from skipwise.deploy.runtime.run_session import RunSession

    reference = RunSession(network)
    shipped = ModelSession(format.backends[0], folder / format.files[0], threads=1)
    (folder / "golden").mkdir()
    made = []
    for number, (name, data) in enumerate(golden.choose(images, network.preprocessing), 1):
        file = f"golden/{number}{golden.suffix(data)}"
        (folder / file).write_bytes(data)
        try:
            pixels = decode(data, channels=network.preprocessing.channels, levels=network.preprocessing.levels)
        except UnreadableImage as error:
            raise SkipwiseError(f"{name} can't be read ({error}); repair or remove it.") from error
        expected = reference.predict_resized(fit(data, network.preprocessing)[None])[0]
        answered = shipped.predict_pixels(pixels[None])[0]
        made.append(Golden(file=file, name=name, expected=_floats(expected), answered=_floats(answered)))
    found = golden.check(made, folder, network.preprocessing, precision, shipped.predict_pixels, network.temperature)
    if found.failed:
        raise SkipwiseError(
            f"The exported file does not answer {printable(found.failed[0])} as PyTorch does: a probability differs by "
            f"{found.difference:.2g}, and {found.tolerance:g} is tolerated. So nothing was exported; choose another "
            "--format."
        )
    return tuple(made)


def _floats(probabilities: NDArray[np.float32]) -> tuple[float, ...]:
    return tuple(round(float(value), 7) for value in probabilities)
