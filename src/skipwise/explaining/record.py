"""Records of an explanation: its plan, its results, and the folder where they are kept."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from skipwise.core.differences import IGNORED, compared, difference
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.checksums import check_files, read_sealed
from skipwise.core.shown import Shown
from skipwise.core.workspace.workspace import Workspace
from skipwise.nets.explanation.records import Faithfulness, GateRecord, RandomisationStep

RECORD, PAGE, PLAN, MAPS = "explain.json", "explain.html", "plan.json", "maps"


@dataclass(frozen=True, kw_only=True)
class ExplanationPlan:
    """The network and images that are explained, and the method.

    Args:
        network: a hash of the network.
        source: the folder that was named.
        images: a hash of the images' names and pixels.
        class_name: the class whose map is shown besides; None for none.
        layer: the layer that was named; None where none was.
        check: whether the maps are checked.
    """

    network: str = field(metadata=compared("the network is another one"))
    source: str = field(metadata=IGNORED)
    images: str = field(metadata=compared("the images are others"))
    class_name: str | None = field(metadata=compared("another class is asked for"))
    layer: str | None = field(metadata=compared("another layer is asked for"))
    check: bool = field(metadata=compared("only one of them is checked"))

    def same_as(self, other: ExplanationPlan) -> bool:
        """Returns whether both show the same, wherever the network lies."""
        return self == replace(other, source=self.source)

    def difference(self, other: ExplanationPlan) -> str:
        """Returns a phrase for the user that names what differs."""
        return difference(self, other)


@dataclass(frozen=True, kw_only=True)
class MapRecord:
    """The heat map of a class in an image, in units of the class's logit.

    Args:
        name: the class.
        logit: the network's output for it.
        minimum, maximum: of the map's cells.
        centre_share: the share of what speaks for the class that lies in the middle square of half the side, a quarter
            of the image; None where nothing speaks for it.
        file: the picture with the map on it.
    """

    name: str
    logit: float
    minimum: float
    maximum: float
    centre_share: float | None
    file: str


@dataclass(frozen=True, kw_only=True)
class ImageRecord:
    """An image that was explained.

    Args:
        image: what it is called.
        label: its class, where its folder has a class's name; else None.
        answer: the most likely class.
        probability: the answer's.
        logits: one for each class of the network; empty for an exported network.
        maps: the answer's, then the label's where it is another one, then that of the class asked for.
    """

    image: str
    label: str | None
    answer: str
    probability: float
    logits: tuple[float, ...]
    maps: tuple[MapRecord, ...]


@dataclass(frozen=True, kw_only=True)
class MapChecks:
    """Checks of whether the maps can be believed.

    Args:
        images: the number of images that they were checked on, evenly spaced among all.
        randomisation: the rank correlation with the network's own maps while its weights are made random.
        faithfulness: the probability of the answer while the pixels that the maps mark are deleted, or inserted.
    """

    images: int
    randomisation: tuple[RandomisationStep, ...]
    faithfulness: Faithfulness


@dataclass(frozen=True, kw_only=True)
class ExplanationRecord:
    """`explain.json`.

    Args:
        plan: what was explained.
        model: the network's name.
        method: how maps were made: "class activation maps" or "Grad-CAM".
        layer: the layer whose output they are of.
        cells: height and width of a map.
        first, step: the pixel that the first cell is centred on, and how far the next one is, in both directions.
        classes: the network's classes.
        images: those that were explained.
        unreadable: the names of images that can't be read, and why.
        left_out: the number of images beyond the limit.
        checks: None where none were asked for.
        gates: None where the network has no squeeze-excite gates, or no image has a label.
    """

    plan: ExplanationPlan
    model: str
    method: str
    layer: str
    cells: int
    first: float
    step: float
    classes: tuple[str, ...]
    images: tuple[ImageRecord, ...]
    unreadable: dict[str, str]
    left_out: int
    checks: MapChecks | None
    gates: GateRecord | None


@dataclass(frozen=True, kw_only=True)
class ExplanationReport(Shown):
    """A finished explanation: where it is and what it says.

    Args:
        folder: where explain.json, explain.html and the folder maps are.
        record: what was found.
        repeated: whether it was there already, and nothing was done now.

    Example:
        >>> import skipwise
        >>> report = skipwise.explain("runs/train/images", "photo.jpg")
        >>> report.page.name, len(report.record.images)
        ('explain.html', 1)
    """

    folder: Path
    record: ExplanationRecord
    repeated: bool = False

    @property
    def page(self) -> Path:
        """The page for people."""
        return self.folder / PAGE

    @property
    def file(self) -> Path:
        """The record for programs."""
        return self.folder / RECORD


EXPLANATIONS = Workspace(
    parent=Path("runs/explain"),
    noun="an explanation",
    plan_file=PLAN,
    results=(PAGE, RECORD),
    kind=ExplanationPlan,
    renamable=False,
)


def read_explanation(folder: Path, *, repeated: bool = False) -> ExplanationReport:
    """A finished explanation.

    Raises:
        SkipwiseError: there is none, or it is damaged.
    """
    if not (folder / RECORD).exists():
        raise SkipwiseError(f"{folder} holds no explanation; give a folder that 'skipwise explain' made.")
    mend = "explain the images once more, with --again"
    record = read_sealed(folder / RECORD, ExplanationRecord, mend=mend)
    pictures = [each.file for image in record.images for each in image.maps]
    check_files(folder / RECORD, PAGE, *pictures, mend=mend)
    return ExplanationReport(folder=folder, record=record, repeated=repeated)
