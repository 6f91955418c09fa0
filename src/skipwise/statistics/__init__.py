"""Right-or-wrong arrays -> intervals and verdicts; numpy and scipy, nothing of ours.

The heart is `judge`. `settle` and `contenders_left` make a sequence of looks at growing data out of it; `bootstrap`
and `mcnemar` are second opinions that rest on other assumptions.
"""

from skipwise.statistics.checks import McNemar, bootstrap, mcnemar
from skipwise.statistics.climbing import Climb, climb
from skipwise.statistics.judging import MOST_SEEDS, Estimate, Judgement, Pair, Verdict, judge
from skipwise.statistics.looks import beaten, contenders_left, settle
from skipwise.statistics.resolution import at_best, least_shown

__all__ = [
    "MOST_SEEDS",
    "Climb",
    "Estimate",
    "Judgement",
    "McNemar",
    "Pair",
    "Verdict",
    "at_best",
    "beaten",
    "bootstrap",
    "climb",
    "contenders_left",
    "judge",
    "least_shown",
    "mcnemar",
    "settle",
]
