"""A file of weights that another program trained, as what is evaluated."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from skipwise.core.errors import SkipwiseError
from skipwise.core.text import listed
from skipwise.data.image.preprocess import Preprocessing
from skipwise.data.options import ReadingOptions
from skipwise.deploy.trained.external_weights import ExternalWeights
from skipwise.deploy.trained.images import open_others
from skipwise.evaluating.answering import MOST_CLASSES, Subject

if TYPE_CHECKING:
    from skipwise.deploy.trained.trained_network import TrainedNetwork


def network_in(
    path: Path, weights: ExternalWeights, data: str | os.PathLike[str] | None, reading: ReadingOptions | None
) -> tuple[TrainedNetwork, list[str]]:
    """The network in a file of weights, and a sentence on each thing that the file does not say.

    Args:
        weights: what the user says of it. Where the classes are not named, they are those of `data`, in its order.
        data: labelled images.
        reading: how they are to be read.

    Raises:
        SkipwiseError: nobody says which network it is, or there are no images, or the weights don't fit.
    """
    if weights.model is None:
        raise SkipwiseError(
            f"{path} is a file; if it holds weights, name their network, such as --model resnet20, and --img-size, "
            "--mean and --std if its images were prepared in another way than usual."
        )
    if data is None:
        raise SkipwiseError(f"{path} does not say on which images to evaluate it; name labelled images behind it.")
    from skipwise.deploy.trained.trained_network import network_of_file  # which builds networks

    classes: str | Sequence[str] | None = weights.classes
    sentences = []
    if classes is None:
        classes = open_others(data, reading).classes
        sentences.append(
            f"The classes are taken to be those of the images, in their order: {listed(classes, MOST_CLASSES)}; "
            "--classes says another order."
        )
    network = network_of_file(path, replace(weights, classes=classes))
    sentences.append(_prepared(network.preprocessing))
    return network, [*sentences, *network.load()[1].notes]


def subject_of(network: TrainedNetwork) -> Subject:
    """The network as what is evaluated."""
    made = network.provenance()
    said = (made.weights, made.key, made.model, made.width, made.stem, network.classes, network.preprocessing)
    return Subject(
        folder=network.weights,
        classes=network.classes,
        model=network.model,
        network=hashlib.sha256(repr(said).encode("utf-8", "surrogateescape")).hexdigest(),
        preprocessing=network.preprocessing,
        home=None,
        temperature=1.0,
        run=None,
    )


def _prepared(made: Preprocessing) -> str:
    mean, std = (", ".join(f"{value:g}" for value in values) for values in (made.mean, made.std))
    middle = "" if made.crop == 1 else f", of the middle {made.crop:.1%}"
    return (
        f"Images are prepared as {made.size} x {made.size} pixels{middle}, {made.interpolation}, mean {mean}, standard "
        f"deviation {std}; --img-size, --crop, --interpolation, --mean and --std say otherwise."
    )
