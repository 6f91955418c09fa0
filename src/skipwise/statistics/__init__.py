"""Right-or-wrong arrays -> intervals and verdicts; numpy and scipy, nothing of ours.

The heart is `judge`. `settle` and `contenders_left` make a sequence of looks at growing data out of it; `bootstrap`
and `mcnemar` are second opinions that rest on other assumptions.
"""

from skipwise.statistics.checks import McNemar, bootstrap, mcnemar
from skipwise.statistics.judging import Estimate, Judgement, Pair, Verdict, judge
from skipwise.statistics.looks import contenders_left, out, settle

__all__ = [
    "Estimate",
    "Judgement",
    "McNemar",
    "Pair",
    "Verdict",
    "bootstrap",
    "contenders_left",
    "judge",
    "mcnemar",
    "out",
    "settle",
]
