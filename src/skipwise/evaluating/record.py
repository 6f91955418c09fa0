"""Records of an evaluation: its plan, its results, and the folder where they are kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from skipwise.core.shown import Shown
from skipwise.core.workspace.workspace import Workspace
from skipwise.evaluation.one_network import Evaluation
from skipwise.evaluation.reliance import Reliance
from skipwise.evaluation.robustness import Robustness

RECORD, PAGE, PREDICTIONS, PLAN = "evaluation.json", "evaluation.html", "predictions.csv", "plan.json"


@dataclass(frozen=True, kw_only=True)
class CorruptionPlan:
    """The corrupted images that are answered.

    Args:
        kinds: of corruption, in the order of their table.
        severities: rising, from 1 to 5.
        images: how many are corrupted.
        seed: of the corruptions.
    """

    kinds: tuple[str, ...]
    severities: tuple[int, ...]
    images: int
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class EvaluationPlan:
    """The network that is evaluated, and its images.

    Args:
        network: a hash of the network; where it is the same, so are the answers.
        model: the network's name.
        source: the run's folder or the artifact's, as it was named.
        data: the name of the images.
        split: "test" or "val" of the images that the run was trained on, "test" of a set that has one; else "".
        images: a hash of the images' names, labels and contents, or of the answers where these were kept.
        backend: what answers; "predictions" where the run's own answers are read.
        corruptions: which corrupted images are answered, too; None for none.
    """

    network: str
    model: str
    source: str
    data: str
    split: str
    images: str
    backend: str
    corruptions: CorruptionPlan | None = None

    def same_as(self, other: EvaluationPlan) -> bool:
        """Returns whether both are about the same network and the same images, wherever these lie."""
        return self == replace(other, source=self.source, data=self.data)

    def difference(self, other: EvaluationPlan) -> str:
        """Returns a phrase for the user that names what differs."""
        if self.network != other.network:
            return "the network differs"
        if self.images != other.images or self.split != other.split:
            return "the images differ"
        if self.corruptions != other.corruptions:
            return "the corruptions differ"
        return f"another backend answered: {other.backend}"


@dataclass(frozen=True, kw_only=True)
class EvaluationRecord:
    """`evaluation.json`.

    Args:
        plan: what was evaluated on which images.
        evaluation: every number; images are positions in `ids`.
        ids: the names of the images that the numbers point at, by their positions.
        notes: what a reader must know beside the answer, a sentence each.
        missing: classes of the network that no image has.
        extra: classes of the images that the network does not know, with the number of images left out.
        robustness: the accuracy on corrupted images; None where it was not asked for.
        reliance: the accuracy before other backgrounds; None where the data set has none.
    """

    plan: EvaluationPlan
    evaluation: Evaluation
    ids: dict[int, str]
    notes: tuple[str, ...]
    missing: tuple[str, ...]
    extra: dict[str, int]
    robustness: Robustness | None = None
    reliance: Reliance | None = None


@dataclass(frozen=True, kw_only=True)
class EvaluationReport(Shown):
    """A finished evaluation: where it is and what it says.

    Args:
        folder: where evaluation.json, evaluation.html and predictions.csv are.
        record: what was found.
        repeated: whether it was there already, and nothing was done now.

    Example:
        >>> import skipwise
        >>> report = skipwise.evaluate("runs/train/images")
        >>> report.record.plan.model, report.page.name
        ('se_resnet18', 'evaluation.html')
    """

    folder: Path
    record: EvaluationRecord
    repeated: bool = False

    @property
    def evaluation(self) -> Evaluation:
        """Every number about the images as they are."""
        return self.record.evaluation

    @property
    def robustness(self) -> Robustness | None:
        """The accuracy on corrupted images; None where it was not asked for."""
        return self.record.robustness

    @property
    def reliance(self) -> Reliance | None:
        """The accuracy before other backgrounds; None where the data set has none."""
        return self.record.reliance

    @property
    def page(self) -> Path:
        """The page for people."""
        return self.folder / PAGE


EVALUATIONS = Workspace(
    parent=Path("runs/evaluate"),
    noun="an evaluation",
    plan_file=PLAN,
    results=(PAGE, PREDICTIONS, RECORD),
    kind=EvaluationPlan,
    renamable=False,
)
