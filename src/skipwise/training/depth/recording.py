"""Records the sizes of activations and gradients by depth in a run's folder, without a trace in the training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from skipwise.core.errors import Damaged
from skipwise.data.batches.batches import TrainingBatches, to_input
from skipwise.training.depth.norms import DepthRecord, DepthSnapshot, read_depth_norms, write_depth_norms
from skipwise.training.folder.record import RunSpec
from skipwise.training.loop.depth import sizes_by_depth
from skipwise.training.loop.trainer import Training

IMAGES = 64


class DepthRecorder:
    """Records the sizes in `depth-norms.json`, after the epochs that are asked for.

    Args:
        batches: the training images. Some of them are measured on, the same for every run on these images.
        folder: of the run.
        epochs: as in `DepthRecord`.
    """

    def __init__(self, spec: RunSpec, batches: TrainingBatches, folder: Path, epochs: tuple[int, ...]) -> None:
        self.spec, self.batches, self.folder = spec, batches, folder
        places = np.unique(np.linspace(0, len(batches.members) - 1, IMAGES).round().astype(int))
        self.members = np.sort(batches.members[places])
        self.kept = DepthRecord(epochs=epochs, model=spec.model, seed=spec.seed, images=len(self.members))

    def record(self, training: Training) -> None:
        """Records the state after the epoch that was closed last, if that is asked for."""
        epoch = len(training.state.history)
        if not self.kept.wants(epoch, last=training.finished):
            return
        # A network of its own: no hook, statistic or gradient is left on the one that is trained.
        network = self.spec.network.build(seed=self.spec.seed)
        network.load_state_dict(training.network.state_dict())
        device, preprocessing = self.spec.execution.device, self.spec.preprocessing
        images = torch.as_tensor(self.batches.pixels[self.members]).to(device)
        sizes = sizes_by_depth(
            network.to(device),
            to_input(images, preprocessing.mean, preprocessing.std),
            torch.as_tensor(self.batches.labels[self.members]).to(device),
            statistics_of_batch=not self.spec.recipe.freeze_norms,
        )
        snapshot = DepthSnapshot(
            epoch=epoch,
            activations=tuple(activation for activation, _ in sizes.values()),
            gradients=tuple(gradient for _, gradient in sizes.values()),
        )
        self._write(tuple(sizes), snapshot)

    def _write(self, blocks: tuple[str, ...], snapshot: DepthSnapshot) -> None:
        try:
            before = read_depth_norms(self.folder)
        except Damaged:  # the rest of the run is recorded all the same
            before = None
        snapshots = () if before is None or before.blocks != blocks else before.snapshots
        kept = replace(self.kept, blocks=blocks, snapshots=snapshots)
        write_depth_norms(self.folder, kept.including(snapshot))
