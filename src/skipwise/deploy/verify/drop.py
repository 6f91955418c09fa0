"""The drop in accuracy of INT8 in words, with what to do where it is too large or not known."""

from __future__ import annotations

import math

from skipwise.statistics.noninferiority import Drop


def seen(drop: Drop, alpha: float = 0.05) -> str:
    """The drop, as a clause: how many images were lost and won, and the interval.

    Args:
        alpha: how often the interval may miss.
    """
    return (
        f"{drop.lost:,} of {drop.images:,} images lost and {drop.won:,} won, a drop of {100 * drop.value:.2f} points "
        f"({100 * (1 - alpha):g}% interval {100 * drop.low:.2f} to {100 * drop.high:.2f})"
    )


def beyond(drop: Drop) -> str:
    """That a drop is larger than its limit, as a clause."""
    return f"{seen(drop)}, and {100 * drop.limit:g} are allowed"


def mend(drop: Drop) -> str:
    """Tells in sentences what to do about a drop that is too large or not known; "" where it is within its limit."""
    limit = f"allow more (--max-drop {math.ceil(1000 * drop.high) / 10:g})"
    if drop.outcome == "not as good":
        return f"Export with --precision fp16, or {limit}."
    if drop.outcome == "certified":
        return ""
    more = (
        "If the true drop is what was seen here, no number of such images can tell"
        if drop.enough is None
        else f"If the true drop is what was seen here, about {drop.enough:,} such images can tell"
    )
    return f"{more}. Give more images, export with --precision fp16, or {limit}."


def unsure(drop: Drop) -> str:
    """That the images are too few to tell, with what to do, as sentences."""
    return (
        f"These images are too few to tell whether INT8 loses more than the {100 * drop.limit:g} points that are "
        "allowed: "
        f"{seen(drop)}. {mend(drop)}"
    )
