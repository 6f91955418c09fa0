"""Results of the checks of heat maps, and of gates; without torch, so that they can be read anywhere."""

from __future__ import annotations

from dataclasses import dataclass

CLASS_ACTIVATION, GRAD_CAM = "class activation maps", "Grad-CAM"
"""The methods by which maps are made."""


@dataclass(frozen=True, kw_only=True)
class RandomisationStep:
    """The maps after some layers were made random.

    Args:
        layer: the last layer that was made random so far.
        layers: the number of layers that were.
        correlation: the rank correlation of the maps with those of the trained network, from -1 to 1; the mean over
            images and draws.
    """

    layer: str
    layers: int
    correlation: float


@dataclass(frozen=True, kw_only=True)
class Curve:
    """The class's probability while pixels are deleted, or inserted.

    Args:
        map: the mean probability over images after each step, by the maps' order; the first is before any.
        random: the same by random maps' order.
        map_area, random_area: the means of these curves. For deletion lower is better, for insertion higher.
        better: the share of images where the map is better than the mean of its random maps.
    """

    map: tuple[float, ...]
    random: tuple[float, ...]
    map_area: float
    random_area: float
    better: float


@dataclass(frozen=True, kw_only=True)
class Faithfulness:
    """Both curves of some images.

    Args:
        images: their number.
    """

    images: int
    deletion: Curve
    insertion: Curve


@dataclass(frozen=True, kw_only=True)
class ClassGates:
    """The gates of a block for the images of a class; each channel's is their mean over the images.

    Args:
        label: the class.
        mean: the mean over channels, from 0 to 1.
        closed_share: the share of channels below 0.1.
        open_share: the share of channels above 0.9.
        closed: the numbers of the channels below 0.1.
    """

    label: str
    mean: float
    closed_share: float
    open_share: float
    closed: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class BlockGates:
    """The gates of a block.

    Args:
        block: the numbers of its stage and of the block in it, from 1: "2.1".
        stage: the number of its stage, from 1.
        channels: the number of gates.
        mean, closed_share, open_share: as of a class, over all images.
        between: the standard deviation of a channel's mean gate from class to class, the mean over channels. It is 0
            where the gates do not tell classes apart.
        classes: those that have images.
        mean_accuracy: the accuracy where this block's gates are replaced by their means over all images.
    """

    block: str
    stage: int
    channels: int
    mean: float
    closed_share: float
    open_share: float
    between: float
    classes: tuple[ClassGates, ...]
    mean_accuracy: float


@dataclass(frozen=True, kw_only=True)
class GateRecord:
    """The gates of a network on labelled images.

    Args:
        images: the number of images.
        blocks: the blocks with gates, in order.
        accuracy: the network's accuracy on these images.
        mean_accuracy: the accuracy where all gates are replaced by their means, so that none depends on the image.
        changed: the share of images whose answer changes then.
    """

    images: int
    blocks: tuple[BlockGates, ...]
    accuracy: float
    mean_accuracy: float
    changed: float
