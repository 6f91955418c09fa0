"""The outcomes that are judged beside the first one.

They decide neither who gets more seeds nor when a comparison ends, so they are judged once, at its end, each pair on
the seeds that both networks have. That is one of the looks, and the intervals are made to hold at all of them, so that
it does not matter why runs ended there.
"""

from __future__ import annotations

from collections.abc import Sequence

from skipwise.comparison.question.question import Question
from skipwise.comparison.results.judged import JudgedOutcome, Reached, possible, possible_pairs
from skipwise.comparison.run.study import StudyResult
from skipwise.evaluation.outcomes import Outcome
from skipwise.statistics import Judgement, judge


def judge_further(study: StudyResult) -> tuple[JudgedOutcome, ...]:
    """Judges a finished study by each of its question's further outcomes."""
    _, *questions = study.plan.question.questions
    return tuple(_judged(study, number, question) for number, question in enumerate(questions))


def _judged(study: StudyResult, number: int, question: Question) -> JudgedOutcome:
    """Judges by one further outcome, whose scores have this number among them."""
    plan, tested, scoring = study.plan, study.tested, question.scoring
    answers = {name: study.answers[name] for name in plan.trained if name in study.answers}
    counts = scoring.members(tested.labels, plan.classes)
    judged = judge(
        {name: each.further[number] for name, each in answers.items()},
        margin=question.tolerance,
        alpha=question.alpha,
        looks=question.looks,
        seeds={name: each.seeds for name, each in answers.items()},
        groups=None if tested.groups is None else tested.groups[counts],
        learned={name: each.learned for name, each in answers.items()},
        higher_is_better=scoring.higher_is_better,
    )
    return JudgedOutcome(
        outcome=question.outcome,
        margin=question.margin,
        networks=_networks(judged, question.candidates, scoring),
        pairs=possible_pairs(judged.pairs, scoring),
    )


def _networks(judged: Judgement, names: Sequence[str], scoring: Outcome) -> tuple[Reached, ...]:
    return tuple(Reached(name=name, outcome=possible(judged.accuracies.get(name), scoring)) for name in names)
