"""The options of `status`."""

from __future__ import annotations

from skipwise.core.options import option, options


@options("What is said")
class StatusOptions:
    """The options of `status`."""

    price: str | None = option(
        None,
        "What one machine costs in an hour, such as 0.9/h or '$0.9/h', to state what the next look costs in money.",
        unset="it is stated in machine-hours only",
        metavar="AMOUNT/h",
    )
    page: str | None = option(
        None, "Write the status as a page, one file that opens offline, too.", metavar="FILE", path=True
    )
