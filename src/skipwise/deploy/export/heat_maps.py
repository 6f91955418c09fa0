"""Which exported files give heat maps, and where the cells of these lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skipwise.core.errors import SkipwiseError
from skipwise.deploy.artifact.artifact import HeatMaps
from skipwise.deploy.artifact.trained_network import TrainedNetwork
from skipwise.nets.external import is_external

if TYPE_CHECKING:
    from skipwise.deploy.formats import ExportFormat, Precision


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

    module, preprocessing = network.module(), network.preprocessing
    assert isinstance(module, Network)
    grid = receptive_grid(module)
    with torch.no_grad():
        features = module.features(torch.zeros(1, preprocessing.channels, preprocessing.size, preprocessing.size))
    return HeatMaps(cells=features.shape[-1], first=grid.first, step=grid.step)
