"""Heat maps of an exported network, which needs no PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from skipwise.core.errors import SkipwiseError
from skipwise.core.reporting import Progress
from skipwise.deploy.runtime.session import open_artifact
from skipwise.deploy.runtime.soundness import faults, shaped
from skipwise.explaining.explained import Explained
from skipwise.explaining.images import SeenImages
from skipwise.nets.explanation.records import CLASS_ACTIVATION

BATCH = 8


class ArtifactExplainer:
    """An `Explainer` of an exported network, whose file gives the map of the answer and no other.

    Args:
        folder: the artifact's.
        asked: what was asked for besides, by its option; it may hold nothing that counts as true.

    Raises:
        SkipwiseError: the artifact gives no heat maps or is damaged, or something was asked for that it can't do.
    """

    def __init__(self, folder: Path, asked: Mapping[str, object]) -> None:
        self._session = open_artifact(folder)
        self._grid = self._session.grid  # which an artifact without heat maps has not
        artifact = self._session.artifact
        run = Path(artifact.provenance.run)
        if option := next((option for option, value in asked.items() if value), None):
            raise SkipwiseError(
                f"An exported network gives only the heat map of its answer, so {option} is for a run; explain {run}."
            )
        self.model = artifact.provenance.model
        self.classes = artifact.classes
        self.preprocessing = artifact.preprocessing
        self.identity = self._session.identity

    def explain(self, seen: SeenImages, extra: int | None, *, check: bool, progress: Progress) -> Explained:  # noqa: ARG002
        """The answers and the maps of images; see `Explainer`."""
        probabilities, maps = [], []
        for start in range(0, len(seen.names), BATCH):
            pixels = seen.pixels[start : start + BATCH]
            answers, found = self._session.explain_resized(pixels)
            answers = shaped(answers, len(pixels), len(self.classes))
            if fault := next(filter(None, faults(answers)), None):
                raise SkipwiseError(f"{self._session.folder} can't explain {seen.names[start]}: {fault}.")
            probabilities.append(answers)
            maps += [each[None] for each in found]
            progress("Making heat maps", len(maps), len(seen.names))
        shares = np.concatenate(probabilities)
        return Explained(
            method=CLASS_ACTIVATION,
            layer="stages",
            grid=self._grid,
            probabilities=shares,
            logits=None,
            shown=[(answer,) for answer in shares.argmax(axis=1).tolist()],
            maps=maps,
        )
