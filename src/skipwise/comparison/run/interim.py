"""From a judgement at a look to the record for whoever looks on."""

from __future__ import annotations

from collections.abc import Mapping

from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.results.interim import Interim, InterimNetwork, InterimPair
from skipwise.comparison.results.judged import possible, possible_pairs
from skipwise.comparison.run.predictions import Answers
from skipwise.comparison.wording import phrases
from skipwise.statistics import Judgement


def interim_of(
    plan: Plan, looks: tuple[int, ...], judgement: Judgement, answers: Mapping[str, Answers], left: frozenset[str]
) -> Interim:
    """Returns what a look has shown.

    Args:
        looks: the number of seeds at each look so far.
        judgement: at the last of them.
        answers: of every candidate that is trained.
        left: the candidates that get more seeds, if there are more looks.
    """
    question, scoring = plan.question, plan.question.scoring
    goes_on = left if len(looks) < len(plan.looks) else frozenset()
    networks = []
    for name in plan.trained:
        outcome = possible(judgement.accuracies.get(name), scoring)
        networks.append(
            InterimNetwork(
                name=name,
                seeds=len(answers[name].seeds),
                value=None if outcome is None else outcome.value,
                low=None if outcome is None else outcome.low,
                high=None if outcome is None else outcome.high,
                text=phrases.mean(outcome, question),
                goes_on=name in goes_on,
            )
        )
    return Interim(
        looks=looks,
        planned=plan.looks,
        measure=phrases.measure(question),
        sure=phrases.sure(question),
        heading=scoring.heading,
        networks=tuple(networks),
        pairs=tuple(
            InterimPair(a=pair.a, b=pair.b, verdict=pair.verdict, text=phrases.difference(pair, question))
            for pair in possible_pairs(judgement.pairs, scoring)
        ),
    )
