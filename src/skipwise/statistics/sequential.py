"""Looking at growing data several times, and spending more seeds only where the answer is still open.

    judgement = None
    for count in looks:
        ... train every candidate that is left up to `count` seeds ...
        judgement = carry_forward(judgement, judge(answers so far, margin=..., looks=len(looks)))
        left = candidates_left(judgement)

Every interval was made at alpha / looks, so all of those shown at all looks hold together; stopping early can only
leave some of them out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from skipwise.statistics.records import Judgement, Pair


def carry_forward(earlier: Judgement | None, now: Judgement) -> Judgement:
    """The judgement at this look: a pair that was decided at an earlier one stays as it was decided there."""
    if earlier is None:
        return now
    decided = {(pair.a, pair.b): pair for pair in earlier.pairs if pair.verdict != "unresolved"}
    return replace(now, pairs=tuple(decided.get((pair.a, pair.b), pair) for pair in now.pairs))


def beaten(pairs: Iterable[Pair], margin: float) -> dict[str, str]:
    """The candidates shown to be more than the margin below another one, each with the one it is furthest below.

    Nobody would choose them.
    """
    shown: dict[str, Pair] = {}
    for pair in pairs:
        for side in (pair, pair.turned()):
            if side.high < -margin and (side.a not in shown or side.high < shown[side.a].high):
                shown[side.a] = side
    return {name: pair.b for name, pair in shown.items()}


def candidates_left(judgement: Judgement, *, every_pair: bool = False) -> frozenset[str]:
    """The candidates that need more seeds: those of pairs that are open.

    A pair is open while it is unresolved and more seeds can settle it, and while neither candidate is beaten; with
    `every_pair`, also then.
    """
    gone = set() if every_pair else beaten(judgement.pairs, judgement.margin).keys()

    def is_open(pair: Pair) -> bool:
        return pair.verdict == "unresolved" and pair.seeds_needed is not None and not {pair.a, pair.b} & gone

    return frozenset(name for pair in judgement.pairs if is_open(pair) for name in (pair.a, pair.b))
