"""The choice of exported files that give heat maps, and the positions of the cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from skipwise.core.errors import SkipwiseError
from skipwise.deploy.artifact.artifact import Golden, HeatMaps
from skipwise.deploy.formats import ExportFormat, Precision
from skipwise.deploy.runtime.model_session import ModelSession
from skipwise.deploy.trained.images import fit
from skipwise.deploy.trained.trained_network import TrainedNetwork
from skipwise.nets.external import is_external

TOLERANCES: dict[Precision, float] = {"fp32": 1e-3, "fp16": 3e-2}
"""The largest distance of a cell from PyTorch's, as a share of the largest cell."""


def heat_maps_of(network: TrainedNetwork, format: ExportFormat, precision: Precision) -> HeatMaps:
    """The maps that an export of a network has.

    Raises:
        SkipwiseError: it can't have any.
    """
    if not format.explains or precision == "int8":
        raise SkipwiseError("--explain is for ONNX files of fp32 or fp16; choose --format onnx and --precision fp32.")
    if is_external(network.model):
        raise SkipwiseError(
            f"{network.model} has no class activation maps, which --explain writes: they are exact only where global "
            "pooling and one linear layer follow. Leave --explain out, and explain the run itself."
        )
    import torch

    from skipwise.nets.explanation.activation_maps import receptive_grid
    from skipwise.nets.network import Network

    module, preprocessing = replace(network, temperature=1.0).module(), network.preprocessing
    assert isinstance(module, Network)
    grid = receptive_grid(module)
    with torch.no_grad():
        features = module.features(torch.zeros(1, preprocessing.channels, preprocessing.size, preprocessing.size))
    return HeatMaps(cells=features.shape[-1], first=grid.first, step=grid.step)


def check_heat_maps(
    folder: Path, network: TrainedNetwork, format: ExportFormat, precision: Precision, examples: Sequence[Golden]
) -> None:
    """Holds the maps of the exported file against PyTorch's, on the golden images.

    Raises:
        SkipwiseError: they differ by more than is tolerated.
    """
    import torch

    from skipwise.data.batches.batches import to_input
    from skipwise.nets.explanation.activation_maps import class_activation_maps
    from skipwise.nets.network import Network

    module, preprocessing = replace(network, temperature=1.0).module(), network.preprocessing
    assert isinstance(module, Network)
    squares = np.stack([fit((folder / each.file).read_bytes(), preprocessing) for each in examples])
    shipped = ModelSession(format.backends[0], folder / format.files[0], threads=1)
    probabilities, found = shipped.explain_resized(squares)
    x_BCHW = to_input(torch.from_numpy(squares), preprocessing.mean, preprocessing.std)
    expected = class_activation_maps(module, x_BCHW)[1].numpy()[np.arange(len(squares)), probabilities.argmax(axis=1)]
    difference = float(np.abs(found - expected).max() / np.abs(expected).max())
    if not difference <= TOLERANCES[precision]:
        raise SkipwiseError(
            f"The exported file does not give the heat maps that PyTorch does: a cell differs by {difference:.2g} of "
            f"the largest, and {TOLERANCES[precision]:g} is tolerated. So nothing was exported; leave --explain out."
        )
