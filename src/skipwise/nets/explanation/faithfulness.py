"""A test of whether the answer depends on the pixels that a heat map marks (Petsiuk et al. 2018, arXiv:1806.07421).

Deletion removes pixels in the order of the map, the most important first: the class's probability should fall soon.
Insertion brings them back into a blurred image: it should rise soon. Random maps of as many cells are the control.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from skipwise.nets.explanation.method import MapMethod
from skipwise.nets.explanation.records import Curve, Faithfulness

STEPS = 16
"""Into so many parts the pixels are divided."""
DRAWS = 4
"""Random maps for each image."""
BLUR = 1 / 16
"""Standard deviation of the blur, as a share of the image's side."""


def faithfulness_check(
    network: nn.Module, method: MapMethod, x_BCHW: Tensor, classes_B: Tensor, *, seed: int = 0
) -> Faithfulness:
    """Deletes and inserts pixels in the order of the maps, and in that of random maps.

    Deleted pixels become the mean colour of the training images. Insertion starts from the blurred image.

    Args:
        network: in evaluation mode.
        x_BCHW: normalised images.
        classes_B: the class of each image that the maps are of.
        seed: of the random maps.
    """
    _, maps_BKhw = method.maps(network, x_BCHW, classes_B[:, None])
    side, cells = x_BCHW.shape[-1], maps_BKhw.shape[-1]
    grid = method.grid(side, cells)
    rng = np.random.default_rng(seed)
    deleted: list[list[NDArray[np.float32]]] = []
    inserted: list[list[NDArray[np.float32]]] = []
    for image_CHW, number, map_hw in zip(x_BCHW, classes_B.tolist(), maps_BKhw[:, 0].numpy(), strict=True):
        blurred_CHW = torch.from_numpy(gaussian_filter(image_CHW.numpy(), (0, BLUR * side, BLUR * side)))
        orders = grid.enlarge(np.concatenate([map_hw[None], rng.random((DRAWS, *map_hw.shape))]), side)
        for curves, start, end in (
            (deleted, image_CHW, torch.zeros_like(image_CHW)),
            (inserted, blurred_CHW, image_CHW),
        ):
            curves.append([_curve(network, number, order, start, end) for order in orders])
    return Faithfulness(
        images=len(x_BCHW),
        deletion=_summary(np.array(deleted), sign=-1),
        insertion=_summary(np.array(inserted), sign=1),
    )


@torch.no_grad()
def _curve(
    network: nn.Module, number: int, order: NDArray[np.float64], start_CHW: Tensor, end_CHW: Tensor
) -> NDArray[np.float32]:
    """The class's probability while pixels change from start to end, the highest of `order` first [STEPS + 1]."""
    rank = np.empty(order.size, dtype=np.int64)
    rank[np.argsort(-order, axis=None, kind="stable")] = np.arange(order.size)
    limits = torch.arange(STEPS + 1) * order.size // STEPS
    changed = torch.from_numpy(rank.reshape(order.shape))[None] < limits[:, None, None]
    images = torch.where(changed[:, None], end_CHW[None], start_CHW[None])
    curve: NDArray[np.float32] = network(images).softmax(dim=1)[:, number].numpy()
    return curve


def _summary(curves: NDArray[np.float32], *, sign: int) -> Curve:
    """The means of curves [images, 1 + DRAWS, STEPS + 1]; the first curve of each image is the map's."""
    areas = (curves[:, :, 1:] + curves[:, :, :-1]).mean(axis=2) / 2  # trapezoids
    own, random = areas[:, 0], areas[:, 1:].mean(axis=1)

    def rounded(values: NDArray[np.floating]) -> tuple[float, ...]:
        return tuple(round(float(value), 4) for value in values)

    return Curve(
        map=rounded(curves[:, 0].mean(axis=0)),
        random=rounded(curves[:, 1:].mean(axis=(0, 1))),
        map_area=round(float(own.mean()), 4),
        random_area=round(float(random.mean()), 4),
        better=round(float((sign * (own - random) > 0).mean()), 4),
    )
