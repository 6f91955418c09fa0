"""The chance that more seeds settle what a comparison leaves open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from skipwise.comparison.evidence.predictions import Answers, Tested
from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.results.effort import effort_for
from skipwise.comparison.results.interim import NextLook
from skipwise.comparison.results.recommendation import Recommendation
from skipwise.comparison.results.records import Results, Settling, as_advantage
from skipwise.comparison.run.study import LookTaken, StudyResult
from skipwise.comparison.wording.phrases import rounded_up
from skipwise.statistics import MOST_SEEDS, Foreseen, Judgement, Pair, beaten, foresee, pair_level


def next_look(look: LookTaken) -> NextLook | None:
    """The cost of the plan's next look, and what it may settle; None where there is none."""
    plan, judgement, taken = look.plan, look.judgement, len(look.seeds)
    if not look.left or taken >= len(plan.looks):
        return None
    question, seeds = plan.question, plan.looks[taken]
    advantages = [as_advantage(pair, question.scoring) for pair in judgement.pairs]
    gone = set() if question.every_pair else beaten(advantages, judgement.margin).keys()
    pairs = [
        pair
        for pair in judgement.pairs
        if pair.verdict == "unresolved" and pair.seeds_needed is not None and not {pair.a, pair.b} & gone
    ]
    new = (seeds - look.seeds[-1]) * (plan.folds or 1)
    foreseen = _foreseen(plan, look.tested, look.answers, judgement, pairs, seeds, question.level)
    return NextLook(
        seeds=seeds,
        runs={name: new for name in plan.trained if name in look.left},
        chance=foreseen.chance,
        least=foreseen.least,
        most=foreseen.most,
    )


def settling(study: StudyResult, results: Results, choice: Recommendation) -> Settling | None:
    """The cost of as many seeds as would tell a best guess from its rivals, and what they may settle; None where no
    number would."""
    plan = study.plan
    if choice.basis != "best guess":
        return None
    rivals = [results.pair(str(choice.candidate), rival) for rival in choice.rivals]
    pairs = [pair for pair in rivals if pair is not None]
    if not pairs or (effort := effort_for(pairs, results)).seeds is None:
        return None
    seeds, question = rounded_up(effort.seeds.needed), plan.question
    if seeds > MOST_SEEDS:
        return None
    looks = (*(look for look in question.looks if look < seeds), seeds)
    level = pair_level(len(question.candidates), looks, question.share_of_alpha)
    named = {frozenset((pair.a, pair.b)) for pair in pairs}
    open_pairs = [pair for pair in study.judgement.pairs if frozenset((pair.a, pair.b)) in named]
    foreseen = _foreseen(plan, study.tested, study.answers, study.judgement, open_pairs, seeds, level)
    return Settling(seeds=seeds, chance=foreseen.chance, least=foreseen.least, most=foreseen.most)


def _foreseen(
    plan: Plan,
    tested: Tested,
    answers: Mapping[str, Answers],
    judgement: Judgement,
    pairs: Sequence[Pair],
    seeds: int,
    level: float,
) -> Foreseen:
    question = plan.question
    return foresee(
        {name: each.scores[each.has_learned] for name, each in answers.items() if name in plan.trained},
        judgement,
        [(pair.a, pair.b) for pair in pairs],
        seeds=seeds,
        level=level,
        groups=tested.groups_that_count,
        higher_is_better=question.scoring.higher_is_better,
        every_pair=question.every_pair,
    )
