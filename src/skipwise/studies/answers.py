"""The rule from results to a verdict, the same for every study and fixed before anything is run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Answer = Literal["supported", "contradicted", "undecided"]
Verdict = Literal["more", "less", "alike", "unresolved"]
"""On a pair of networks: whether the first does better (or has more of what is compared) than the second."""

ANSWERS: dict[Verdict, Answer] = {
    "more": "supported",
    "less": "contradicted",
    "alike": "contradicted",
    "unresolved": "undecided",
}
"""The answer to a part of a claim that says a network has more than another, by the verdict on that pair."""

RULE = (
    "A part of the claim says that one network does better than another, or has more of something. It is supported "
    "where the interval of their difference is wholly on that side of zero (of a ratio, of one); contradicted where it "
    "is wholly on the other side, or where all of it is smaller than the margin; and undecided otherwise. Where fewer "
    "than two runs of a network learned anything, it has no interval, and does worse than one of which at least two "
    "did. The claim is supported if all of its parts are, contradicted if any part is, and undecided otherwise."
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


def without_interval(learned_a: int, learned_b: int) -> Verdict:
    """The verdict on how well two networks do, without an interval, by how many runs of each learned anything."""
    if learned_a >= 2 > learned_b:
        return "more"
    return "less" if learned_b >= 2 > learned_a else "unresolved"
