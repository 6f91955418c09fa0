"""The error for images that can be read in two ways."""

from __future__ import annotations

from skipwise.core.errors import SkipwiseError


class Ambiguous(SkipwiseError):
    """The layout has two readings that are equally likely; the message has both, with their flags."""
