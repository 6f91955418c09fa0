"""From a judgement at a look to the record for whoever looks on."""

from __future__ import annotations

from skipwise.comparison.results.interim import Interim, InterimNetwork, InterimPair
from skipwise.comparison.results.judged import possible, possible_pairs
from skipwise.comparison.run.settling import next_look
from skipwise.comparison.run.study import LookTaken
from skipwise.comparison.wording import phrases


def interim_of(look: LookTaken) -> Interim:
    """Returns what a look has shown, and what the next one may settle."""
    plan, judgement = look.plan, look.judgement
    question, scoring = plan.question, plan.question.scoring
    goes_on = look.left if len(look.seeds) < len(plan.looks) else frozenset()
    networks = []
    for name in plan.trained:
        outcome = possible(judgement.accuracies.get(name), scoring)
        networks.append(
            InterimNetwork(
                name=name,
                seeds=len(look.answers[name].seeds),
                value=None if outcome is None else outcome.value,
                low=None if outcome is None else outcome.low,
                high=None if outcome is None else outcome.high,
                text=phrases.mean(outcome, question),
                goes_on=name in goes_on,
            )
        )
    return Interim(
        looks=look.seeds,
        planned=plan.looks,
        measure=phrases.measure(question),
        sure=phrases.sure(question),
        heading=scoring.heading,
        networks=tuple(networks),
        pairs=tuple(
            InterimPair(a=pair.a, b=pair.b, verdict=pair.verdict, text=phrases.difference(pair, question))
            for pair in possible_pairs(judgement.pairs, scoring)
        ),
        next_look=next_look(look),
    )
