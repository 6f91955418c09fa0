"""What INT8 costs in accuracy, in words, and what can be done where that is too much or not known."""

from __future__ import annotations

import math

from skipwise.statistics.noninferiority import Drop


def seen(drop: Drop) -> str:
    """How many images were lost and won, and what that says of the drop."""
    return (
        f"{drop.lost:,} of {drop.images:,} images lost and {drop.won:,} won, a drop of {100 * drop.value:.2f} points "
        f"(95% interval {100 * drop.low:.2f} to {100 * drop.high:.2f})"
    )


def beyond(drop: Drop) -> str:
    """That a drop is larger than its limit, as a phrase."""
    return f"{seen(drop)}, and {100 * drop.limit:g} are allowed"


def mend(drop: Drop) -> str:
    """What to do about a drop that is too large or not known; "" where it is within its limit."""
    limit = f"allow more (--max-drop {math.ceil(1000 * drop.high) / 10:g})"
    if drop.outcome == "not as good":
        return f"Export with --precision fp16, or {limit}."
    if drop.outcome == "certified":
        return ""
    more = (
        "No number of such images would tell, if that is what it costs"
        if drop.enough is None
        else f"About {drop.enough:,} such images would tell, if that is what it costs"
    )
    return f"{more}. Give more images, export with --precision fp16, or {limit}."


def unsure(drop: Drop) -> str:
    """That the images can't tell, in a sentence, with what would."""
    return (
        f"These images can't tell whether INT8 costs more than the {100 * drop.limit:g} points that are allowed: "
        f"{seen(drop)}. {mend(drop)}"
    )
