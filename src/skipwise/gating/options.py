"""The options of `gate`."""

from __future__ import annotations

from skipwise.core.options import group, option, options
from skipwise.data.options import ReadingOptions
from skipwise.nets.options import TrustOptions


@options("What passes")
class GateOptions:
    """Options for the allowed loss of accuracy, and for timing both networks."""

    margin: float = option(
        1.0, "The largest drop in accuracy that would not matter, in percentage points.", metavar="POINTS"
    )
    alpha: float = option(
        0.05,
        "How often the interval of the drop may miss. A network that is worse by more than --margin passes at most "
        "half as often.",
    )
    timing: bool = option(True, "Time both networks in turn. The times have no part in the result.")


@options()
class GatingOptions:
    """The options of `gate`."""

    gate: GateOptions = group(GateOptions)
    trust: TrustOptions = group(TrustOptions)
    reading: ReadingOptions = group(ReadingOptions)
