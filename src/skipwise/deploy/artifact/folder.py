"""The choice of the folder for an artifact."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from skipwise.core.differences import compared, difference
from skipwise.core.errors import SkipwiseError
from skipwise.core.workspace.workspace import Workspace
from skipwise.data.image.preprocess import Preprocessing
from skipwise.deploy.artifact.artifact import Artifact, is_artifact, read_artifact
from skipwise.deploy.formats import Precision
from skipwise.deploy.trained.trained_network import TrainedNetwork


@dataclass(frozen=True, kw_only=True)
class ExportPlan:
    """The properties that tell one artifact from another.

    Args:
        weights: the SHA-256 of the file of weights.
        key: which weights in that file, where it holds several.
        model: the network's name.
        classes: the names of the classes.
        preprocessing: how images become the network's input.
        format: the name of the export format.
        precision: the precision of the weights.
        max_drop: for INT8, the accuracy that may be lost, a fraction; None otherwise.
        temperature: what the logits are divided by.
        explain: whether it has the heat map of the answer as a second output.
    """

    weights: str = field(metadata=compared("the weights are others"))
    key: str | None = field(metadata=compared("other weights of the same file are asked for"))
    model: str
    classes: tuple[str, ...] = field(metadata=compared("the classes are others"))
    preprocessing: Preprocessing = field(metadata=compared("images are prepared otherwise"))
    format: str
    precision: Precision
    max_drop: float | None
    temperature: float
    explain: bool = field(default=False, metadata=compared("only one of them gives heat maps"))

    def same_as(self, other: ExportPlan) -> bool:
        """Returns whether both are of the same network, written in the same way."""
        return self == other

    def difference(self, other: ExportPlan) -> str:
        """Returns a phrase for the user that names what differs."""
        return difference(self, other)


@dataclass(frozen=True, kw_only=True)
class _Artifacts(Workspace[ExportPlan]):
    """Artifacts, which are whole or absent and say in `artifact.json` themselves what was asked for."""

    def plan_of(self, folder: Path) -> ExportPlan | None:
        if is_artifact(folder):
            return _plan_of_artifact(read_artifact(folder))
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise SkipwiseError(f"{folder} holds something else already; choose another folder with --output.")
        return None


EXPORTS = _Artifacts(
    parent=Path("runs/export"),
    noun="an exported network",
    plan_file="artifact.json",
    results=("artifact.json",),
    kind=ExportPlan,
    renamable=False,
)


def export_plan(
    network: TrainedNetwork, format: str, precision: Precision, max_drop: float, *, explain: bool = False
) -> ExportPlan:
    """The plan of an export that is asked for.

    Args:
        max_drop: for INT8, the accuracy that may be lost, a fraction.
    """
    return ExportPlan(
        weights=network.provenance().weights,
        key=network.key,
        model=network.model,
        classes=network.classes,
        preprocessing=network.preprocessing,
        format=format,
        precision=precision,
        max_drop=max_drop if precision == "int8" else None,
        temperature=network.temperature,
        explain=explain,
    )


def _plan_of_artifact(found: Artifact) -> ExportPlan:
    return ExportPlan(
        weights=found.provenance.weights,
        key=found.provenance.key,
        model=found.provenance.model,
        classes=found.classes,
        preprocessing=found.preprocessing,
        format=found.format,
        precision=found.precision,
        max_drop=found.quantization.max_drop if found.quantization else None,
        temperature=found.temperature,
        explain=found.heat_maps is not None,
    )
