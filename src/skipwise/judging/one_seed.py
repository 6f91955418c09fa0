"""One file of each network: an interval of the paired difference, and McNemar's exact test.

They are about these files only. How much the same networks vary from seed to seed is not known, so nothing is said of
the networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from skipwise.comparison.question.question import Question
from skipwise.core.errors import SkipwiseError
from skipwise.judging.record import OneSeedPair
from skipwise.statistics import Estimate, Pair, mcnemar
from skipwise.statistics.groups import groups_if_any
from skipwise.statistics.means import share_interval
from skipwise.statistics.noninferiority import noninferiority
from skipwise.statistics.records import verdict_of
from skipwise.statistics.simultaneous import accuracy_level, pair_level

ONE_LOOK = (2,)


@dataclass(frozen=True, kw_only=True)
class Single:
    """The results that single files show.

    Args:
        estimates: each file's mean score with its interval over images.
        pairs: the difference of each pair, with an interval over images.
        tests: McNemar's test for each pair.
    """

    estimates: dict[str, Estimate]
    pairs: tuple[Pair, ...]
    tests: tuple[OneSeedPair, ...]


def judge_single(scores: Mapping[str, NDArray[np.float64]], question: Question, groups: NDArray | None) -> Single:
    """The intervals and verdicts of one file for each network.

    Args:
        scores: 1 where a network's answer is right, else 0 [images].
        question: what is asked.
        groups: an id for each image of those that belong together; None where each is by itself.

    Raises:
        SkipwiseError: the outcome is none that counts images which are right or wrong.
    """
    outcome = question.scoring
    if not outcome.right_or_wrong or outcome.is_weighted:
        raise SkipwiseError(
            f"With one seed of each network only images that are right or wrong can be counted, and {outcome.name} is "
            "another measure; give at least two seeds of each, or --outcome accuracy."
        )
    right = {name: each == 1 for name, each in scores.items()}
    images = len(next(iter(scores.values())))
    together = groups_if_any(groups, images)
    level = accuracy_level(len(scores), ONE_LOOK, question.alpha)
    estimates = {
        name: Estimate(
            float(each.mean()),
            *share_interval(each, together, expected=float(each.mean()), alike=images, alpha=level),
        )
        for name, each in scores.items()
    }
    level = pair_level(len(scores), ONE_LOOK, question.alpha)
    numbers = None if groups is None else np.unique(groups, return_inverse=True)[1].astype(np.int64)
    pairs, tests = [], []
    for a, b in combinations(right, 2):
        # What b loses against a is how much better a is.
        drop = noninferiority(right[a], right[b], limit=question.tolerance, groups=numbers, alpha=level)
        pairs.append(
            Pair(
                a=a,
                b=b,
                difference=drop.value,
                low=drop.low,
                high=drop.high,
                verdict=verdict_of(drop.low, drop.high, question.tolerance),
                equivalent=-question.tolerance < drop.low and drop.high < question.tolerance,
                seeds=1,
                images=images,
                groups=None if groups is None else drop.groups,
            )
        )
        test = mcnemar(right[a], right[b])
        p = test.p if groups is None else None
        tests.append(OneSeedPair(a=a, b=b, only_a=test.only_a, only_b=test.only_b, p=p))
    return Single(estimates=estimates, pairs=tuple(pairs), tests=tuple(tests))
