"""The error where images can be read in two ways, beside the options that decide which."""

from __future__ import annotations

from skipwise.core.errors import SkipwiseError
from skipwise.data.options import ReadingOptions as ReadingOptions


class Ambiguous(SkipwiseError):
    """The layout has two readings that are equally likely; the message has both, with their flags."""
