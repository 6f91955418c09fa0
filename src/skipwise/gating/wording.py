"""A gate in words: the answer, and what stands beside it."""

from __future__ import annotations

from collections.abc import Iterator

from skipwise.core.text import byte_size, count
from skipwise.cost.interleaved import Timing
from skipwise.data.options import ReadingOptions
from skipwise.deploy.verify.drop import seen
from skipwise.gating.record import ClassChange, GateReport, GateSide, GateSpeed, Outcome
from skipwise.statistics import FEWEST_GROUPS
from skipwise.statistics.noninferiority import Drop

FEW_CLASSES = 20
DESCRIPTIVE = (
    "The classes are there to be looked at: they have no part in the answer, and nothing is tested. Of many classes, "
    "some lose a few images by chance alone."
)


def points(margin: float) -> str:
    """A margin: "1 point", "0.5 points"."""
    return f"{margin:g} point{'' if margin == 1 else 's'}"


def verdict_of(outcome: Outcome, drop: Drop, margin: float, alpha: float, *, old: str, new: str) -> Iterator[str]:
    """The answer in a few sentences.

    Args:
        old, new: what the networks are called.
    """
    most = points(margin)
    match outcome:
        case "pass":
            yield f"PASS: {new} is shown not to be worse than {old} by more than {most}."
        case "fail":
            yield f"FAIL: {new} is shown to be worse than {old} by more than {most}."
        case "cannot tell":
            yield f"CAN'T TELL: these images do not show whether {new} is worse than {old} by more than {most}."
    yield f"{seen(drop, alpha)}{_groups(drop)}."
    if drop.low > 0 and outcome != "fail":
        within = "by less than the margin" if outcome == "pass" else "by how much is not known well enough"
        yield f"It is shown to be worse, {within}."
    if drop.high < 0:
        yield "It is shown to be better."
    if outcome == "cannot tell":
        yield _enough(drop)
    if drop.groups < min(FEWEST_GROUPS, drop.images):
        yield (
            f"The images are of {count(drop.groups, 'group')}, too few to know how much groups differ: give images of "
            f"at least {FEWEST_GROUPS}."
        )


def _groups(drop: Drop) -> str:
    return "" if drop.groups == drop.images else f"; the images are of {count(drop.groups, 'group')}"


def _enough(drop: Drop) -> str:
    if drop.enough is None:
        return (
            "If the true drop is what was seen here, no number of such images can tell, as it is too near the margin: "
            "allow more with --margin, or improve the network."
        )
    return f"If the true drop is what was seen here, about {drop.enough:,} such images can tell. Give more images."


def grouped_by(reading: ReadingOptions, grouped: bool) -> str:
    """Names what groups the images: "column patient"; "" where each image is by itself."""
    if not grouped:
        return ""
    if reading.group is not None:
        return "folders" if reading.group == "folder" else f"column {reading.group}"
    return f"pattern {reading.group_regex}" if reading.group_regex is not None else "the images' own groups"


def side_rows(report: GateReport) -> list[tuple[str, str, str]]:
    """Lists facts about both networks: a heading, the old one's and the new one's value."""
    old, new, speed = report.old, report.new, report.speed
    rows = [
        ("network", old.model, new.model),
        ("accuracy", f"{100 * old.accuracy:.2f}%", f"{100 * new.accuracy:.2f}%"),
    ]
    if speed is not None:
        rows.append(("ms per image", _milliseconds(speed.old), _milliseconds(speed.new)))
    if old.size is not None or new.size is not None:
        rows.append(("size", _size(old), _size(new)))
    if old.certificate or new.certificate:
        rows.append(("certificate", old.certificate or "no artifact", new.certificate or "no artifact"))
    return rows


def _milliseconds(timing: Timing) -> str:
    return f"{timing.median * 1e3:.2f} ({timing.low * 1e3:.2f}-{timing.high * 1e3:.2f})"


def _size(side: GateSide) -> str:
    return "unknown" if side.size is None else byte_size(side.size)


def about_speed(speed: GateSpeed) -> str:
    """States how much slower or faster the new network is."""
    return (
        f"The new network takes {speed.ratio:.2f} times as long for an image (medians of {speed.old.rounds} rounds in "
        f"turn, {count(speed.threads, 'thread')}, in brackets the middle half). Speed has no part in the answer."
    )


CLASS_HEADINGS = ("class", "images", "old right", "new right", "lost", "won")


def class_rows(report: GateReport) -> tuple[list[tuple[str, ...]], int]:
    """A row for each class under `CLASS_HEADINGS`, those that lost most first, and how many classes are left out."""
    order = sorted(report.classes, key=lambda each: (each.won - each.lost, -each.images, each.name))
    return [_class_row(each) for each in order[:FEW_CLASSES]], max(len(order) - FEW_CLASSES, 0)


def _class_row(each: ClassChange) -> tuple[str, ...]:
    old, new = (f"{100 * right / each.images:.1f}%" for right in (each.old, each.new))
    return (each.name, f"{each.images:,}", old, new, f"{each.lost:,}", f"{each.won:,}")
