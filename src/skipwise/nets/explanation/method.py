"""The way in which heat maps of a network are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from skipwise.core.errors import require
from skipwise.nets.explanation.activation_maps import LAYER, class_activation_maps, receptive_grid
from skipwise.nets.explanation.grad_cam import gradient_maps
from skipwise.nets.explanation.grid import Grid
from skipwise.nets.explanation.layers import find_layer, pooled_layer
from skipwise.nets.explanation.records import CLASS_ACTIVATION, GRAD_CAM
from skipwise.nets.network import Network


@dataclass(frozen=True, kw_only=True, eq=False)
class MapMethod:
    """The method by which heat maps of a network are made.

    Args:
        name: of the method.
        layer: the layer whose output the maps are of.
        maps: (network, x_BCHW, classes_BK) -> logits [B, classes] and maps [B, K, h, w], in units of the logits. The
            network may be another one of the same kind, such as one with random weights.
        known_grid: where the cells of a map lie; None where they are taken to fill the image evenly.
    """

    name: str
    layer: str
    maps: Callable[[nn.Module, Tensor, Tensor], tuple[Tensor, Tensor]]
    known_grid: Grid | None = None

    def grid(self, side: int, cells: int) -> Grid:
        """Returns the positions of a map's cells in an image of `side` x `side` pixels."""
        return self.known_grid or Grid.even(side, cells)


def map_method(network: nn.Module, *, channels: int, size: int, layer: str | None = None) -> MapMethod:
    """Class activation maps for a network of Skipwise; Grad-CAM where a layer is named, and for external networks.

    Args:
        network: in evaluation mode.
        channels, size: those of its images.
        layer: of Grad-CAM; None, the default, is the layer before the pooling of an external network.

    Raises:
        SkipwiseError: there is no such layer (similar names are suggested), none is found, or captum is not installed.

    Example:
        >>> from skipwise import create_model
        >>> map_method(create_model("resnet20", seed=0).eval(), channels=3, size=32).name
        'class activation maps'
    """
    if layer is None and isinstance(network, Network):
        return MapMethod(
            name=CLASS_ACTIVATION, layer=LAYER, maps=_class_activation_maps, known_grid=receptive_grid(network)
        )
    require("captum", extra="explain")
    if layer is None:
        layer = pooled_layer(network, torch.zeros(1, channels, size, size))
    find_layer(network, layer)
    return MapMethod(name=GRAD_CAM, layer=layer, maps=partial(_gradient_maps, layer))


def _class_activation_maps(network: nn.Module, x_BCHW: Tensor, classes_BK: Tensor) -> tuple[Tensor, Tensor]:
    assert isinstance(network, Network)
    logits_BC, maps_BChw = class_activation_maps(network, x_BCHW)
    return logits_BC, maps_BChw.gather(1, classes_BK[:, :, None, None].expand(-1, -1, *maps_BChw.shape[-2:]))


def _gradient_maps(layer: str, network: nn.Module, x_BCHW: Tensor, classes_BK: Tensor) -> tuple[Tensor, Tensor]:
    return gradient_maps(network, layer, x_BCHW, classes_BK)
