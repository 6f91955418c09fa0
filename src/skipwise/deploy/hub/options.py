"""The options of `push`."""

from __future__ import annotations

from skipwise.core.options import option, options


@options("The Hub")
class PushOptions:
    """The options of `push`."""

    private: bool = option(False, "Make a new repository private, so that only you and your organisation see it.")
