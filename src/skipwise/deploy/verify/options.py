"""The options of `verify`."""

from __future__ import annotations

from skipwise.core.options import group, option, options
from skipwise.data.options import ReadingOptions
from skipwise.nets.options import TrustOptions
from skipwise.training.options import TrackOptions


@options("Check")
class CheckOptions:
    """Options for the checks of the artifact."""

    run: str | None = option(
        None,
        "The run, or the file of weights, to compare the artifact with.",
        unset="where it was exported from",
        metavar="RUN",
        path=True,
    )
    max_drop: float | None = option(
        None,
        "For int8: the points of accuracy that may be lost.",
        unset="what the export allowed",
        metavar="POINTS",
    )
    images: int | None = option(None, "Take at most this many images, drawn class by class.", unset="all", metavar="N")
    timing: bool = option(True, "Measure how fast the artifact is on this machine.")
    public_key: str | None = option(
        None, "Accept the artifact only if this minisign key signed it.", metavar="FILE", path=True
    )


@options()
class VerifyOptions:
    """The options of `verify`."""

    check: CheckOptions = group(CheckOptions)
    trust: TrustOptions = group(TrustOptions)
    tracking: TrackOptions = group(TrackOptions)
    reading: ReadingOptions = group(ReadingOptions, without=("group", "group_regex"))
