"""The options of `clean`."""

from __future__ import annotations

from skipwise.core.options import option, options


@options("What may go")
class CleanOptions:
    """The options of `clean`."""

    older_than: int = option(
        30, "The days after which unfinished work counts as abandoned, and a cache as not used.", metavar="DAYS"
    )
    cache: bool = option(True, "Look into the cache of decoded images and data sets, too.")
    yes: bool = option(False, "Free what may go. Without it, it is only listed.")
