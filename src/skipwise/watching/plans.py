"""The parts of plans and records that a status needs, read without what the rest of them would import."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.json_records import LARGEST_RECORD, read_json
from skipwise.core.files.regular import read_regular

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class RecipePart:
    """A part of a recipe."""

    epochs: int
    batch_size: int
    steps: int | None = None


@dataclass(frozen=True, kw_only=True)
class QuestionPart:
    """A part of a comparison's question; earlier versions called the candidates contenders."""

    looks: tuple[int, ...]
    candidates: tuple[str, ...] = ()
    contenders: tuple[str, ...] = ()
    first_seed: int = 0


@dataclass(frozen=True, kw_only=True)
class TuningPart:
    """A part of a plan's tuning."""

    rates: tuple[float, ...]
    epochs: int
    seed: int
    trials: int | None = None


@dataclass(frozen=True, kw_only=True)
class ComparisonPart:
    """A part of a comparison's `plan.json`."""

    question: QuestionPart
    data: str
    recipe: RecipePart
    split_images: dict[str, int]
    folds: int | None = None
    tuning: TuningPart | None = None
    not_trained: dict[str, str] = field(default_factory=dict)
    stopped_after: int | None = None
    processes: int = 1
    learning_curve: bool = False

    @property
    def trained(self) -> tuple[str, ...]:
        """The candidates that are trained."""
        names = self.question.candidates or self.question.contenders
        return tuple(name for name in names if name not in self.not_trained)

    @property
    def train_images(self) -> int:
        """The number of training images of a run."""
        folds = self.folds
        return self.split_images["train"] if folds is None else self.split_images["test"] * (folds - 1) // folds

    @property
    def looks(self) -> tuple[int, ...]:
        """The numbers of seeds at which it is looked, where a time limit may have ended it before."""
        looks = self.question.looks
        if self.stopped_after is None:
            return looks
        return (*(look for look in looks if look < self.stopped_after), self.stopped_after)


@dataclass(frozen=True, kw_only=True)
class SpecPart:
    """A part of a run's specification."""

    model: str
    seed: int
    recipe: RecipePart
    fold: tuple[int, int] | None = None
    time_limit: float | None = None


@dataclass(frozen=True, kw_only=True)
class RunPlanPart:
    """A part of a run's `terms.json`."""

    spec: SpecPart
    data: str = ""
    split_images: dict[str, int] = field(default_factory=dict)
    tuning: TuningPart | None = None


@dataclass(frozen=True, kw_only=True)
class AccuracyPart:
    """A part of a run's metrics."""

    accuracy: float


@dataclass(frozen=True, kw_only=True)
class RecordPart:
    """A part of `run.json`."""

    spec: SpecPart
    status: str
    seconds: float
    reason: str | None = None
    val: AccuracyPart | None = None
    test: AccuracyPart | None = None


@dataclass(frozen=True, kw_only=True)
class EpochPart:
    """A part of a line of `metrics.jsonl`."""

    epoch: int
    seconds: float
    val: AccuracyPart | None = None


@dataclass(frozen=True, kw_only=True)
class RecommendationPart:
    """A part of the recommendation; earlier versions called the candidate contender."""

    candidate: str | None = None
    contender: str | None = None
    shown: bool = False


@dataclass(frozen=True, kw_only=True)
class CostsPart:
    """A part of `costs.json`."""

    recommendation: RecommendationPart
    finished: str = ""


@dataclass(frozen=True, kw_only=True)
class DesignPart:
    """A part of a study's design."""

    name: str
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class SetupPart:
    """A part of a study's setup."""

    designs: tuple[DesignPart, ...]


@dataclass(frozen=True, kw_only=True)
class StudyPart:
    """A part of a study's `plan.json`."""

    study: str
    setup: SetupPart
    settled: SetupPart | None = None


@dataclass(frozen=True, kw_only=True)
class StudyRecordPart:
    """A part of `study.json`."""

    verdict: str


def read_plan(path: Path) -> ComparisonPart | StudyPart | None:
    """The plan of a comparison or a study; None where the file is somebody else's.

    Raises:
        SkipwiseError: it is damaged.
    """
    plain = read_json(path, Any, mend="put it back")
    if not isinstance(plain, Mapping):
        return None
    try:
        if {"question", "recipe"} <= plain.keys():  # the plan of `judge` has a question, too
            return msgspec.convert(plain, ComparisonPart)
        return msgspec.convert(plain, StudyPart) if "study" in plain else None
    except (msgspec.MsgspecError, ValueError) as error:
        raise SkipwiseError(f"{path} is damaged, or of another version ({error}).") from error


def read_part(path: Path, kind: type[T]) -> T | None:
    """A part of a record; None where there is none, or where it can't be read: it may be replaced at this moment."""
    try:
        return msgspec.json.decode(read_regular(path, LARGEST_RECORD), type=kind)
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError):
        return None


def read_epochs(folder: Path) -> list[EpochPart]:
    """The finished epochs of a run, as far as they can be read."""
    found: list[EpochPart] = []
    with contextlib.suppress(OSError, msgspec.MsgspecError, ValueError, RecursionError):
        for line in read_regular(folder / "metrics.jsonl", LARGEST_RECORD).splitlines():
            found.append(msgspec.json.decode(line, type=EpochPart))
    return found
