"""Scores of images -> intervals and verdicts; numpy and scipy, nothing of ours.

The heart is `judge`. `carry_forward` and `candidates_left` make a sequence of looks at growing data out of it.
`bootstrap` and `mcnemar` are second opinions that rest on other assumptions.
"""

import warnings
from typing import Any

from skipwise.statistics.crosschecks import McNemar, bootstrap, mcnemar
from skipwise.statistics.extrapolation import LEAST_CURVE_SEEDS, Doubling, doubling
from skipwise.statistics.groups import FEWEST_GROUPS
from skipwise.statistics.judging import MOST_SEEDS, judge
from skipwise.statistics.predictive import Foreseen, chance_to_settle, foresee
from skipwise.statistics.records import Estimate, Judgement, Pair, Verdict
from skipwise.statistics.resolution import Resolution, at_best, least_shown, resolution
from skipwise.statistics.runs.climbing import Climb, climb
from skipwise.statistics.runs.reaching import Attempt, Reaching, ReachingPair, Reachings, first_reached, reachings
from skipwise.statistics.runs.shares import Share, share
from skipwise.statistics.runs.spread import FEWEST_RUNS, Spread, SpreadPair, Spreads, spreads
from skipwise.statistics.sequential import beaten, candidates_left, carry_forward
from skipwise.statistics.simultaneous import SCHEDULE, pair_level, schedule

__all__ = [
    "FEWEST_GROUPS",
    "FEWEST_RUNS",
    "LEAST_CURVE_SEEDS",
    "MOST_SEEDS",
    "SCHEDULE",
    "Attempt",
    "Climb",
    "Doubling",
    "Estimate",
    "Foreseen",
    "Judgement",
    "McNemar",
    "Pair",
    "Reaching",
    "ReachingPair",
    "Reachings",
    "Resolution",
    "Share",
    "Spread",
    "SpreadPair",
    "Spreads",
    "Verdict",
    "at_best",
    "beaten",
    "bootstrap",
    "carry_forward",
    "chance_to_settle",
    "climb",
    "doubling",
    "candidates_left",
    "first_reached",
    "foresee",
    "judge",
    "least_shown",
    "mcnemar",
    "pair_level",
    "reachings",
    "resolution",
    "schedule",
    "share",
    "spreads",
]

_EARLIER = {"contenders_left": "candidates_left", "settle": "carry_forward"}


def __getattr__(name: str) -> Any:
    if name not in _EARLIER:
        raise AttributeError(f"module 'skipwise.statistics' has no attribute {name!r}")
    warnings.warn(f"`{name}` is now `{_EARLIER[name]}`.", DeprecationWarning, stacklevel=2)
    return globals()[_EARLIER[name]]
