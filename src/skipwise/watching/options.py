"""The options of `status`."""

from __future__ import annotations

from skipwise.core.options import option, options


@options("Page")
class StatusOptions:
    """The options of `status`."""

    page: str | None = option(
        None, "Write the status as a page, one file that opens offline, too.", metavar="FILE", path=True
    )
