"""The section of the page about the hyperparameters that the run was tuned with."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import UnsetType

from skipwise.evaluating.answering import Subject
from skipwise.training.tuning.wording import TriedRow, tried_rows, tuning_said


@dataclass(frozen=True, kw_only=True)
class TuningSection:
    """The content of the section.

    Args:
        said: what was chosen, in a sentence.
        rows: the runs that tuned.
    """

    said: str
    rows: tuple[TriedRow, ...]


def tuning_section(subject: Subject) -> TuningSection | None:
    """The section; None where nothing was tuned, or nobody knows it."""
    if subject.run is None or isinstance(subject.run.tuned, UnsetType):
        return None
    tuned = subject.run.tuned
    return TuningSection(said=tuning_said(tuned), rows=tuple(tried_rows(tuned)))
