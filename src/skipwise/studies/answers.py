"""The rule from results to a verdict, the same for every study and fixed before anything is run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from skipwise.statistics.records import Verdict

Answer = Literal["supported", "contradicted", "undecided"]

ANSWERS: dict[Verdict, Answer] = {
    "better": "supported",
    "worse": "contradicted",
    "equivalent": "contradicted",
    "unresolved": "undecided",
}
"""The answer to a part of a claim that says a network is better than another, by the verdict on that pair."""

RULE = (
    "A part of the claim says that one network does better than another. It is supported where the interval of their "
    "difference is wholly on that side of zero; contradicted where it is wholly on the other side, or where all of it "
    "is smaller than the margin; and undecided otherwise. Where fewer than two runs of a network learned anything, it "
    "has no interval, and counts as worse than one of which at least two did. The claim is supported if all of its "
    "parts are, contradicted if any part is, and undecided otherwise."
)


def answer_to(verdict: Verdict) -> Answer:
    """The answer to one part of a claim."""
    return ANSWERS[verdict]


def answer_in_all(answers: Iterable[Answer]) -> Answer:
    """The verdict on a claim, of the answers to its parts.

    Example:
        >>> answer_in_all(["supported", "undecided"]), answer_in_all(["undecided", "contradicted"])
        ('undecided', 'contradicted')
    """
    each = list(answers)
    if "contradicted" in each:
        return "contradicted"
    return "supported" if each and all(answer == "supported" for answer in each) else "undecided"


def without_interval(better_learned: int, worse_learned: int) -> Verdict:
    """The verdict on a pair without an interval, by how many runs of each network learned anything."""
    if better_learned >= 2 > worse_learned:
        return "better"
    return "worse" if worse_learned >= 2 > better_learned else "unresolved"
