"""The options of `advise`."""

from __future__ import annotations

from skipwise.core.options import group, options
from skipwise.data.options import DataOptions, ReadingOptions
from skipwise.evaluation.options import OutcomeOptions


@options()
class AdviseOptions:
    """The options of `advise`."""

    images: DataOptions = group(DataOptions, without=("strict",))
    reading: ReadingOptions = group(ReadingOptions)
    outcome: OutcomeOptions = group(OutcomeOptions)
