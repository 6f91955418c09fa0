"""Heat maps of a run's network, computed in PyTorch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from skipwise.data.batches.batches import to_input
from skipwise.deploy.artifact.trained_network import TrainedNetwork
from skipwise.explaining.explained import Explained, shown_classes
from skipwise.explaining.images import Progress, SeenImages
from skipwise.explaining.record import MapChecks
from skipwise.nets.explanation.faithfulness import faithfulness_check
from skipwise.nets.explanation.gates import gate_record, has_gates
from skipwise.nets.explanation.method import MapMethod, map_method
from skipwise.nets.explanation.randomisation import randomisation_check
from skipwise.nets.explanation.records import GateRecord

BATCH = 8
CHECKED = 16
"""Images that maps are checked on: a check runs the network hundreds of times for each."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MappedNetwork:
    """A trained network in PyTorch, and how its heat maps are made."""

    trained: TrainedNetwork
    network: nn.Module
    method: MapMethod


def map_network(trained: TrainedNetwork, layer: str | None) -> MappedNetwork:
    """Loads a network, and finds the way in which its maps are made.

    Raises:
        SkipwiseError: its weights do not fit, it has no such layer, or captum is not installed.
    """
    network, preprocessing = trained.module().requires_grad_(False), trained.preprocessing
    method = map_method(network, channels=preprocessing.channels, size=preprocessing.size, layer=layer)
    return MappedNetwork(trained=trained, network=network, method=method)


def explain_images(
    mapped: MappedNetwork, seen: SeenImages, extra: int | None, *, check: bool, progress: Progress
) -> Explained:
    """The answers and the maps of images.

    Args:
        extra: a class that every image gets a map of; None for none.
        check: whether the maps are checked.
    """
    network, method = mapped.network, mapped.method
    logits: list[NDArray[np.float32]] = []
    shown: list[tuple[int, ...]] = []
    maps: list[NDArray[np.float32]] = []
    for start in range(0, len(seen.names), BATCH):
        x_BCHW = _input(mapped, seen, slice(start, start + BATCH))
        with torch.no_grad():
            logits.append(network(x_BCHW).numpy())
        answers = logits[-1].argmax(axis=1).tolist()
        some = [
            shown_classes(answer, label, extra)
            for answer, label in zip(answers, seen.labels[start : start + BATCH], strict=True)
        ]
        most = max(map(len, some))
        classes_BK = torch.tensor([each + each[:1] * (most - len(each)) for each in some])
        _, maps_BKhw = method.maps(network, x_BCHW, classes_BK)
        maps += [found[: len(each)] for found, each in zip(maps_BKhw.numpy(), some, strict=True)]
        shown += some
        progress("Making heat maps", len(shown), len(seen.names))
    size, cells = mapped.trained.preprocessing.size, maps[0].shape[-1]
    return Explained(
        method=method.name,
        layer=method.layer,
        grid=method.grid(size, cells),
        logits=np.concatenate(logits),
        shown=shown,
        maps=maps,
        checks=_checks(mapped, seen, np.array([each[0] for each in shown]), progress) if check else None,
        gates=_gates(mapped, seen, progress),
    )


def _checks(mapped: MappedNetwork, seen: SeenImages, answers: NDArray[np.int64], progress: Progress) -> MapChecks:
    number = min(CHECKED, len(answers))
    members = np.arange(number) * len(answers) // number
    x_BCHW, classes_B = _input(mapped, seen, members), torch.from_numpy(answers[members])
    progress("Checking the maps", 0, 2)
    randomisation = randomisation_check(mapped.network, mapped.method, x_BCHW, classes_B)
    progress("Checking the maps", 1, 2)
    faithfulness = faithfulness_check(mapped.network, mapped.method, x_BCHW, classes_B)
    progress("Checking the maps", 2, 2)
    return MapChecks(images=len(x_BCHW), randomisation=randomisation, faithfulness=faithfulness)


def _gates(mapped: MappedNetwork, seen: SeenImages, progress: Progress) -> GateRecord | None:
    labelled = [place for place, label in enumerate(seen.labels) if label is not None]
    if not labelled or not has_gates(mapped.network):
        return None
    progress("Measuring the gates", 0, 1)
    labels = np.array([seen.labels[place] for place in labelled], dtype=np.int64)
    x_BCHW = _input(mapped, seen, np.array(labelled))
    return gate_record(mapped.network, x_BCHW, labels, mapped.trained.classes)


def _input(mapped: MappedNetwork, seen: SeenImages, members: slice | NDArray[np.int64]) -> Tensor:
    """Normalised images [B, C, size, size], exactly as in training."""
    preprocessing = mapped.trained.preprocessing
    return to_input(torch.from_numpy(seen.pixels[members]), preprocessing.mean, preprocessing.std)
