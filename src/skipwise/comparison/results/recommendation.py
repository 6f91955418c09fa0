"""The recommendation of a comparison, as a record: the choice, its reason, and what it may lose."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import ClassVar, Literal

from skipwise.core.deprecation import earlier_name

Quantity = Literal["latency", "size", "multiply-adds", "outcome"]
Basis = Literal[
    "too few compared", "none fits", "only one fits", "cheapest of those as good", "alone as good", "best guess"
]
"""The reason why a candidate was chosen, or why none was."""


@dataclass(frozen=True, kw_only=True)
class Excess:
    """A limit that a candidate breaks.

    Args:
        quantity: what is limited.
        value: the candidate's, in seconds, bytes, multiply-adds or as a score; None where it is not known.
        limit: in the same unit.
    """

    quantity: Quantity
    value: float | None
    limit: float


@dataclass(frozen=True, kw_only=True)
class Faster:
    """A candidate that is faster than the recommended one.

    Args:
        name: the candidate.
        latency: seconds per image.
    """

    name: str
    latency: float


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """The candidate to use, and what that rests on; `Comparison.verdict` says it in words.

    Args:
        candidate: the choice; None if nothing could be compared or nothing fits.
        shown: whether it was shown to be less than the margin worse than every other one that fits.
        largest_loss: the most it may be worse than one of them (`against`) that is not excluded, as a difference of
            scores (for accuracy, a fraction); None where there is no other, or no bound.
        against: the candidate that it may be furthest behind.
        unfit: the limits that each candidate breaks, for those that break any.
        basis: why this candidate was chosen; None in records of earlier versions.
        latency: its seconds per image; None where that was not measured.
        where: the machine on which latencies were measured.
        fastest: the fastest candidate that fits, if it is faster than the choice.
        as_good: all candidates that are shown to be less than the margin worse than every other one that fits.
        rivals: the candidates from which a best guess could not be told apart.
        level: the candidates that did exactly as well as a best guess.
        faster: the fastest candidate that is faster than a best guess and shown to be as good, if there is one.
        faster_rival: the fastest of `rivals` that is faster than a best guess, if there is one.
        not_reached: the outcome that was asked for, where it is not shown that the choice reaches it.
    """

    candidate: str | None
    shown: bool
    largest_loss: float | None
    against: str | None
    unfit: dict[str, tuple[Excess, ...]]
    basis: Basis | None = None
    latency: float | None = None
    where: str = ""
    fastest: Faster | None = None
    as_good: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()
    level: tuple[str, ...] = ()
    faster: Faster | None = None
    faster_rival: Faster | None = None
    not_reached: float | None = None

    EARLIER_NAMES: ClassVar[dict[str, str]] = {"candidate": "contender"}
    contender = earlier_name("candidate", "contender")

    @property
    def sentence(self) -> str:
        """The choice in a few words; replaced by `Comparison.verdict`, which says how sure it is, too."""
        warnings.warn("`recommendation.sentence` is now `Comparison.verdict`.", DeprecationWarning, stacklevel=2)
        if self.candidate is None:
            return "No network can be recommended."
        return f"Use {self.candidate}." if self.shown else f"Use {self.candidate}, if you must choose now."

    @property
    def separating(self) -> tuple[str, ...]:
        """Always empty; replaced by `Comparison.verdict`, which says what would change it."""
        warnings.warn("`recommendation.separating` is now in `Comparison.verdict`.", DeprecationWarning, stacklevel=2)
        return ()
