"""The effect of corruptions on a network in words, the same on the screen and on the page."""

from __future__ import annotations

from skipwise.evaluation.robustness import KindAccuracy, MeanScore, Robustness


def percent(score: MeanScore) -> str:
    """An accuracy with its interval: "71.2% (69.0 to 73.4)"."""
    return f"{100 * score.value:.1f}% ({100 * score.low:.1f} to {100 * score.high:.1f})"


def points(score: MeanScore) -> str:
    """A loss with its interval: "12.3 points (10.9 to 13.7)"."""
    return f"{100 * score.value:.1f} points ({100 * score.low:.1f} to {100 * score.high:.1f})"


def kind_name(kind: KindAccuracy) -> str:
    """The kind of corruption for people: "gaussian noise", "JPEG compression"."""
    return kind.name.replace("_", " ").replace("jpeg", "JPEG")


def mean_accuracy(found: Robustness) -> str:
    """The mean corruption accuracy, and what is lost, in one sentence."""
    kinds, severities = len(found.kinds), len(found.severities)
    over = f"on average over {kinds} kinds of corruption" if kinds > 1 else f"under {kind_name(found.kinds[0])}"
    over += f" at {severities} severities" if severities > 1 else f" at severity {found.severities[0]}"
    start = (
        f"It is right on {percent(found.accuracy)} of the corrupted images {over}, and on {percent(found.clean)} of "
    )
    start += "the same images as they are"
    if found.lost.low > 0:
        return f"{start}: it loses {points(found.lost)}."
    if found.lost.high < 0:
        return f"{start}: it gains {100 * -found.lost.value:.1f} points."
    return f"{start}; the difference, {points(found.lost)}, may be chance."


def most_harmful(found: Robustness) -> str | None:
    """Names the most and the least harmful kind; None where there is only one, or where none is shown to hurt."""
    ranked = found.worst_first
    worst, mildest = ranked[0], ranked[-1]
    if len(ranked) < 2:
        return None
    if worst.lost.low <= 0:
        return "No kind of corruption is shown to cost accuracy on these images."
    name = kind_name(worst)
    sentence = f"{name[0].upper()}{name[1:]} hurts it most: it loses {points(worst.lost)}"
    hardest = max(worst.cells, key=lambda cell: cell.severity)
    if len(worst.cells) > 1:
        at = 100 * (found.clean.value - hardest.accuracy.value)
        sentence += f" on average, and {at:.1f} at severity {hardest.severity}"
    return f"{sentence}. {_least(mildest)}"


def _least(kind: KindAccuracy) -> str:
    name = kind_name(kind)
    return f"{name[0].upper()}{name[1:]} hurts it least: {points(kind.lost)}."


def applied_to(found: Robustness) -> str:
    """To what the corruptions were applied."""
    images = f"{found.images:,} images" + (f" in {found.groups:,} groups" if found.groups else "")
    drawn = f", drawn from {found.of:,} class by class" if found.images < found.of else ""
    return (
        f"The corruptions are applied to the {found.size} x {found.size} pixels that the network is given, of {images}"
        f"{drawn}."
    )
