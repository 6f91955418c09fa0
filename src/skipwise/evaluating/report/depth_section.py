"""The section of the page about activations and gradients by depth, where the run recorded them."""

from __future__ import annotations

from markupsafe import Markup

from skipwise.evaluating.answering import Subject
from skipwise.training.depth.figures import depth_charts
from skipwise.training.depth.norms import read_depth_norms


def depth_section(subject: Subject) -> list[Markup]:
    """The charts; none where there is no record.

    Raises:
        SkipwiseError: the record is damaged.
    """
    home = subject.folder if subject.run is not None else subject.home
    record = None if home is None else read_depth_norms(home)
    return [] if record is None or not record.snapshots else depth_charts([record])
