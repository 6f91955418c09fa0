"""The results by one of several outcomes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from skipwise.evaluation.outcomes import Outcome, outcome_of
from skipwise.statistics import Estimate, Pair


@dataclass(frozen=True, kw_only=True)
class Reached:
    """A network's mean over the runs that learned, with its interval; None with fewer than two such seeds."""

    name: str
    outcome: Estimate | None


@dataclass(frozen=True, kw_only=True)
class JudgedOutcome:
    """The networks and pairs of a comparison by one outcome. Intervals hold for all outcomes that were asked for.

    Args:
        outcome: its name, as in `--outcome`.
        margin: the difference that would not matter, in its unit.
        networks: in the order of the candidates.
        pairs: those that could be judged.
    """

    outcome: str
    margin: float
    networks: tuple[Reached, ...]
    pairs: tuple[Pair, ...]

    @property
    def scoring(self) -> Outcome:
        """The outcome, which knows how values are counted and shown."""
        return outcome_of(self.outcome)

    def pair(self, a: str, b: str) -> Pair | None:
        """The pair as seen from a's side, whichever way round it is kept; None if it could not be judged."""
        return find_pair(self.pairs, a, b)


def find_pair(pairs: Iterable[Pair], a: str, b: str) -> Pair | None:
    """The pair of two networks as seen from a's side; None if it is not there either way round."""
    for pair in pairs:
        if (pair.a, pair.b) == (a, b):
            return pair
        if (pair.a, pair.b) == (b, a):
            return pair.turned()
    return None


def possible(estimate: Estimate | None, scoring: Outcome) -> Estimate | None:
    """The estimate, with an interval that stays within the scores that there can be."""
    if estimate is None:
        return None
    least, most = _ends(scoring)
    return replace(estimate, low=max(estimate.low, least), high=min(estimate.high, most))


def possible_pairs(pairs: Sequence[Pair], scoring: Outcome) -> tuple[Pair, ...]:
    """The pairs, with intervals that stay within the differences that there can be."""
    least, most = _ends(scoring)
    reach = most - least
    return tuple(replace(pair, low=max(pair.low, -reach), high=min(pair.high, reach)) for pair in pairs)


def _ends(scoring: Outcome) -> tuple[float, float]:
    """The least and the largest score. `judge` keeps to those of scores of which more is better."""
    return (
        -math.inf if scoring.least is None else scoring.least,
        math.inf if scoring.most is None else scoring.most,
    )
