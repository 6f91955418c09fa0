"""Heat maps of a run's network, computed in PyTorch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skipwise.core.files.checksums import sha256
from skipwise.core.reporting import Progress
from skipwise.data.batches.batches import to_input
from skipwise.deploy.trained.trained_network import TrainedNetwork
from skipwise.explaining.explained import Explained, shown_classes
from skipwise.explaining.images import SeenImages
from skipwise.explaining.record import MapChecks
from skipwise.nets.explanation.faithfulness import faithfulness_check
from skipwise.nets.explanation.gates import gate_record, has_gates
from skipwise.nets.explanation.method import map_method
from skipwise.nets.explanation.randomisation import randomisation_check
from skipwise.nets.explanation.records import GateRecord

BATCH = 8
CHECKED = 16
"""Images that maps are checked on: a check runs the network hundreds of times for each."""


class RunExplainer:
    """An `Explainer` of a run's network, in PyTorch.

    Args:
        trained: the network of a finished run.
        layer: the layer of Grad-CAM; None is class activation maps for a network of Skipwise, and the layer that
            is pooled for an external one.

    Raises:
        SkipwiseError: the weights do not fit, there is no such layer, or captum is not installed.
    """

    def __init__(self, trained: TrainedNetwork, layer: str | None) -> None:
        self.model = trained.model
        self.classes = trained.classes
        self.preprocessing = trained.preprocessing
        self.identity = sha256(trained.weights)
        self._network = trained.module().requires_grad_(False)
        channels, size = trained.preprocessing.channels, trained.preprocessing.size
        self._method = map_method(self._network, channels=channels, size=size, layer=layer)

    def explain(self, seen: SeenImages, extra: int | None, *, check: bool, progress: Progress) -> Explained:
        """The answers and the maps of images; see `Explainer`."""
        network, method = self._network, self._method
        logits: list[NDArray[np.float32]] = []
        shown: list[tuple[int, ...]] = []
        maps: list[NDArray[np.float32]] = []
        for start in range(0, len(seen.names), BATCH):
            x_BCHW = self._input(seen, slice(start, start + BATCH))
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
        size, cells = self.preprocessing.size, maps[0].shape[-1]
        found_logits = np.concatenate(logits)
        return Explained(
            method=method.name,
            layer=method.layer,
            grid=method.grid(size, cells),
            probabilities=torch.from_numpy(found_logits).softmax(dim=1).numpy(),
            logits=found_logits,
            shown=shown,
            maps=maps,
            checks=self._checks(seen, np.array([each[0] for each in shown]), progress) if check else None,
            gates=self._gates(seen, progress),
        )

    def _checks(self, seen: SeenImages, answers: NDArray[np.int64], progress: Progress) -> MapChecks:
        number = min(CHECKED, len(answers))
        members = np.arange(number) * len(answers) // number
        x_BCHW, classes_B = self._input(seen, members), torch.from_numpy(answers[members])
        progress("Checking the maps", 0, 2)
        randomisation = randomisation_check(self._network, self._method, x_BCHW, classes_B)
        progress("Checking the maps", 1, 2)
        faithfulness = faithfulness_check(self._network, self._method, x_BCHW, classes_B)
        progress("Checking the maps", 2, 2)
        return MapChecks(images=len(x_BCHW), randomisation=randomisation, faithfulness=faithfulness)

    def _gates(self, seen: SeenImages, progress: Progress) -> GateRecord | None:
        labelled = [place for place, label in enumerate(seen.labels) if label is not None]
        if not labelled or not has_gates(self._network):
            return None
        progress("Measuring the gates", 0, 1)
        labels = np.array([seen.labels[place] for place in labelled], dtype=np.int64)
        x_BCHW = self._input(seen, np.array(labelled))
        return gate_record(self._network, x_BCHW, labels, self.classes)

    def _input(self, seen: SeenImages, members: slice | NDArray[np.int64]) -> Tensor:
        """Normalised images [B, C, size, size], exactly as in training."""
        return to_input(torch.from_numpy(seen.pixels[members]), self.preprocessing.mean, self.preprocessing.std)
